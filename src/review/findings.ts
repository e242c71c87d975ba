import { refOf, type ObjectRef } from "../model/kubernetes.js";
import { formatProblem, type Problem } from "../model/result.js";
import { milder, type EnforcementAction, type VerifiedFix, type Violation } from "../model/violation.js";
import type { CompiledRule } from "../packs/compile.js";
import type { Change, Finding, Outcome, Scope } from "../rules/rule.js";

export { milder } from "../model/violation.js";

/** What asking one rule gave, before exemptions. */
export interface Verdicts {
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  readonly errors: readonly Problem[];
}

export const NO_VERDICTS: Verdicts = { violations: [], warnings: [], errors: [] };

export function joinVerdicts(all: readonly Verdicts[]): Verdicts {
  return {
    violations: all.flatMap(({ violations }) => violations),
    warnings: all.flatMap(({ warnings }) => warnings),
    errors: all.flatMap(({ errors }) => errors),
  };
}

/** More findings than this are told by command, not one by one. */
const FIXED = 4;

/** The fixes of all findings together: each only adds allowances, so together they hold too. One that cannot be had leaves none. */
function joinFixes(findings: readonly Finding[]): VerifiedFix | undefined {
  if (findings.length > FIXED) return undefined;
  const fixes = findings.map(({ fix }) => fix?.());
  if (!fixes.every((fix) => fix !== undefined)) return undefined;
  const apply = new Map(fixes.flatMap((fix) => fix.apply.map((object) => [`${object.metadata.namespace ?? ""}/${object.metadata.name ?? ""}`, object])));
  return { apply: [...apply.values()], remove: fixes.flatMap(({ remove }) => remove) };
}

/** A finding with the identity that its rule gives it. A part's own action never exceeds what the rule enforces now. */
export function toViolation(rule: CompiledRule, finding: Finding, { object, action }: { readonly object: ObjectRef; readonly action: EnforcementAction }): Violation | undefined {
  const enforced = milder(action, finding.action ?? action);
  if (enforced === "off") return undefined;
  const { action: _own, affected, fix: makeFix, ...found } = finding;
  const fix = enforced === "deny" ? makeFix?.() : undefined;
  const { remediation, link } = rule.entry;
  const runningPods = affected && new Set(affected).size;
  return { pack: rule.pack, rule: rule.entry.id, action: enforced, object, ...(remediation && { remediation }), ...(link && { link }), ...found, ...(runningPods !== undefined && { runningPods }), ...(fix && { fix }) };
}

/** Outcomes of a protection as violations; an unproven one is what the pack's `unproven` says. */
export function fromOutcomes(rule: CompiledRule, outcomes: readonly Outcome[], as: { readonly object: ObjectRef; readonly action: EnforcementAction }): Verdicts {
  const findings = outcomes.flatMap((outcome): Finding[] => {
    if (outcome.outcome === "broken") return [outcome.finding];
    if (outcome.outcome === "unproven" && rule.unproven === "deny") return [{ message: outcome.message, policies: [] }];
    return [];
  });
  // What a change breaks is told; what was broken before it only where it breaks nothing more.
  const before = outcomes.flatMap((outcome) => (outcome.outcome === "broken-before" ? [outcome.finding] : []));
  const warnings = outcomes.flatMap((outcome) => (outcome.outcome === "unproven" && rule.unproven === "warn" ? [`[${rule.id}] ${outcome.message}`] : []));
  const told = findings.length > 0 ? violationsOf(rule, findings, as) : violationsOf(rule, before, { ...as, action: milder("warn", as.action) });
  return { violations: told, warnings, errors: [] };
}

function violationsOf(rule: CompiledRule, findings: readonly Finding[], as: { readonly object: ObjectRef; readonly action: EnforcementAction }): Violation[] {
  return mergeByAction(findings).flatMap((finding) => toViolation(rule, finding, as) ?? []);
}

/** How many further findings of one rule its message names. */
const NAMED = 2;

/** One finding per action: the first one's details, naming the next ones, with the running pods of all. */
function mergeByAction(findings: readonly Finding[]): Finding[] {
  const byAction = new Map<string, Finding[]>();
  for (const finding of findings) byAction.set(finding.action ?? "", [...(byAction.get(finding.action ?? "") ?? []), finding]);
  return [...byAction.values()].flatMap(mergeFindings);
}

function mergeFindings(findings: readonly Finding[]): Finding[] {
  const [first] = findings;
  if (!first || findings.length === 1) return [...findings];
  const messages = [...new Set(findings.map(({ message }) => message))].slice(1);
  const also = [...messages.slice(0, NAMED), ...(messages.length > NAMED ? [`${messages.length - NAMED} more`] : [])];
  return [{
    ...first,
    message: also.length > 0 ? `${first.message} (also: ${also.join("; ")})` : first.message,
    affected: findings.flatMap(({ affected = [] }) => affected),
    fix: () => joinFixes(findings),
    policies: [...new Set(findings.flatMap(({ policies }) => policies))],
    namespaces: [...new Set(findings.flatMap(({ namespaces = [] }) => namespaces))],
  }];
}

/** An error inside a rule: never silently an allow or a deny; the pack's failure mode decides. */
export function fromErrors(rule: CompiledRule, problems: readonly Problem[], object: ObjectRef): Verdicts {
  const action = rule.failureMode === "Deny" ? "deny" : "warn";
  const message = `the rule could not be judged (failure mode ${rule.failureMode}): ${problems.map(formatProblem).join("; ")}`;
  const violation = toViolation(rule, { message, policies: [] }, { object, action });
  return { violations: violation ? [violation] : [], warnings: [], errors: problems };
}

/** The object that a request is about. */
export function objectOf({ request }: Change): ObjectRef {
  const { object, oldObject, kind, name, namespace } = request;
  const known = object ?? oldObject;
  if (known) return refOf(known);
  return { group: kind.group, kind: kind.kind, name, ...(namespace === undefined ? {} : { namespace }) };
}

export function scopeName(scope: Scope): string | undefined {
  return "future" in scope ? undefined : scope.name;
}
