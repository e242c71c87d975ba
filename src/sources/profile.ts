import { stat } from "node:fs/promises";
import { join } from "node:path";
import { isRecord } from "../model/kubernetes.js";
import { failed, ok, type Result } from "../model/result.js";
import { readSetting } from "../packs/parameters.js";
import { parseProfile, PROFILE_SCHEMA, type Profile } from "../packs/profile.js";
import { parseDocuments } from "./documents.js";
import { readText } from "./files.js";

/** One `--set NAME=VALUE`. */
export interface Setting {
  readonly name: string;
  readonly value: string;
}

/** What decides how the cluster is taken to behave and which rules are in force. */
export interface Knobs {
  /** Folder of packs; those directly in it are in force. */
  readonly packs: string;
  /** A file of switches, or the name of one in `profiles/` of the packs folder. */
  readonly profile?: string;
  readonly set: readonly Setting[];
}

type Switches = Readonly<Record<string, unknown>>;

/** The profile: its file, then the settings that name switches. The other settings are for packs. */
export async function loadProfile({ packs, profile, set }: Knobs): Promise<Result<Profile>> {
  const file = profile === undefined ? ok<Switches>({}) : await readProfileFile(packs, profile);
  if (!file.ok) return file;
  const schemas: Readonly<Record<string, { readonly type?: unknown }>> = PROFILE_SCHEMA.properties;
  const switches = set.filter(isSwitch).map(({ name, value }): [string, unknown] => [name, readSetting(value, schemas[name] ?? {})]);
  return parseProfile({ ...file.value, ...Object.fromEntries(switches) });
}

/** Does a setting name a switch of the profile? Otherwise it is a parameter of packs, or nothing. */
export function isSwitch({ name }: Setting): boolean {
  return Object.hasOwn(PROFILE_SCHEMA.properties, name);
}

async function readProfileFile(packs: string, profile: string): Promise<Result<Switches>> {
  const named = join(packs, "profiles", `${profile}.yaml`);
  const file = (await isFile(profile)) || !(await isFile(named)) ? profile : named;
  const text = await readText(file);
  if (!text.ok) return failed({ code: "profile/unknown", message: `\`${profile}\` is neither a file nor the name of a profile in ${join(packs, "profiles")}`, path: "" });
  const { documents, problems } = parseDocuments(text.value, file);
  if (problems.length > 0) return failed(...problems);
  const value = documents[0]?.value ?? {};
  const switches = isRecord(value) && isRecord(value["spec"]) ? value["spec"] : value;
  return isRecord(switches) ? ok(switches) : failed({ code: "profile/shape", message: "a profile is a map of switches", path: "", place: { file } });
}

async function isFile(path: string): Promise<boolean> {
  return stat(path).then((found) => found.isFile(), () => false);
}
