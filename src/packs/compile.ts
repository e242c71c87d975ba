import { groupOf, type KubeObject } from "../model/kubernetes.js";
import { failed, formatProblem, ok, type Problem, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { globMatches } from "../rules/namespace-selector.js";
import { compileExemptions, compileProvisions, compileRules, type CompiledExemption, type CompiledProvision, type CompiledRule, type World } from "./compile-parts.js";
import { extendPacks, type Extended, type ExtendedPack } from "./extend.js";
import type { Exception } from "./exception.js";
import type { Baseline, Detection, EnforcementPoint, RuleEntry, WatchedKind } from "./pack.js";
import { overrideRule, ruleAt, type EnforcedEntry, type Overrides } from "./overlay.js";
import { parsePack, type ParsedPack } from "./parse.js";
import type { Params, Settings } from "./parameters.js";
import { checkSwitches, type Profile, type Switches } from "./profile.js";

/** The packs in force, compiled together: immutable, swapped whole on reload. */
export interface CompiledPacks {
  readonly names: readonly string[];
  readonly rules: readonly CompiledRule[];
  /** By pack: every rule as it was written, with overlays put over it; those that are off too. */
  readonly entries: ReadonlyMap<string, readonly RuleEntry[]>;
  readonly exemptions: readonly CompiledExemption[];
  readonly provisions: readonly CompiledProvision[];
  readonly baselines: ReadonlyMap<string, Baseline>;
  /** Kinds beside pods, namespaces and policies that rules read or judge. */
  readonly watches: readonly WatchedKind[];
  readonly profile: Profile;
  readonly parameters: ReadonlyMap<string, Params>;
  /** All that were read, whatever their state: time and their problems say which of them cover anything. */
  readonly exceptions: readonly Exception[];
  /** What is enforced where the webhook only audits. */
  readonly enforced: readonly EnforcedEntry[];
  /** Names of exempt namespaces; `*` stands for any text. */
  readonly exemptNamespaces: readonly string[];
  isExempt(namespace: string): boolean;
  /** The same packs with the profile that the objects of a state tell of; undefined where they tell nothing (`packsIn`). */
  detected(snapshot: Snapshot): CompiledPacks | undefined;
}

export interface PackSettings {
  /** Switches of the profile that somebody set: they are not detected. */
  readonly chosen?: ReadonlySet<string>;
  readonly settings: Settings;
  readonly profile: Profile;
  /** What overlays say of rules, by `pack/rule`. */
  readonly overrides?: Overrides;
  /** What mode `audit` enforces. */
  readonly enforced?: readonly EnforcedEntry[];
  readonly exceptions?: readonly Exception[];
  /** Who will ask the rules; admission by default. */
  readonly point?: EnforcementPoint;
}

/** A problem of a pack, its path as written in `object`. */
export interface PackProblem extends Problem {
  readonly object?: KubeObject;
}

/** Compiles every pack that is in force, or tells every problem of all of them (`PackProblem`s). */
export function compilePacks(objects: readonly KubeObject[], settings: PackSettings): Result<CompiledPacks> {
  const extended = extendPacks(objects);
  const variants = new Map<string, Result<CompiledPacks>>();
  const variant = (switches: Switches): Result<CompiledPacks> => {
    const key = JSON.stringify(switches);
    const known = variants.get(key) ?? compileVariant(switches);
    variants.set(key, known);
    return known;
  };
  const compileVariant = (switches: Switches): Result<CompiledPacks> => {
    const compiled = compileWith(extended, { ...settings, profile: { ...settings.profile, ...switches } });
    return compiled.ok ? ok({ ...compiled.value, detected }) : compiled;
  };
  let detections: readonly Detection[] = [];
  const detected = (snapshot: Snapshot): CompiledPacks | undefined => {
    const found = detections.filter(({ exists }) => isThere(exists, snapshot));
    if (found.length === 0) return undefined;
    const packs = variant(switchesOf(found));
    if (!packs.ok) throw new Error(`internal: the packs cannot be compiled with what was detected: ${packs.problems.map(formatProblem).join("; ")}`);
    return packs.value;
  };
  const base = compileWith(extended, settings);
  if (!base.ok) return base;
  detections = base.value.detections.filter((detection) => settings.chosen?.has(detection.switch) !== true);
  const problems = checkSwitches(switchesOf(detections), "spec.detects");
  if (problems.length > 0) return failed(...problems);
  // What a state tells is known only later; that the packs are fine then is found out now.
  const all = detections.length > 0 ? variant(switchesOf(detections)) : base;
  return all.ok ? ok({ ...base.value, detected }) : all;
}

/** The packs as a state makes them: what it tells of the profile counts where nobody set the switch. */
export function packsIn(packs: CompiledPacks, snapshot: Snapshot): CompiledPacks {
  return packs.detected(snapshot) ?? packs;
}

function switchesOf(detections: readonly Detection[]): Switches {
  return Object.fromEntries(detections.map((detection) => [detection.switch, detection.value]));
}

function isThere({ group, kind, namespace, name }: Detection["exists"], snapshot: Snapshot): boolean {
  return snapshot.objectsOf(group, kind).has(namespace === undefined ? name : `${namespace}/${name}`);
}

function compileWith(extended: Extended, { settings, profile, overrides = {}, enforced = [], exceptions = [], point = "webhook" }: PackSettings): Result<Omit<CompiledPacks, "detected"> & { readonly detections: readonly Detection[] }> {
  const parsed = extended.packs.map((whole) => ({ whole, result: parsePack(whole.object, settings, profile) }));
  const problems: PackProblem[] = [...extended.problems, ...parsed.flatMap(({ whole, result }) => (result.ok ? [] : written(whole, result.problems)))];
  const packs = parsed.flatMap(({ whole, result }) => (result.ok && result.value.pack.spec.inForce ? [{ ...asked(result.value, { overrides, point }), whole }] : []));
  problems.push(...twice(packs.map(({ pack }) => pack.name)));
  const patterns = packs.flatMap(({ pack }) => pack.spec.exemptNamespaces);
  const world: World = {
    profile,
    packs: new Map(packs.map((pack) => [pack.pack.name, pack])),
    baselines: new Map(packs.flatMap(({ pack }) => Object.entries(pack.spec.baselines))),
    isExempt: remembered((name) => patterns.some((pattern) => globMatches(pattern, name))),
    namespaceSets: new Map(),
  };
  const compileAll = <T>(compile: (pack: ParsedPack, world: World, problems: Problem[]) => T[]): T[] =>
    packs.flatMap((pack) => {
      const found: Problem[] = [];
      const compiled = compile(pack, world, found);
      problems.push(...written(pack.whole, found));
      return compiled;
    });
  const [rules, exemptions, provisions] = [compileAll(compileRules), compileAll(compileExemptions), compileAll(compileProvisions)];
  if (problems.length > 0) return failed(...problems);
  return ok({
    names: packs.map(({ pack }) => pack.name),
    rules,
    entries: new Map(packs.map(({ pack }) => [pack.name, pack.spec.rules])),
    exemptions,
    provisions,
    baselines: world.baselines,
    watches: packs.flatMap(({ pack }) => pack.spec.watches),
    profile,
    parameters: new Map(packs.map(({ pack, params }) => [pack.name, params])),
    exceptions,
    enforced,
    exemptNamespaces: [...new Set(patterns)],
    isExempt: world.isExempt,
    detections: packs.flatMap(({ pack }) => pack.spec.detects),
  });
}

/** Problems of a whole pack, as problems of what somebody wrote. */
function written({ whence }: ExtendedPack, problems: readonly Problem[]): PackProblem[] {
  return problems.map((problem) => ({ ...problem, ...whence(problem.path) }));
}

/** Rules and settings are told apart by the names of their packs. */
function twice(names: readonly string[]): Problem[] {
  const repeated = names.filter((name, i) => names.indexOf(name) !== i);
  return [...new Set(repeated)].map((name) => ({ code: "pack/twice", message: `two packs in force are named \`${name}\`; take one out of the folder`, path: "" }));
}

/** The pack with what overlays say of its rules (every rule of that id follows), as one enforcement point asks it. */
function asked({ pack, params }: ParsedPack, { overrides, point }: Required<Pick<PackSettings, "overrides" | "point">>): ParsedPack {
  const rules = pack.spec.rules.map((entry) => ruleAt(overrideRule(entry, overrides[`${pack.name}/${entry.id}`]), point));
  return { pack: { ...pack, spec: { ...pack.spec, rules } }, params };
}

/** Names are few; somebody who makes up names must not fill the memory. */
const REMEMBERED = 5_000;

function remembered(ask: (name: string) => boolean): (name: string) => boolean {
  const known = new Map<string, boolean>();
  return (name) => {
    let answer = known.get(name);
    if (answer !== undefined) return answer;
    if (known.size >= REMEMBERED) known.clear();
    known.set(name, (answer = ask(name)));
    return answer;
  };
}

/** The packs among these objects. */
export function isPack(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === "sluice.dev" && object.kind === "RulePack";
}
