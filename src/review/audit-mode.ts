import type { AdmissionRequest } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { ruleId, type Violation } from "../model/violation.js";
import type { CompiledPacks } from "../packs/compile.js";
import { globMatches } from "../rules/namespace-selector.js";
import { reviewMutation, reviewValidation, type ReviewContext } from "./review.js";

/** What mode `audit` enforces all the same: rules, in some namespaces. */
export type Enforced = CompiledPacks["enforced"];

/** Is a rule (`pack/rule`) enforced for what happens in a namespace? Undefined: to what lies in none. */
export function isEnforced(rule: string, namespace: string | undefined, enforced: Enforced): boolean {
  return enforced.some(({ rules, namespaces }) => rules.some((pattern) => globMatches(pattern, rule)) && (namespaces === undefined || (namespace !== undefined && namespaces.some((pattern) => globMatches(pattern, namespace)))));
}

/**
 * A decision in mode `audit`: refused only for what is enforced. Every other refusal becomes something that is counted, or told as a
 * warning where somebody wants that.
 */
export function inAuditMode(decision: Decision, { request, enforced, warns }: { readonly request: AdmissionRequest; readonly enforced: Enforced; readonly warns: boolean }): Decision {
  if (decision.allowed) return decision;
  const violations = decision.violations.map((violation): Violation => {
    if (violation.action !== "deny" || isEnforced(ruleId(violation), request.namespace, enforced)) return violation;
    return { ...violation, action: warns ? "warn" : "dryrun", wouldDeny: true, message: `would be refused: ${violation.message}` };
  });
  const { code, ...told } = decision;
  const allowed = violations.every(({ action }) => action !== "deny");
  return { ...told, violations, allowed, ...(!allowed && code !== undefined && { code }) };
}

/** The validating half in mode `audit`. */
export function auditValidation(request: AdmissionRequest, context: ReviewContext, { warns }: { readonly warns: boolean }): Decision {
  return inAuditMode(reviewValidation(request, context), { request, enforced: context.packs.enforced, warns });
}

/** The mutating half: nothing is changed but by rules that are enforced, for a label may put a pod under policies that cut it off. */
export function auditMutation(request: AdmissionRequest, context: ReviewContext): Decision {
  const { enforced, rules } = context.packs;
  const asked = rules.filter(({ id, behaviour }) => behaviour.mutate && isEnforced(id, request.namespace, enforced));
  if (asked.length === 0) return { allowed: true, violations: [], warnings: [], patch: [], errors: [] };
  return reviewMutation(request, { ...context, packs: { ...context.packs, rules: asked, detected: () => undefined } });
}
