import type { ErrorObject } from "ajv";
import { isCidr, publicInternet } from "../model/profile.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { packValidator } from "./pack-validators.js";
import { PROFILE_SCHEMA } from "./profile-schema.js";

/** What the cluster does where the specification leaves it open: one for the cluster, read by every pack. */
export type Profile = Readonly<Record<string, unknown>>;

/** Some switches of a profile, as a file or an overlay gives them. */
export type Switches = Readonly<Record<string, unknown>>;

/** Checks a profile's switches and fills in their defaults. */
export function parseProfile(values: Switches): Result<Profile> {
  const problems = checkSwitches(values, "");
  if (problems.length > 0) return failed(...problems);
  const copy: Record<string, unknown> = { ...values };
  packValidator("profile")(copy);
  if ((copy.publicInternet as string[]).length === 0) copy.publicInternet = publicInternet();
  if ((copy.apiServerSources as string[]).length === 0) copy.apiServerSources = copy.apiServer;
  return ok(Object.freeze(copy));
}

/** What is wrong with some switches; `path` is where they stand. */
export function checkSwitches(values: Switches, path: string): Problem[] {
  const validate = packValidator("profile");
  if (!validate({ ...values })) return (validate.errors ?? []).map((error) => switchProblem(error, path));
  return (["apiServer", "apiServerSources", "publicInternet"] as const).flatMap((name) => {
    const list = (values[name] ?? []) as readonly string[];
    return list.flatMap((cidr, i): Problem[] => (isCidr(cidr) ? [] : [{ code: "profile/cidr", message: `\`${cidr}\` is no CIDR`, path: below(path, `${name}[${i}]`) }]));
  });
}

function switchProblem({ instancePath, message = "is wrong", params }: ErrorObject, path: string): Problem {
  const { additionalProperty, allowedValues } = params as { additionalProperty?: string; allowedValues?: unknown[] };
  const name = additionalProperty ?? instancePath.slice(1).replace(/\/(\d+)$/, "[$1]");
  const values = allowedValues ? `: ${allowedValues.join(", ")}` : "";
  const text = additionalProperty ? `unknown profile switch \`${name}\`; one of ${Object.keys(PROFILE_SCHEMA.properties).join(", ")}` : `profile switch \`${name}\` ${message}${values}`;
  return { code: "profile/value", message: text, path: below(path, name) };
}

function below(path: string, name: string): string {
  return path === "" ? name : `${path}.${name}`;
}
