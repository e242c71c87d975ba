import { createHash } from "node:crypto";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { sortedJson } from "../model/sorted-json.js";
import { compilePacks, isPack, type CompiledPacks, type PackProblem, type PackSettings } from "../packs/compile.js";
import { extendPacks, type Extended } from "../packs/extend.js";
import { isException, parseException } from "../packs/exception.js";
import { joinOverrides, overrideOf, ruleIds, type Overrides, type RuleOverride } from "../packs/overlay.js";
import { readSetting, type Settings } from "../packs/parameters.js";
import { PROFILE_SCHEMA } from "../packs/profile-schema.js";
import { effectivePacks, type EffectivePack } from "./effective.js";
import { loadManifests, type Manifests } from "./files.js";
import { isSwitch, type Knobs, type Setting } from "./knobs.js";
import { checkLayers, filesOf, type Layer } from "./overlays.js";
import { joinParts, objectPart, readParts, type PackPart } from "./pack-parts.js";
import { packWarnings } from "./pack-warnings.js";
import { composeProfile } from "./profile.js";

export interface LoadedPacks {
  readonly packs: CompiledPacks;
  /** Names what decisions were made by: changes with the packs, the profile and the settings, not with comments or the order of files. */
  readonly digest: string;
  /** The overlays in force, weakest first: `overlay x` of the packs folder, `profile x` of `--profile`. */
  readonly overlays: readonly string[];
  /** What gave a switch (`dataplane`), a parameter (`pack.holdPods`) or a rule (`pack/dns`) its value: an overlay of `overlays`, or `--set`. Defaults are not in it. */
  readonly origins: ReadonlyMap<string, string>;
  /** Exceptions that are not granted, patterns in them that fit no rule, objects that do not belong here: ignored, and to be told. */
  readonly warnings: readonly Problem[];
  /** What `packs` was compiled from: to compile a changed pack in the same way. */
  readonly source: PackSource;
  /** Every pack as it is in force, and where each value came from. */
  effective(): readonly EffectivePack[];
}

export interface PackSource {
  readonly objects: readonly KubeObject[];
  readonly options: PackSettings;
}

/**
 * The packs in force, compiled with the profile, the overlays and the settings. Problems name file, line and path. `more` are
 * packs and exceptions from elsewhere, which may use the names that the others define.
 */
export async function loadPacks(knobs: Knobs, more: readonly KubeObject[] = []): Promise<Result<LoadedPacks>> {
  const parts = await readParts(knobs);
  return parts.ok ? composePacks([...parts.value, objectPart("", more)], knobs) : parts;
}

/** As `loadPacks`, of parts that were read before, weakest first. */
export function composePacks(parts: readonly PackPart[], knobs: Knobs): Result<LoadedPacks> {
  const joined = joinParts(parts);
  if (!joined.ok) return joined;
  const { layers, locate } = joined.value;
  const extended = extendPacks(joined.value.objects.filter(isPack));
  if (extended.problems.length > 0) return failed(...placed(extended.problems, locate));
  const objects = extended.packs.map(({ object }) => object);
  const inForce = objects.filter(isInForce);
  const [profile, settings] = [composeProfile(layers, knobs.set), readSettings(knobs.set, inForce)];
  const problems = [...checkLayers(layers, inForce), ...[profile, settings].flatMap((part) => (part.ok ? [] : part.problems))];
  if (!profile.ok || !settings.ok || problems.length > 0) return failed(...problems);
  const options: PackSettings = {
    profile: profile.value,
    settings: Object.assign({}, ...layers.map(({ overlay }) => overlay.settings), settings.value) as Settings,
    overrides: composeOverrides(layers, ruleIds(inForce)),
    enforced: layers.flatMap(({ overlay }) => overlay.enforced),
    chosen: new Set([...layers.flatMap(({ overlay }) => Object.keys(overlay.profile)), ...knobs.set.filter(isSwitch).map(({ name }) => name)]),
    ...(knobs.point && { point: knobs.point }),
    exceptions: joined.value.objects.filter(isException).map(parseException),
  };
  const compiled = compilePacks(objects, options);
  if (!compiled.ok) return failed(...placed(compiled.problems.map((problem) => asWritten(problem, extended)), locate));
  const origins = originsOf(layers, [...knobs.set.filter(isSwitch).map(({ name }) => name), ...Object.keys(settings.value)]);
  return ok({
    packs: compiled.value,
    digest: digestOf([...[...objects, ...joined.value.objects.filter(isException)].map((object) => JSON.stringify(object)).sort(), sortedJson(knobsIn(options))]),
    warnings: packWarnings(joined.value, { packs: extended.packs, asked: new Set(compiled.value.rules.map(({ pack }) => pack)) }),
    source: { objects, options },
    overlays: layers.map(({ origin }) => origin),
    effective: () => effectivePacks({ packs: compiled.value, extended: extended.packs, layers, origins, locate }),
    origins,
  });
}

