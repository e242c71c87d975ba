import type { AdmissionRequest } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { kindKey } from "../model/kubernetes.js";
import { ruleId } from "../model/violation.js";
import type { Route } from "./route.js";

export interface Judged {
  readonly request: AdmissionRequest;
  readonly route: Route;
  readonly decision: Decision;
  readonly milliseconds: number;
  /** Resource versions of the snapshot, by kind: what `sluice replay` needs. */
  readonly versions: Readonly<Record<string, string>>;
}

/**
 * The fields of a decision's log line: who wanted what, and what came of it; nothing of the objects' content.
 * Fields that say the usual (not dry, no rule broken) are left out, so that a line stays near 300 bytes.
 */
export function decisionFields({ request, route, decision, milliseconds, versions }: Judged): Record<string, unknown> {
  const { uid, operation, kind, subResource, namespace, name, userInfo, dryRun } = request;
  const rules = decision.violations.map((violation) => `${ruleId(violation)}=${violation.action}`);
  return {
    route,
    uid: short(uid),
    operation,
    kind: short(subResource ? `${kindKey(kind)}/${subResource}` : kindKey(kind)),
    ...(namespace && { namespace: short(namespace) }),
    name: short(name),
    user: short(userInfo.username),
    ...(dryRun && { dryRun }),
    allowed: decision.allowed,
    ...(rules.length > 0 && { rules: [...new Set(rules)] }),
    ...(decision.patch.length > 0 && { patched: true }),
    ...(decision.errors.length > 0 && { errors: decision.errors.map(({ code, path }) => ({ code, path })) }),
    ms: Math.round(milliseconds * 100) / 100,
    ...(decision.packs !== undefined && { packs: decision.packs }),
    ...(Object.keys(versions).length > 0 && { versions }),
  };
}

// The longest name Kubernetes gives: a DNS subdomain of 253 characters.
function short(text: string): string {
  return text.length > 253 ? text.slice(0, 253) : text;
}
