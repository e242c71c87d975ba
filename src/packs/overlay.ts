import { Ajv, type ValidateFunction } from "ajv";
import { groupOf, isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import { milder, type EnforcementAction } from "../model/violation.js";
import { globMatches } from "../rules/namespace-selector.js";
import type { EnforcementPoint, Parameter, RuleEntry } from "./pack.js";
import { checkParameter, type Settings } from "./parameters.js";
import { problemsOf } from "./parse.js";
import { checkSwitches, type Switches } from "./profile.js";
import { OVERLAY_SCHEMA } from "./overlay-schema.js";
import { OWN_SCHEMA } from "./schema-parts.js";

/**
 * `kind: PackOverlay`: an operator's choices for the packs in force, without a copy of them. Several are put over each
 * other, and the last one that names a switch, a parameter or a rule decides it; a list is replaced, not added to.
 */
export interface Overlay {
  readonly name: string;
  readonly profile: Switches;
  /** Values by `PACK.NAME`. */
  readonly settings: Settings;
  readonly overrides: Overrides;
  /** What is enforced although the webhook only audits. */
  readonly enforced: readonly EnforcedEntry[];
}

/** Rules (`pack/rule`) that are enforced, and where; `*` stands for any text. */
export interface EnforcedEntry {
  readonly rules: readonly string[];
  /** Absent: everywhere. */
  readonly namespaces?: readonly string[];
}

/** By `pack/rule`; in an overlay `*` stands for any text. */
export type Overrides = Readonly<Record<string, RuleOverride>>;

export interface RuleOverride {
  readonly enforcementAction?: EnforcementAction;
  readonly hold?: EnforcementAction;
  readonly enforcement?: RuleEntry["enforcement"];
}

let validate: ValidateFunction | undefined;

/** The overlays among these objects. */
export function isOverlay(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === "sluice.dev" && object.kind === "PackOverlay";
}

/** Reads an overlay: its shape and its switches. Names of parameters and rules are looked up by `checkOverlay`, which knows the packs. */
export function parseOverlay(object: KubeObject): Result<Overlay> {
  validate ??= new Ajv(OWN_SCHEMA).compile(OVERLAY_SCHEMA);
  if (!validate(object)) return failed(...problemsOf(validate));
  const { profile = {}, parameters = {}, rules = {}, enforce = [] } = object.spec as { profile?: Switches; parameters?: Record<string, Record<string, unknown>>; rules?: Overrides; enforce?: readonly EnforcedEntry[] };
  const problems = checkSwitches(profile, "spec.profile");
  if (problems.length > 0) return failed(...problems);
  const settings = Object.entries(parameters).flatMap(([pack, values]) => Object.entries(values).map(([name, value]): [string, unknown] => [`${pack}.${name}`, value]));
  return ok({ name: String(object.metadata.name), profile, settings: Object.fromEntries(settings), overrides: rules, enforced: enforce });
}

/** What an overlay names that the packs in force do not have, and values that do not fit. Paths are those of the overlay's object. */
export function checkOverlay({ spec }: KubeObject, packs: readonly KubeObject[]): Problem[] {
  const { parameters = {}, rules = {}, enforce } = isRecord(spec) ? spec : {};
  const known = new Map(packs.map((pack) => [String(pack.metadata.name), partsOf(pack)]));
  const ofParameters = Object.entries(isRecord(parameters) ? parameters : {}).flatMap(([pack, values]) => checkParameters(pack, isRecord(values) ? values : {}, known));
  const ids = ruleIds(packs);
  const ofRules = Object.keys(isRecord(rules) ? rules : {}).filter((pattern) => !ids.some((id) => globMatches(pattern, id)));
  const ofEnforced = recordsIn(enforce).flatMap((entry, i) => textsIn(entry["rules"]).flatMap((pattern, j) => (ids.some((id) => globMatches(pattern, id)) ? [] : [unknown(`no pack in force has a rule \`${pattern}\`; known are ${listed(ids)}`, `spec.enforce[${i}].rules[${j}]`)])));
  return [...ofParameters, ...ofEnforced, ...ofRules.map((id) => unknown(`no pack in force has a rule \`${id}\`; known are ${listed(ids)}`, `spec.rules["${id}"]`))];
}

/** Every `pack/rule` of these packs, in force or off. */
export function ruleIds(packs: readonly KubeObject[]): readonly string[] {
  return packs.flatMap((pack) => [...partsOf(pack).rules].map((id) => `${String(pack.metadata.name)}/${id}`));
}

interface Parts {
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly rules: ReadonlySet<string>;
}

function partsOf({ spec }: KubeObject): Parts {
  const { parameters, rules } = isRecord(spec) ? spec : {};
  const ids = (Array.isArray(rules) ? rules : []).flatMap((rule: unknown) => (isRecord(rule) && typeof rule.id === "string" ? [rule.id] : []));
  return { parameters: isRecord(parameters) ? (parameters as Record<string, Parameter>) : {}, rules: new Set(ids) };
}

function checkParameters(pack: string, values: Readonly<Record<string, unknown>>, known: ReadonlyMap<string, Parts>): Problem[] {
  const parts = known.get(pack);
  if (!parts) return [unknown(`no pack \`${pack}\` is in force; known are ${listed([...known.keys()])}`, `spec.parameters.${pack}`)];
  return Object.entries(values).flatMap(([name, value]): readonly Problem[] => {
    const path = `spec.parameters.${pack}.${name}`;
    const parameter = Object.hasOwn(parts.parameters, name) ? parts.parameters[name] : undefined;
    if (!parameter) return [unknown(`pack \`${pack}\` has no parameter \`${name}\`; known are ${listed(Object.keys(parts.parameters))}`, path)];
    const problem = checkParameter(`${pack}.${name}`, value, parameter);
    return problem ? [{ ...problem, path }] : [];
  });
}

function unknown(message: string, path: string): Problem {
  return { code: "overlay/unknown", message, path };
}

function listed(names: readonly string[]): string {
  return names.length === 0 ? "none" : names.join(", ");
}

/** A rule as an overlay wants it. A rule that only warns holds no pod, unless the overlay says so. */
export function overrideRule(entry: RuleEntry, override: RuleOverride | undefined): RuleEntry {
  if (!override) return entry;
  const { enforcementAction = entry.enforcementAction } = override;
  const hold = override.hold ?? (entry.hold && override.enforcementAction ? milder(entry.hold, override.enforcementAction) : entry.hold);
  const { enforcement: _replaced, ...rest } = entry;
  const enforcement = joinedEnforcement(entry, override);
  return { ...rest, enforcementAction, ...(hold && { hold }), ...(enforcement && { enforcement }) };
}

/** Whoever says what a rule does, says it for every enforcement point; exceptions from that are his to make too. */
function joinedEnforcement(weaker: RuleOverride, stronger: RuleOverride): RuleOverride["enforcement"] {
  return stronger.enforcementAction || !weaker.enforcement ? stronger.enforcement : { ...weaker.enforcement, ...stronger.enforcement };
}

/** What one overlay says of a rule: patterns in the order written, then what names it in full. */
export function overrideOf(overrides: Overrides, id: string): RuleOverride | undefined {
  const said = Object.entries(overrides).filter(([pattern]) => pattern !== id && globMatches(pattern, id)).map(([, override]) => override);
  const own = Object.hasOwn(overrides, id) ? overrides[id] : undefined;
  const all = own ? [...said, own] : said;
  return all.length === 0 ? undefined : all.reduce(joinOverrides);
}

/** By which of its keys an overlay names a rule: in full, or the last pattern that fits. */
export function patternFor(overrides: Overrides, id: string): string | undefined {
  return Object.hasOwn(overrides, id) ? id : Object.keys(overrides).filter((pattern) => globMatches(pattern, id)).at(-1);
}

/** What two overlays say of one rule; parts that the stronger one does not speak of stay as they are. */
export function joinOverrides(weaker: RuleOverride, stronger: RuleOverride): RuleOverride {
  const { enforcement: _weaker, ...rest } = { ...weaker, ...stronger };
  const enforcement = joinedEnforcement(weaker, stronger);
  return { ...rest, ...(enforcement && { enforcement }) };
}

/** The rule as one enforcement point asks it: its action there is also the most that it does to pods that are created. */
export function ruleAt(entry: RuleEntry, point: EnforcementPoint): RuleEntry {
  const enforcementAction = entry.enforcement?.[point];
  return enforcementAction === undefined ? entry : overrideRule(entry, { enforcementAction });
}
