import { compileCel, type CelProgram } from "../cel/expression.js";
import { isRecord, kindKey } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { CHECKS } from "../rules/index.js";
import { compileEndpoint } from "../rules/endpoint-selector.js";
import { compileNamespaces, globMatches, type NamespaceSelector } from "../rules/namespace-selector.js";
import type { Behaviour, Change, CompileScope } from "../rules/rule.js";
import type { Baseline, ExemptionEntry, Match, ProvisionEntry, RuleEntry } from "./pack.js";
import type { ParsedPack } from "./parse.js";
import type { Params } from "./parameters.js";
import type { Profile } from "./profile.js";

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

/** What is not a violation, although a rule finds it. */
export interface CompiledExemption {
  readonly entry: ExemptionEntry;
  readonly params: Params;
  covers(ruleId: string): boolean;
  applies(change: Change): Result<boolean>;
}

/** A baseline that namespaces of some kind are given. */
export interface CompiledProvision {
  readonly entry: ProvisionEntry;
  readonly baseline: Baseline;
  applies(change: Change): Result<boolean>;
}

/**
 * Steps that one proof may take: 15 ms of work at about 1.3 million steps a second (bench/), the longest that one
 * question may keep the process from answering others.
 */
const PROOF_BUDGET = { steps: 20_000 };

/** What the parts of packs are compiled in: the packs in force, as they are written. */
export interface World {
  readonly profile: Profile;
  readonly packs: ReadonlyMap<string, ParsedPack>;
  readonly baselines: ReadonlyMap<string, Baseline>;
  isExempt(namespace: string): boolean;
  /** By what the packs write: rules that name the same set share what is remembered of it. */
  readonly namespaceSets: Map<unknown, NamespaceSelector>;
}

/** The rules of one pack that are on, in its order. Appends to `problems`. */
export function compileRules(parsed: ParsedPack, world: World, problems: Problem[]): CompiledRule[] {
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

/** The exemptions of one pack. Appends to `problems`. */
export function compileExemptions(parsed: ParsedPack, world: World, problems: Problem[]): CompiledExemption[] {
  const scope = compileScope(parsed, world);
  return parsed.pack.spec.exemptions.flatMap((entry, i) => {
    const applies = compileMatch(entry.match, scope, `spec.exemptions[${i}].match`);
    if (!applies.ok) problems.push(...applies.problems);
    return applies.ok ? [{ entry, params: parsed.params, applies: applies.value.applies, covers: (id: string) => entry.rules.some((rule) => globMatches(rule, id)) }] : [];
  });
}

/** The provisions of one pack that are on. Appends to `problems`. */
export function compileProvisions(parsed: ParsedPack, world: World, problems: Problem[]): CompiledProvision[] {
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
