import type { Pod } from "../model/endpoint.js";
import { nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import { formatProblem, type Problem } from "../model/result.js";
import { exceptedAction, milder, type EnforcementAction, type GrantedException, type VerifiedFix, type Violation } from "../model/violation.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { Change, Finding, Outcome, Scope } from "../rules/rule.js";

import { isDeepStrictEqual } from "./equal.js";

export { milder } from "../model/violation.js";

/** A violation whose fix is worked out only when somebody will read it. */
export interface Found extends Omit<Violation, "fix" | "fixAfter"> {
  readonly makeFix?: () => VerifiedFix | undefined;
}

/** What asking one rule gave, before exemptions. */
export interface Verdicts {
  readonly violations: readonly Found[];
  readonly warnings: readonly string[];
  readonly errors: readonly Problem[];
}

export const NO_VERDICTS: Verdicts = { violations: [], warnings: [], errors: [] };

export function joinVerdicts(all: readonly Verdicts[]): Verdicts {
  const told = all.filter((verdicts) => verdicts !== NO_VERDICTS);
  const [only = NO_VERDICTS, ...others] = told;
  if (others.length === 0) return only;
  return {
    violations: told.flatMap(({ violations }) => violations),
    warnings: told.flatMap(({ warnings }) => warnings),
    errors: told.flatMap(({ errors }) => errors),
  };
}

/** More findings than this are told by command, not one by one. */
const FIXED = 4;

/**
 * The fixes of all findings together: each only adds allowances, or only takes some away, so together they hold too. One
 * that cannot be had leaves none; nor do two that write one object differently.
 */
function joinFixes(findings: readonly Finding[]): VerifiedFix | undefined {
  if (findings.length > FIXED) return undefined;
  const fixes = findings.map(({ fix }) => fix?.());
  if (!fixes.every((fix) => fix !== undefined)) return undefined;
  const apply = new Map<string, KubeObject>();
  for (const object of fixes.flatMap((fix) => fix.apply)) {
    const key = nameKey(refOf(object));
    const other = apply.get(key);
    if (other && !isDeepStrictEqual(other, object)) return undefined;
    apply.set(key, object);
  }
  return { apply: [...apply.values()], remove: fixes.flatMap(({ remove }) => remove) };
}

/** Who answers for a finding. */
export interface Excepted {
  /** The exception that covers it: of several the one that ends last. */
  readonly granted?: GrantedException;
  /** Said of exceptions that would cover it and do not, because they ended or were never granted. */
  readonly lapsed: readonly string[];
}

/** Asked per finding: the rule that is broken (`pack/rule`), and the namespace whose property it is. */
export type Excepting = (rule: string, namespace: string | undefined) => Excepted;

/** What findings are reported on, what they do, and who answers for them. */
export interface Reporting {
  readonly object: ObjectRef;
  readonly action: EnforcementAction;
  readonly excepting: Excepting;
}

interface Heard extends Finding {
  readonly exception?: GrantedException;
}

/** A finding with the identity that its rule gives it. A part's own action never exceeds what the rule enforces now. */
function toViolation(rule: CompiledRule, finding: Heard, { object, action }: Reporting): Found | undefined {
  const own = milder(action, finding.action ?? action);
  const enforced = finding.exception ? exceptedAction(finding.exception, own) : own;
  if (enforced === "off") return undefined;
  const { action: _own, scope: _scope, affected, fix: makeFix, message, ...found } = finding;
  const runningPods = affected && new Set(affected).size;
  const { message: said } = rule.entry;
  return { pack: rule.pack, rule: rule.entry.id, action: enforced, object, message: said === undefined ? message : `${said}: ${message}`, ...told(rule), ...found, ...(runningPods !== undefined && { runningPods }), ...(makeFix && { makeFix }) };
}

/** What the pack says of every violation of a rule. */
function told({ entry: { severity, remediation, link } }: CompiledRule): Pick<Violation, "severity" | "remediation" | "link"> {
  return { ...(severity && { severity }), ...(remediation && { remediation }), ...(link && { link }) };
}

/** Outcomes of a protection as violations; an unproven one is what the pack's `unproven` says. */
export function fromOutcomes(rule: CompiledRule, outcomes: readonly (Outcome & { readonly scope?: string })[], as: Reporting): Verdicts {
  const findings = outcomes.flatMap((outcome): Finding[] => {
    if (outcome.outcome === "broken") return [located(outcome.finding, outcome.scope)];
    if (outcome.outcome === "unproven" && rule.unproven === "deny") return [located({ message: outcome.message, policies: [] }, outcome.scope)];
    return [];
  });
  // What a change breaks is told; what was broken before it only where it breaks nothing more.
  const before = outcomes.flatMap((outcome) => (outcome.outcome === "broken-before" ? [located(outcome.finding, outcome.scope)] : []));
  const warnings = outcomes.flatMap((outcome) => (outcome.outcome === "unproven" && rule.unproven === "warn" ? [`[${rule.id}] ${outcome.message}`] : []));
  const told = findings.length > 0 ? fromFindings(rule, findings, as) : fromFindings(rule, before, { ...as, action: milder("warn", as.action) });
  return { ...told, warnings: [...warnings, ...told.warnings] };
}

function located(finding: Finding, scope: string | undefined): Finding {
  return scope === undefined ? finding : { ...finding, scope };
}

/** Findings of one rule, merged: those that an exception covers apart from those that nobody answers for. */
export function fromFindings(rule: CompiledRule, findings: readonly Finding[], as: Reporting): Verdicts {
  return reported(rule, findings, { as, gather: mergeAlike });
}

/** Findings of one rule, each a violation of its own. */
export function fromEach(rule: CompiledRule, findings: readonly Finding[], as: Reporting): Verdicts {
  return reported(rule, findings, { as, gather: (heard) => heard });
}

interface Gathering {
  readonly as: Reporting;
  gather(findings: readonly Heard[]): readonly Heard[];
}

function reported(rule: CompiledRule, findings: readonly Finding[], { as, gather }: Gathering): Verdicts {
  if (findings.length === 0) return NO_VERDICTS;
  const excepted = findings.map(({ scope }) => as.excepting(rule.id, scope));
  const heard = findings.map((finding, i): Heard => ({ ...finding, ...(excepted[i]?.granted && { exception: excepted[i].granted }) }));
  const violations = gather(heard).flatMap((finding) => toViolation(rule, finding, as) ?? []);
  return { violations, warnings: violations.length === 0 ? [] : [...new Set(excepted.flatMap(({ lapsed }) => lapsed))], errors: [] };
}

/** How many further findings of one rule its message names. */
const NAMED = 2;

/** One finding per action and exception: the first one's details, naming the next ones, with the running pods of all. */
function mergeAlike(findings: readonly Heard[]): Heard[] {
  const alike = new Map<string, Heard[]>();
  for (const finding of findings) {
    const key = `${finding.action ?? ""} ${finding.exception?.name ?? ""}`;
    alike.set(key, [...(alike.get(key) ?? []), finding]);
  }
  return [...alike.values()].flatMap(mergeFindings);
}

function mergeFindings(findings: readonly Heard[]): Heard[] {
  const [first] = findings;
  if (!first || findings.length === 1) return [...findings];
  const messages = [...new Set(findings.map(({ message }) => message))].slice(1);
  const also = [...messages.slice(0, NAMED), ...(messages.length > NAMED ? [`${messages.length - NAMED} more`] : [])];
  return [{
    ...first,
    message: also.length > 0 ? `${first.message} (also: ${also.join("; ")})` : first.message,
    // Thousands of pods: joined at once.
    affected: new Array<Pod>().concat(...findings.map(({ affected = [] }) => affected)),
    fix: () => joinFixes(findings),
    policies: [...new Set(findings.flatMap(({ policies }) => policies))],
    namespaces: [...new Set(findings.flatMap(({ namespaces = [] }) => namespaces))],
  }];
}

/** An error inside a rule: never silently an allow or a deny; the pack's failure mode decides. */
export function fromErrors(rule: CompiledRule, problems: readonly Problem[], { object, excepting, scope }: Omit<Reporting, "action"> & Pick<Finding, "scope">): Verdicts {
  const action = rule.failureMode === "Deny" ? "deny" : "warn";
  const message = `the rule could not be judged (failure mode ${rule.failureMode}): ${problems.map(formatProblem).join("; ")}`;
  return { ...fromFindings(rule, [located({ message, policies: [] }, scope)], { object, action, excepting }), errors: problems };
}

/** The object that a request is about. */
export function objectOf({ request }: Change): ObjectRef {
  const { object, oldObject, kind, name, namespace } = request;
  const known = object ?? oldObject;
  if (known) return refOf(known);
  return { group: kind.group, kind: kind.kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

/** The namespace that a finding about the request's object alone belongs to. */
export function scopeOf({ namespace }: Change): Pick<Finding, "scope"> {
  return namespace === undefined ? {} : { scope: namespace };
}

export function scopeName(scope: Scope): string | undefined {
  return "future" in scope ? undefined : scope.name;
}
