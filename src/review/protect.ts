import { isLive, type Pod } from "../model/endpoint.js";
import { isDeepStrictEqual } from "./equal.js";
import type { Violation } from "../model/violation.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { Change, Outcome, Protection, Scope } from "../rules/rule.js";
import { fromOutcomes, joinVerdicts, milder, NO_VERDICTS, objectOf, scopeName, type Excepting, type Verdicts } from "./findings.js";

export interface Asked {
  readonly excepting: Excepting;
  /** The namespace is being set up. */
  readonly settingUp?: boolean;
  /** Say nothing of what was broken before. */
  readonly onlyRegressions?: boolean;
}

/** Asks the protections of one rule what the change does to them. */
export function askProtection(rule: CompiledRule, change: Change, { excepting, settingUp = false, onlyRegressions = false }: Asked): Verdicts {
  const { protect } = rule.behaviour;
  if (!protect) return NO_VERDICTS;
  if (change.touches === "pod" && change.request.operation === "CREATE") return hold(rule, protect, { change, excepting });
  return changesReach(change) ? regressions(rule, protect, { change, excepting, settingUp, onlyRegressions }) : NO_VERDICTS;
}

/** Only policies, and the labels of pods and namespaces, say who can reach whom. */
function changesReach({ touches, request: { operation, object, oldObject } }: Change): boolean {
  if (touches === "policy") return true;
  if (touches === "other" || operation !== "UPDATE") return false;
  return !isDeepStrictEqual(object?.metadata.labels ?? {}, oldObject?.metadata.labels ?? {});
}

/** "A workload pod is refused while its namespace lacks the baseline; for a missing flow required for this very pod the pack says hold or warn." */
function hold(rule: CompiledRule, protect: Protection, { change, excepting }: Pick<Asking, "change" | "excepting">): Verdicts {
  const action = rule.entry.hold;
  const pod = newPod(change);
  if (!action || action === "off" || !pod || !isLive(pod) || isMirror(change) || protect.foreseen?.(change, pod)) return NO_VERDICTS;
  const outcomes = protect.forPod(change.after, pod).filter(({ outcome }) => outcome !== "holds").map((outcome) => ({ scope: pod.namespace, ...outcome }));
  if (outcomes.length === 0) return NO_VERDICTS;
  const verdicts = fromOutcomes(rule, outcomes, { object: objectOf(change), action, excepting });
  return { ...verdicts, violations: verdicts.violations.map(held) };
}

/** A held pod is the one pod affected, and it does not run. */
function held({ runningPods: _none, ...violation }: Violation): Violation {
  return violation.action === "deny" ? { ...violation, message: `the pod is held: ${violation.message}` } : violation;
}

function newPod({ request: { object, namespace }, after }: Change): Pod | undefined {
  return namespace === undefined ? undefined : after.pod(namespace, object?.metadata.name ?? "");
}

/** Static pods: a node tells of them after it has started them. */
function isMirror({ request: { object, userInfo } }: Change): boolean {
  return userInfo.groups.includes("system:nodes") && object?.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
}

interface Asking extends Required<Asked> {
  readonly change: Change;
}

/** "Refuse when there is an endpoint for which the flow held before and does not hold after"; what was broken already is warned about. */
function regressions(rule: CompiledRule, protect: Protection, { change, excepting, settingUp, onlyRegressions }: Asking): Verdicts {
  if (protect.unharmed?.(change)) return NO_VERDICTS;
  const scopes = (protect.askedScopes?.(change) ?? protect.scopes(change)).filter((scope) => "future" in scope || !scope.terminating);
  const object = objectOf(change);
  const isLenient = (scope: Scope): boolean => settingUp && rule.entry.lenientWhileSettingUp === true && scopeName(scope) === change.namespace;
  // A cluster-scoped policy touches everything: what is broken anyway is for reports to tell.
  const isDue = ({ outcome }: Outcome): boolean => outcome !== "holds" && (outcome !== "broken-before" || (change.namespace !== undefined && !onlyRegressions));
  const found = scopes.flatMap((scope) => outcomesIn(scope, protect.regression(change, scope).filter(isDue)).map((outcome) => ({ outcome, isLenient: isLenient(scope) })));
  if (found.length === 0) return NO_VERDICTS;
  const outcomes = (lenient: boolean): readonly Located[] => found.filter((one) => one.isLenient === lenient).map(({ outcome }) => outcome);
  return joinVerdicts([
    fromOutcomes(rule, outcomes(false), { object, excepting, action: rule.entry.enforcementAction }),
    fromOutcomes(rule, outcomes(true), { object, excepting, action: milder("warn", rule.entry.enforcementAction) }),
  ]);
}

type Located = Outcome & { readonly scope?: string };

function outcomesIn(scope: Scope, outcomes: readonly Outcome[]): readonly Located[] {
  const name = scopeName(scope);
  return name === undefined ? outcomes : outcomes.map((outcome) => ({ scope: name, ...outcome }));
}
