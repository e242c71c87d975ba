import { refOf, type ObjectRef } from "../model/kubernetes.js";
import { formatProblem, type Problem } from "../model/result.js";
import type { EnforcementAction, Violation } from "../model/violation.js";
import type { CompiledRule } from "../packs/compile.js";
import type { Change, Finding, Outcome, Scope } from "../rules/rule.js";

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

/** A finding with the identity that its rule gives it. A part's own action never exceeds what the rule enforces now. */
export function toViolation(rule: CompiledRule, finding: Finding, { object, action }: { readonly object: ObjectRef; readonly action: EnforcementAction }): Violation | undefined {
  const enforced = milder(action, finding.action ?? action);
  if (enforced === "off") return undefined;
  const { action: _own, ...found } = finding;
  const { remediation, link } = rule.entry;
  return { pack: rule.pack, rule: rule.entry.id, action: enforced, object, ...found, ...(remediation && { remediation }), ...(link && { link }) };
}

const STRENGTH: readonly EnforcementAction[] = ["off", "dryrun", "warn", "deny"];

export function milder(a: EnforcementAction, b: EnforcementAction): EnforcementAction {
  return STRENGTH.indexOf(a) < STRENGTH.indexOf(b) ? a : b;
}

/** Outcomes of a protection as violations; an unproven one is what the pack's `unproven` says. */
export function fromOutcomes(rule: CompiledRule, outcomes: readonly Outcome[], as: { readonly object: ObjectRef; readonly action: EnforcementAction }): Verdicts {
  const findings = outcomes.flatMap((outcome): Finding[] => {
    if (outcome.outcome === "broken") return [outcome.finding];
    if (outcome.outcome === "unproven" && rule.unproven === "deny") return [{ message: outcome.message, policies: [] }];
    return [];
  });
  const warnings = outcomes.flatMap((outcome) => (outcome.outcome === "unproven" && rule.unproven === "warn" ? [`[${rule.id}] ${outcome.message}`] : []));
  return { violations: findings.flatMap((finding) => toViolation(rule, finding, as) ?? []), warnings, errors: [] };
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
