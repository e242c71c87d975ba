import { Ajv, type ErrorObject } from "ajv";
import { isCidr, publicInternet } from "../model/profile.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";

/** What the cluster does where the specification leaves it open: one for the cluster, read by every pack. */
export type Profile = Readonly<Record<string, unknown>>;

const CIDRS = { type: "array", items: { type: "string" } } as const;

/** The switches, as JSON Schema: types, values, defaults, meanings. */
export const PROFILE_SCHEMA = {
  type: "object",
  additionalProperties: false,
  properties: {
    cidrSelectsPods: { type: "boolean", default: true, description: "an ipBlock matches pod addresses too (S12)" },
    dnsMode: { type: "string", enum: ["kube-dns", "node-local", "cloud-dns"], default: "kube-dns", description: "where DNS goes" },
    dataplane: { type: "string", enum: ["v1", "v2"], default: "v1", description: "where the metadata server answers" },
    apiServer: { ...CIDRS, default: [], description: "addresses of the API server; empty: read from `default/kubernetes`" },
    apiServerSources: { ...CIDRS, default: [], description: "where requests of the API server to webhooks come from; empty: `apiServer`" },
    addressFamilies: { type: "string", enum: ["ipv4", "dual"], default: "ipv4", description: "which external ends are listed" },
    publicInternet: { ...CIDRS, default: [], description: "what `the Internet` means; empty: IPv4 without the special-purpose ranges" },
  },
} as const;

const validate = new Ajv({ allErrors: true, useDefaults: true, coerceTypes: false }).compile(PROFILE_SCHEMA);

/** Checks a profile's switches and fills in their defaults. */
export function parseProfile(values: Readonly<Record<string, unknown>>): Result<Profile> {
  const copy: Record<string, unknown> = { ...values };
  if (!validate(copy)) return failed(...(validate.errors ?? []).map(profileProblem));
  const lists = ["apiServer", "apiServerSources", "publicInternet"] as const;
  const problems = lists.flatMap((name) => (copy[name] as string[]).filter((cidr) => !isCidr(cidr)).map((cidr): Problem => badCidr(name, cidr)));
  if (problems.length > 0) return failed(...problems);
  if ((copy.publicInternet as string[]).length === 0) copy.publicInternet = publicInternet();
  if ((copy.apiServerSources as string[]).length === 0) copy.apiServerSources = copy.apiServer;
  return ok(Object.freeze(copy));
}

function profileProblem(error: ErrorObject): Problem {
  const unknown = error.params as { additionalProperty?: string; allowedValues?: unknown[] };
  const name = unknown.additionalProperty ?? error.instancePath.slice(1);
  const values = unknown.allowedValues ? `: ${unknown.allowedValues.join(", ")}` : "";
  const message = unknown.additionalProperty ? `unknown profile switch \`${name}\`; one of ${Object.keys(PROFILE_SCHEMA.properties).join(", ")}` : `profile switch \`${name}\` ${error.message ?? "is wrong"}${values}`;
  return { code: "profile/value", message, path: name };
}

function badCidr(name: string, cidr: string): Problem {
  return { code: "profile/cidr", message: `\`${cidr}\` is no CIDR`, path: name };
}
