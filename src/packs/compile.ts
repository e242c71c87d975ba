import { compileCel, type CelProgram } from "../cel/expression.js";
import { groupOf, isRecord, kindKey, type KubeObject } from "../model/kubernetes.js";
import { failed, formatProblem, ok, type Problem, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { CHECKS } from "../rules/index.js";
import { compileEndpoint } from "../rules/endpoint-selector.js";
import { compileNamespaces, globMatches, type NamespaceSelector } from "../rules/namespace-selector.js";
import type { Behaviour, Change, CompileScope } from "../rules/rule.js";
import { extendPacks, type Extended, type ExtendedPack } from "./extend.js";
import type { Exception } from "./exception.js";
import type { Baseline, Detection, EnforcementPoint, ExemptionEntry, Match, ProvisionEntry, RuleEntry, WatchedKind } from "./pack.js";
import { overrideRule, ruleAt, type EnforcedEntry, type Overrides } from "./overlay.js";
import { parsePack, type ParsedPack } from "./parse.js";
import type { Params, Settings } from "./parameters.js";
import { checkSwitches, type Profile, type Switches } from "./profile.js";

/** One rule of a pack, ready to be asked. */
export interface CompiledRule {
  /** `pack/rule`. */
  readonly id: string;
  readonly pack: string;
  /** Where it stands in its pack: `spec.rules[3]`; several rules may share an id. */
  readonly path: string;
  readonly failureMode: "Deny" | "Allow";
  readonly unproven: "warn" | "deny";
  readonly entry: RuleEntry;
  readonly behaviour: Behaviour;
  readonly params: Params;
  /** Could the rule's `match` fit in a namespace of this name? Absent: it does not ask where. */
  readonly named?: (namespace: string) => boolean;
  /** Does the rule's `match` fit this change? */
  applies(change: Change): Result<boolean>;
}

export interface CompiledExemption {
  readonly entry: ExemptionEntry;
  readonly params: Params;
  covers(ruleId: string): boolean;
  applies(change: Change): Result<boolean>;
}

export interface CompiledProvision {
  readonly entry: ProvisionEntry;
  readonly baseline: Baseline;
  applies(change: Change): Result<boolean>;
}

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

/**
 * Steps that one proof may take: 15 ms of work at about 1.3 million steps a second (bench/), the longest that one
 * question may keep the process from answering others.
 */
const PROOF_BUDGET = { steps: 20_000 };

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

interface World {
  readonly profile: Profile;
  readonly packs: ReadonlyMap<string, ParsedPack>;
  readonly baselines: ReadonlyMap<string, Baseline>;
  isExempt(namespace: string): boolean;
  /** By what the packs write: rules that name the same set share what is remembered of it. */
  readonly namespaceSets: Map<unknown, NamespaceSelector>;
}

function compileRules(parsed: ParsedPack, world: World, problems: Problem[]): CompiledRule[] {
  const { pack, params } = parsed;
  const scope = compileScope(parsed, world);
  return pack.spec.rules.flatMap((entry, i) => {
    const path = `spec.rules[${i}]`;
    const rule = compileRule(entry, scope, path);
    if (!rule.ok) problems.push(...rule.problems);
    if (!rule.ok || !rule.value) return [];
    const { failureMode, unproven } = pack.spec;
    return [{ id: `${pack.name}/${entry.id}`, pack: pack.name, path, failureMode, unproven, entry, params, ...rule.value }];
  });
}

function compileRule(entry: RuleEntry, scope: CompileScope, path: string): Result<Pick<CompiledRule, "behaviour" | "applies" | "named"> | undefined> {
  const check = CHECKS.find(({ id }) => id === entry.check);
  if (!check) return failed({ code: "pack/check", message: `unknown check \`${entry.check}\``, path: `${path}.check` });
  const when = scope.when(entry.when, `${path}.when`);
  if (when.ok && (!when.value || entry.enforcementAction === "off")) return ok(undefined);
  const behaviour = check.compile(entry.with, scope, `${path}.with`);
  const applies = compileMatch(entry.match, scope, `${path}.match`);
  const problems = [when, behaviour, applies].flatMap((part) => (part.ok ? [] : part.problems));
  if (!behaviour.ok || !applies.ok || problems.length > 0) return failed(...problems);
  return ok({ behaviour: behaviour.value, ...applies.value });
}

function compileExemptions(parsed: ParsedPack, world: World, problems: Problem[]): CompiledExemption[] {
  const scope = compileScope(parsed, world);
  return parsed.pack.spec.exemptions.flatMap((entry, i) => {
    const applies = compileMatch(entry.match, scope, `spec.exemptions[${i}].match`);
    if (!applies.ok) problems.push(...applies.problems);
    return applies.ok ? [{ entry, params: parsed.params, applies: applies.value.applies, covers: (id: string) => entry.rules.some((rule) => globMatches(rule, id)) }] : [];
  });
}

function compileProvisions(parsed: ParsedPack, world: World, problems: Problem[]): CompiledProvision[] {
  const scope = compileScope(parsed, world);
  return parsed.pack.spec.provisions.flatMap((entry, i) => {
    const path = `spec.provisions[${i}]`;
    const baseline = world.baselines.get(entry.baseline);
    const [when, applies] = [scope.when(entry.when, `${path}.when`), compileMatch(entry.match, scope, `${path}.match`)];
    if (!baseline) problems.push({ code: "pack/name", message: `no pack in force defines a baseline \`${entry.baseline}\``, path: `${path}.baseline` });
    for (const part of [when, applies]) if (!part.ok) problems.push(...part.problems);
    return baseline && when.ok && when.value && applies.ok ? [{ entry, baseline, applies: applies.value.applies }] : [];
  });
}

function compileMatch(match: Match | undefined, scope: CompileScope, path: string): Result<Pick<CompiledRule, "applies" | "named">> {
  const { kinds, operations, conditions = [] } = match ?? {};
  const namespaces: Result<NamespaceSelector | undefined> = match?.namespaces === undefined ? ok(undefined) : scope.namespaces(match.namespaces, `${path}.namespaces`);
  const programs = conditions.map((condition, i) => at(compileCel(condition), `${path}.conditions[${i}]`));
  const problems = [namespaces, ...programs].flatMap((part) => (part.ok ? [] : part.problems));
  if (!namespaces.ok || problems.length > 0) return failed(...problems);
  const ready = programs.flatMap((program) => (program.ok ? [program.value] : []));
  const applies: CompiledRule["applies"] = (change) => {
    const { request } = change;
    if (kinds && !kinds.includes(request.kind.kind) && !kinds.includes(kindKey(request.kind))) return ok(false);
    if (operations && request.operation !== "CONNECT" && !operations.includes(request.operation)) return ok(false);
    if (namespaces.value && !inNamespaces(namespaces.value, change)) return ok(false);
    return allTrue(ready, change, scope);
  };
  return ok(namespaces.value ? { applies, named: namespaces.value.couldInclude } : { applies });
}

/** A namespace that a request changes is looked at as it was and as it will be: taking the mark away does not slip past (A11). */
function inNamespaces(selector: NamespaceSelector, { namespace, before, after }: Change): boolean {
  return namespace !== undefined && (selector.includes(after.namespace(namespace)) || selector.includes(before.namespace(namespace)));
}

function allTrue(programs: readonly CelProgram[], change: Change, { params }: CompileScope): Result<boolean> {
  for (const program of programs) {
    const result = program({ ...change.cel, params });
    if (!result.ok) return result;
    if (result.value !== true) return ok(false);
  }
  return ok(true);
}

function at<T>(result: Result<T>, path: string): Result<T> {
  return result.ok ? result : failed(...result.problems.map((problem) => ({ ...problem, path })));
}

function compileScope({ pack, params }: ParsedPack, world: World): CompileScope {
  const { profile, isExempt, baselines, namespaceSets } = world;
  const when = (condition: unknown, path: string): Result<boolean> => {
    if (condition === undefined) return ok(true);
    const program = at(compileCel(String(condition)), path);
    const result = program.ok ? at(program.value({ params, profile }), path) : program;
    return result.ok ? ok(result.value === true) : result;
  };
  const namespaces = (spec: unknown, path: string): Result<NamespaceSelector> => {
    const named = lookUp(spec, pack.name, { world, part: "namespaces", path });
    if (!named.ok) return named;
    const known = namespaceSets.get(named.value);
    const compiled = known ? ok(known) : compileNamespaces(named.value, isExempt, path);
    if (compiled.ok && isRecord(named.value)) namespaceSets.set(named.value, compiled.value);
    return compiled;
  };
  const endpoint: CompileScope["endpoint"] = (spec, path) => {
    const named = lookUp(spec, pack.name, { world, part: "endpoints", path });
    return named.ok ? compileEndpoint(named.value, { namespaces, when }, path) : named;
  };
  const engine = { cidrSelectsPods: profile.cidrSelectsPods !== false };
  return { params, profile, engine, budget: PROOF_BUDGET, namespaces, endpoint, when, baselines: new Set(baselines.keys()) };
}

/** A text names an entry of this pack, or `pack/name` one of another pack; anything else is written in place. */
function lookUp(spec: unknown, own: string, { world, part, path }: { readonly world: World; readonly part: "namespaces" | "endpoints"; readonly path: string }): Result<unknown> {
  if (typeof spec !== "string") return ok(spec);
  const [packName, name] = spec.includes("/") ? (spec.split("/", 2) as [string, string]) : [own, spec];
  const entries = world.packs.get(packName)?.pack.spec[part];
  if (isRecord(entries) && Object.hasOwn(entries, name)) return ok(entries[name]);
  return failed({ code: "pack/name", message: `\`${spec}\` names nothing in \`spec.${part}\`${entries ? "" : ` (pack \`${packName}\` is not in force)`}`, path });
}

/** The packs among these objects. */
export function isPack(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === "sluice.dev" && object.kind === "RulePack";
}
