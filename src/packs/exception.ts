import { Ajv, type ValidateFunction } from "ajv";
import { daysBetween, endOf } from "../model/instant.js";
import { groupOf, isRecord, kindKey, recordsIn, textsIn, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import { globMatches } from "../rules/namespace-selector.js";
import { problemsOf } from "./parse.js";
import { EXCEPTION_SCHEMA } from "./exception-schema.js";
import { OWN_SCHEMA } from "./schema-parts.js";

/**
 * `kind: PolicyException`: for a while, somebody answers for breaking some rules in some places. Where it covers a violation,
 * the violation is only a warning. It names what it covers: no label counts, because labels are for anyone to write.
 */
export interface Exception {
  readonly name: string;
  /** Who answers for it; empty when it says nobody. */
  readonly owner: string;
  readonly reason: string;
  /** Its last day or its end, as written. */
  readonly expires: string;
  /** The first instant at which it covers nothing any more. */
  readonly ends: number;
  readonly scope: ExceptionScope;
  /** The most that what it covers does. */
  readonly becomes: "warn" | "dryrun";
  /** What is wrong with it. An exception with problems covers nothing. Paths are those of its object. */
  readonly problems: readonly Problem[];
}

/** All that is given must fit; names may have `*` for any text. */
export interface ExceptionScope {
  /** `pack/rule`. */
  readonly rules: readonly string[];
  /** Absent: everywhere. Given: what is broken lies in one of these, which cluster-scoped objects and namespaces that do not exist yet do not. */
  readonly namespaces?: readonly string[];
  readonly objects?: readonly ExceptedObject[];
  /** User names; a group is written `group:NAME`. */
  readonly users?: readonly string[];
}

export interface ExceptedObject {
  /** `Kind` or `Kind.group`. */
  readonly kind: string;
  readonly name: string;
}

/** active: it covers; expiring: it covers, and ends within 14 days; expired, refused: it covers nothing. */
export type ExceptionState = "active" | "expiring" | "expired" | "refused";

/** Two weeks: time for the owner to do without it, or to ask again. */
const SOON_DAYS = 14;

/** The exceptions among these objects. */
export function isException(object: KubeObject): boolean {
  return groupOf(object.apiVersion) === "sluice.dev" && object.kind === "PolicyException";
}

let validate: ValidateFunction | undefined;

/** Reads an exception. One that cannot be granted is one with problems, so that everyone is told of it. */
export function parseException(object: KubeObject): Exception {
  validate ??= new Ajv(OWN_SCHEMA).compile(EXCEPTION_SCHEMA);
  const spec = isRecord(object.spec) ? object.spec : {};
  const expires = textOf(spec.expires);
  const ends = endOf(expires);
  const shape = validate(object) ? [] : problemsOf(validate).filter(({ message, path }) => !/'(?:owner|reason|expires)'/.test(message) && !/^spec\.(?:owner|reason|expires)$/.test(path));
  const problems = [...shape, ...accountProblems(spec, ends), ...placeProblems(object)];
  return {
    name: textOf(object.metadata.name),
    owner: textOf(spec.owner).trim(),
    reason: textOf(spec.reason).trim(),
    expires,
    ends: ends ?? 0,
    becomes: spec.becomes === "dryrun" ? "dryrun" : "warn",
    scope: shape.length === 0 ? scopeOf(spec) : { rules: [] },
    problems,
  };
}

function accountProblems(spec: Readonly<Record<string, unknown>>, ends: number | undefined): Problem[] {
  const missing = (["owner", "reason"] as const).filter((field) => typeof spec[field] !== "string" || spec[field].trim() === "");
  return [
    ...missing.map((field): Problem => ({ code: `exception/no-${field}`, message: field === "owner" ? "nobody answers for it: give its `owner`" : "it says no `reason`", path: `spec.${field}` })),
    ...(ends === undefined ? [endProblem(spec.expires)] : []),
  ];
}

function endProblem(expires: unknown): Problem {
  const message = expires === undefined ? "it has no end: give `expires`" : `\`${String(expires)}\` is neither a date (\`2027-01-31\`) nor a time with its zone (\`2027-01-31T18:00:00Z\`)`;
  return { code: "exception/expires", message, path: "spec.expires" };
}

/** Whoever may write into a namespace must not be able to except it. */
function placeProblems({ metadata }: KubeObject): Problem[] {
  if (metadata.namespace === undefined) return [];
  return [{ code: "exception/namespaced", message: "an exception lies in no namespace; list those that it is for in `spec.namespaces`", path: "metadata.namespace" }];
}

function scopeOf({ rules, namespaces, objects, users }: Readonly<Record<string, unknown>>): ExceptionScope {
  return {
    rules: textsIn(rules),
    ...(namespaces === undefined ? {} : { namespaces: textsIn(namespaces) }),
    ...(objects === undefined ? {} : { objects: recordsIn(objects).map(({ kind, name = "*" }) => ({ kind: String(kind), name: String(name) })) }),
    ...(users === undefined ? {} : { users: textsIn(users) }),
  };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}

export function stateOf({ problems, ends }: Exception, now: number): ExceptionState {
  if (problems.length > 0) return "refused";
  if (now >= ends) return "expired";
  return daysBetween(now, ends) < SOON_DAYS ? "expiring" : "active";
}

/** How many exceptions are in each state, for metrics. */
export function countStates(exceptions: readonly Exception[], now: number): Readonly<Record<ExceptionState, number>> {
  const count = (state: ExceptionState): number => exceptions.filter((exception) => stateOf(exception, now) === state).length;
  return { active: count("active"), expiring: count("expiring"), expired: count("expired"), refused: count("refused") };
}

/** What was found broken: which rule, where, by a change of which object, made by whom. */
export interface Offence {
  readonly rule: string;
  /** The namespace whose property is broken; absent for cluster-scoped objects and namespaces that do not exist yet. */
  readonly namespace?: string;
  readonly object: ObjectRef;
  readonly user: { readonly username: string; readonly groups: readonly string[] };
}

/** Does the scope of an exception hold all of an offence? */
export function isInScope({ scope: { rules, namespaces, objects, users } }: Exception, { rule, namespace, object, user }: Offence): boolean {
  return (
    fits(rules, rule) &&
    (namespaces === undefined || (namespace !== undefined && fits(namespaces, namespace))) &&
    (objects === undefined || objects.some(({ kind, name }) => (kind === object.kind || kind === kindKey(object)) && globMatches(name, object.name))) &&
    (users === undefined || [user.username, ...user.groups.map((group) => `group:${group}`)].some((name) => fits(users, name)))
  );
}

function fits(patterns: readonly string[], name: string): boolean {
  return patterns.some((pattern) => globMatches(pattern, name));
}

/** Patterns that fit no rule of the packs: most likely a slip, told and otherwise left alone. `ids`: every `pack/rule`, whether in force or off. */
export function idlePatterns({ scope: { rules } }: Exception, ids: readonly string[]): Problem[] {
  return rules.flatMap((pattern, i): Problem[] => {
    if (ids.some((id) => globMatches(pattern, id))) return [];
    return [{ code: "exception/no-rule", message: `no pack in force has a rule \`${pattern}\`; known are ${ids.join(", ")}`, path: `spec.rules[${i}]` }];
  });
}
