import { createHash } from "node:crypto";
import { dirname, normalize } from "node:path";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { compilePacks, isPack, type CompiledPacks } from "../packs/compile.js";
import { readSetting, type Settings } from "../packs/parameters.js";
import { PROFILE_SCHEMA, type Profile } from "../packs/profile.js";
import { loadManifests, type Manifests } from "./files.js";
import { listFiles } from "./listing.js";
import { isSwitch, loadProfile, type Knobs, type Setting } from "./profile.js";

export interface LoadedPacks {
  readonly packs: CompiledPacks;
  /** Names what decisions were made by: changes with the packs, the profile and the settings, not with comments or the order of files. */
  readonly digest: string;
}

/**
 * The packs in force, compiled with the profile and the settings. Problems name file, line and path. `more` are packs from
 * elsewhere, which may use the names that the others define.
 */
export async function loadPacks(knobs: Knobs, more: readonly KubeObject[] = []): Promise<Result<LoadedPacks>> {
  const [profile, packs] = [await loadProfile(knobs), await readPackFiles(knobs.packs)];
  if (!profile.ok || !packs.ok) return failed(...[profile, packs].flatMap((part) => (part.ok ? [] : part.problems)));
  const objects = [...packs.value.objects.filter(isPack), ...more];
  const settings = readSettings(knobs.set, objects);
  if (!settings.ok) return settings;
  const options = { settings: settings.value, profile: profile.value };
  const compiled = compilePacks(objects, options);
  if (!compiled.ok) return failed(...blame(compiled.problems, packs.value, options));
  return ok({ packs: compiled.value, digest: digestOf([...objects.map((object) => JSON.stringify(object)).sort(), JSON.stringify(options)]) });
}

function digestOf(texts: readonly string[]): string {
  const hash = createHash("sha256");
  for (const text of texts) hash.update(text).update("\n");
  return `sha256:${hash.digest("hex").slice(0, 16)}`;
}

/** For verbs that ask no rule: does every setting name a switch or a parameter? */
export async function checkSettings(knobs: Knobs): Promise<Result<Settings>> {
  const packs = await readPackFiles(knobs.packs);
  return packs.ok ? readSettings(knobs.set, packs.value.objects.filter(isPack)) : packs;
}

/** The manifests directly in the folder; `examples/` and `tests/` in it are not in force. */
async function readPackFiles(folder: string): Promise<Result<Manifests>> {
  const { files, problems } = await listFiles([folder]);
  if (problems.length > 0) return failed(...problems);
  const top = normalize(`${folder}/.`);
  return loadManifests(files.map(({ file }) => file).filter((file) => file === folder || normalize(dirname(file)) === top));
}

type Schemas = ReadonlyMap<string, { readonly type?: unknown }>;

function readSettings(set: readonly Setting[], packs: readonly KubeObject[]): Result<Settings> {
  const schemas: Schemas = new Map(packs.flatMap(parameterSchemas));
  const others = set.filter((setting) => !isSwitch(setting));
  const unknown = others.filter(({ name }) => !schemas.has(name));
  if (unknown.length > 0) return failed(...unknown.map(({ name }) => unknownSetting(name, schemas)));
  return ok(Object.fromEntries(others.map(({ name, value }) => [name, readSetting(value, schemas.get(name) ?? {})])));
}

/** Schemas of a pack's parameters, by `NAME` and by `PACK.NAME`. */
function parameterSchemas({ metadata, spec }: KubeObject): [string, { readonly type?: unknown }][] {
  const parameters = isRecord(spec) && isRecord(spec["parameters"]) ? spec["parameters"] : {};
  return Object.entries(parameters).flatMap(([name, schema]) => {
    const known = isRecord(schema) ? schema : {};
    return [[name, known], [`${metadata.name ?? ""}.${name}`, known]];
  });
}

function unknownSetting(name: string, schemas: Schemas): Problem {
  const known = [...Object.keys(PROFILE_SCHEMA.properties), ...[...schemas.keys()].filter((one) => !one.includes("."))];
  const message = `\`--set ${name}\` names no switch of the profile and no parameter of a pack; known are ${[...new Set(known)].join(", ")}`;
  return { code: "setting/unknown", message, path: "" };
}

/** A problem's pack is the one that has it when compiled without the others. */
function blame(problems: readonly Problem[], { objects, locate }: Manifests, options: Parameters<typeof compilePacks>[1]): Problem[] {
  const owners = objects.filter(isPack).map((object) => ({ object, own: problemsAlone(object, options) }));
  return problems.map((problem) => {
    const owner = owners.find(({ own }) => own.has(problemKey(problem)))?.object;
    const place = owner && locate(owner, problem.path);
    return place ? { ...problem, place } : problem;
  });
}

function problemsAlone(object: KubeObject, options: { readonly settings: Settings; readonly profile: Profile }): ReadonlySet<string> {
  const result = compilePacks([object], options);
  return new Set(result.ok ? [] : result.problems.map(problemKey));
}

function problemKey({ code, message, path }: Problem): string {
  return `${code} ${path} ${message}`;
}