/** What of the options is not an object of its own. */
function knobsIn({ profile, settings, overrides, enforced }: PackSettings): object {
  return { profile, settings, overrides, enforced };
}

function isInForce({ spec }: KubeObject): boolean {
  return !isRecord(spec) || spec["inForce"] !== false;
}

/** What all overlays together say of each rule. */
function composeOverrides(layers: readonly Layer[], ids: readonly string[]): Overrides {
  const said = layers.map(({ overlay }) => overlay.overrides).filter((overrides) => Object.keys(overrides).length > 0);
  if (said.length === 0) return {};
  return Object.fromEntries(ids.flatMap((id): [string, RuleOverride][] => {
    const own = said.flatMap((overrides) => overrideOf(overrides, id) ?? []);
    return own.length === 0 ? [] : [[id, own.reduce(joinOverrides)]];
  }));
}

function originsOf(layers: readonly Layer[], set: readonly string[]): ReadonlyMap<string, string> {
  const named = layers.flatMap(({ origin, overlay }) => [overlay.profile, overlay.settings, overlay.overrides].flatMap((part) => Object.keys(part)).map((name): [string, string] => [name, origin]));
  return new Map([...named, ...set.map((name): [string, string] => [name, "--set"])]);
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

/** The manifests directly in the folder. */
async function readPackFiles(folder: string): Promise<Result<Manifests>> {
  const files = await filesOf(folder);
  return files.ok ? loadManifests(files.value) : files;
}

/** By name, for every pack that has it: `NAME`; for one: `PACK.NAME`. */
type Parameters = ReadonlyMap<string, { readonly schema: { readonly type?: unknown }; readonly packs: readonly string[] }>;

/** Parameters given by `--set`, by `PACK.NAME`: what is set for one pack wins over what is set for all. */
function readSettings(set: readonly Setting[], packs: readonly KubeObject[]): Result<Settings> {
  const known = parametersOf(packs);
  const others = set.filter((setting) => !isSwitch(setting));
  const unknown = others.filter(({ name }) => !known.has(name));
  if (unknown.length > 0) return failed(...unknown.map(({ name }) => unknownSetting(name, known)));
  const forAll = others.filter(({ name }) => !name.includes("."));
  return ok(Object.fromEntries([...forAll, ...others.filter((setting) => !forAll.includes(setting))].flatMap((setting) => settingFor(setting, known))));
}

function settingFor({ name, value }: Setting, known: Parameters): [string, unknown][] {
  const { schema = {}, packs = [] } = known.get(name) ?? {};
  const own = name.slice(name.indexOf(".") + 1);
  return packs.map((pack) => [`${pack}.${own}`, readSetting(value, schema)]);
}

function parametersOf(packs: readonly KubeObject[]): Parameters {
  const known = new Map<string, { schema: { type?: unknown }; packs: string[] }>();
  for (const { metadata: { name: pack = "" }, spec } of packs) {
    const parameters = isRecord(spec) && isRecord(spec["parameters"]) ? spec["parameters"] : {};
    for (const [name, value] of Object.entries(parameters)) {
      const schema = isRecord(value) ? value : {};
      known.set(`${pack}.${name}`, { schema, packs: [pack] });
      known.set(name, { schema, packs: [...(known.get(name)?.packs ?? []), pack] });
    }
  }
  return known;
}

function unknownSetting(name: string, parameters: Parameters): Problem {
  const known = [...Object.keys(PROFILE_SCHEMA.properties), ...[...parameters.keys()].filter((one) => !one.includes("."))];
  const message = `\`--set ${name}\` names no switch of the profile and no parameter of a pack; known are ${[...new Set(known)].join(", ")}`;
  return { code: "setting/unknown", message, path: "" };
}

/** A problem of a pack that was made whole, as one of the text that somebody wrote. */
function asWritten(problem: PackProblem, { packs }: Extended): PackProblem {
  const whole = packs.find(({ object }) => object === problem.object);
  return whole ? { ...problem, ...whole.whence(problem.path) } : problem;
}

function placed(problems: readonly PackProblem[], locate: Manifests["locate"]): Problem[] {
  return problems.map(({ object, ...problem }) => {
    const place = object && locate(object, problem.path);
    return place ? { ...problem, place } : problem;
  });
}
