import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** What the API server wrote down of one user's requests. */
export interface Asked {
  readonly verb: string;
  readonly group: string;
  /** `pods`, `rulepacks/status`, or a path that is no resource. */
  readonly what: string;
  readonly namespace?: string;
  readonly name?: string;
  readonly code: number;
}

interface AuditEvent {
  readonly verb: string;
  readonly requestURI: string;
  readonly objectRef?: { readonly apiGroup?: string; readonly resource?: string; readonly subresource?: string; readonly namespace?: string; readonly name?: string };
  readonly responseStatus?: { readonly code: number };
}

/** Flags that have the API server write down every request of one user, without its content. */
export function auditFlags(directory: string, user: string): readonly string[] {
  const rules = [{ level: "Metadata", users: [user], omitStages: ["RequestReceived"] }, { level: "None" }];
  writeFileSync(join(directory, "audit-policy.yaml"), JSON.stringify({ apiVersion: "audit.k8s.io/v1", kind: "Policy", rules }));
  return ["--audit-policy-file", join(directory, "audit-policy.yaml"), "--audit-log-path", join(directory, "audit.log")];
}

/** Everything that was asked so far. */
export function askedIn(directory: string): readonly Asked[] {
  const lines = readFileSync(join(directory, "audit.log"), "utf8").split("\n").filter((line) => line !== "");
  return lines.map((line) => askedOf(JSON.parse(line) as AuditEvent));
}

function askedOf({ verb, requestURI, objectRef, responseStatus }: AuditEvent): Asked {
  const { apiGroup: group = "", resource, subresource, namespace, name } = objectRef ?? {};
  const what = resource === undefined ? (requestURI.split("?")[0] ?? "") : subresource === undefined ? resource : `${resource}/${subresource}`;
  return { verb, group, what, code: responseStatus?.code ?? 0, ...(namespace !== undefined && { namespace }), ...(name !== undefined && { name }) };
}
