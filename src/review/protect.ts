import { isLive, type Pod } from "../model/endpoint.js";
import { isDeepStrictEqual } from "./equal.js";
import type { CompiledRule } from "../packs/compile.js";
import type { Change, Outcome, Protection, Scope } from "../rules/rule.js";
import { fromOutcomes, joinVerdicts, NO_VERDICTS, objectOf, scopeName, type Verdicts } from "./findings.js";

/** Asks the protections of one rule what the change does to them. */
export function askProtection(rule: CompiledRule, change: Change, settingUp: boolean): Verdicts {
  const { protect } = rule.behaviour;
  if (!protect) return NO_VERDICTS;
  if (change.touches === "pod" && change.request.operation === "CREATE") return hold(rule, protect, change);
  return changesReach(change) ? regressions(rule, protect, { change, settingUp }) : NO_VERDICTS;
}

/** Only policies, and the labels of pods and namespaces, say who can reach whom. */
function changesReach({ touches, request: { operation, object, oldObject } }: Change): boolean {
  if (touches === "policy") return true;
  if (touches === "other" || operation !== "UPDATE") return false;
  return !isDeepStrictEqual(object?.metadata.labels ?? {}, oldObject?.metadata.labels ?? {});
}

/** "A workload pod is refused while its namespace lacks the baseline; for a missing flow required for this very pod the pack says hold or warn." */
function hold(rule: CompiledRule, protect: Protection, change: Change): Verdicts {
  const action = rule.entry.hold;
  const pod = newPod(change);
  if (!action || action === "off" || !pod || !isLive(pod) || isMirror(change)) return NO_VERDICTS;
  const verdicts = fromOutcomes(rule, protect.forPod(change.after, pod), { object: objectOf(change), action });
  return { ...verdicts, violations: verdicts.violations.map((violation) => ({ ...violation, message: `${violation.action === "deny" ? "the pod is held: " : ""}${violation.message}` })) };
}

function newPod({ request: { object, namespace }, after }: Change): Pod | undefined {
  return namespace === undefined ? undefined : after.pod(namespace, object?.metadata.name ?? "");
}

/** Static pods: a node tells of them after it has started them. */
function isMirror({ request: { object, userInfo } }: Change): boolean {
  return userInfo.groups.includes("system:nodes") && object?.metadata.annotations?.["kubernetes.io/config.mirror"] !== undefined;
}

interface Asking {
  readonly change: Change;
  readonly settingUp: boolean;
}

/** "Refuse when there is an endpoint for which the flow held before and does not hold after"; what was broken already is warned about. */
function regressions(rule: CompiledRule, protect: Protection, { change, settingUp }: Asking): Verdicts {
  const scopes = protect.scopes(change).filter((scope) => "future" in scope || !scope.terminating);
  const object = objectOf(change);
  const results = scopes.map((scope) => {
    const lenient = settingUp && rule.entry.lenientWhileSettingUp === true && scopeName(scope) === change.namespace;
    const outcomes = protect.regression(change, scope);
    return fromOutcomes(rule, outcomes, { object, action: lenient ? "warn" : rule.entry.enforcementAction });
  });
  const regressed = joinVerdicts(results);
  const merged = { ...regressed, violations: mergeScopes(regressed.violations) };
  return merged.violations.length > 0 ? merged : joinVerdicts([merged, brokenAlready(rule, protect, { change, scopes })]);
}

/** How many further findings of one rule its message names. */
const NAMED = 2;

/** One violation per rule: the first finding's, naming the next ones, with the running pods of all. */
function mergeScopes(violations: Verdicts["violations"]): Verdicts["violations"] {
  const [first, ...rest] = violations;
  if (!first || rest.length === 0) return violations;
  const same = rest.filter((violation) => violation.action === first.action);
  const others = violations.filter((violation) => violation.action !== first.action);
  if (same.length === 0) return violations;
  const runningPods = same.reduce((sum, violation) => sum + (violation.runningPods ?? 0), first.runningPods ?? 0);
  const also = [...same.slice(0, NAMED).map(({ message }) => message), ...(same.length > NAMED ? [`${same.length - NAMED} more`] : [])];
  return [{ ...first, message: `${first.message} (also: ${also.join("; ")})`, runningPods }, ...others];
}

/** "Endpoints broken before and after are warned about when the change touches an end of that flow, and reported by audit." */
function brokenAlready(rule: CompiledRule, protect: Protection, { change, scopes }: { readonly change: Change; readonly scopes: readonly Scope[] }): Verdicts {
  if (change.touches !== "policy" || change.request.operation === "DELETE") return NO_VERDICTS;
  const own = scopes.filter((scope) => scopeName(scope) === change.namespace);
  const outcomes = own.flatMap((scope): readonly Outcome[] => protect.standing(change.after, scope)).filter(({ outcome }) => outcome === "broken");
  return fromOutcomes(rule, outcomes.slice(0, 1), { object: objectOf(change), action: "warn" });
}
