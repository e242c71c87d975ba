import type { AdmissionRequest } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { Change, Fact, Snapshot } from "../model/snapshot.js";
import type { Log } from "../log.js";
import type { Judge } from "./admission-edge.js";
import type { LiveSnapshot } from "./live-snapshot.js";
import type { ServerMetrics } from "./metrics.js";
import type { Route } from "./route.js";
import { stateChanges } from "./state-changes.js";

export interface JudgeParts {
  readonly live: LiveSnapshot;
  /** The pure decision of a validating call: every rule, no patch. */
  readonly validate: (request: AdmissionRequest, snapshot: Snapshot) => Decision;
  /** The pure decision of a mutating call: a patch, never a refusal. */
  readonly mutate: (request: AdmissionRequest, snapshot: Snapshot) => Decision;
  /** Is a namespace left out of the configuration that fails closed, so that refusals for it come from `/validate/warn`? */
  readonly isExempt?: (namespace: string) => boolean;
  /** With `--state` only: facts of an object, so that an admitted change becomes part of the state. */
  readonly facts?: (object: KubeObject) => readonly Fact[];
  /** With `--cluster` only: a consistent read of these namespaces, as changes to the snapshot. Rejects when it cannot be had in time. */
  readonly confirm?: (namespaces: readonly string[], signal: AbortSignal) => Promise<readonly Change[]>;
  readonly metrics: ServerMetrics;
  readonly log: Log;
}

/** Joins the pure decision with the state around it: which snapshot, whether a denial still holds on fresh data, and what an admitted change leaves behind. */
export function makeJudge(parts: JudgeParts): Judge {
  const { live, validate, mutate, facts, confirm } = parts;
  return (request, route, deadline) => {
    if (route === "mutate") return mutate(request, live.current);
    const judged = validate(request, live.current);
    const decision = forRoute(judged, { route, request, ...parts });
    if (!decision.allowed) return confirm ? confirmed({ ...parts, confirm }, { request, route, deadline, decision }) : decision;
    // In the same turn of the loop as the decision: the next review sees it, and no other one comes in between.
    if (facts && judged.allowed && !request.dryRun) live.apply(stateChanges(request, facts));
    return decision;
  };
}

interface Asked extends Pick<JudgeParts, "isExempt"> {
  readonly route: Route;
  readonly request: AdmissionRequest;
}

/**
 * What one route tells, so that both configurations together tell everything once: `/validate/deny` refuses, and
 * `/validate/warn` warns. Requests in exempt namespaces are sent to `/validate/warn` alone, so there it refuses too: a
 * refusal under `failurePolicy: Ignore` still refuses (facts/admission.md 2).
 */
function forRoute(decision: Decision, { route, request: { namespace }, isExempt = () => false }: Asked): Decision {
  if (route === "validate/deny") return { ...decision, violations: decision.violations.filter(({ action }) => action === "deny"), warnings: [] };
  if (route !== "validate/warn" || (namespace !== undefined && isExempt(namespace))) return decision;
  return { ...decision, allowed: true, violations: decision.violations.filter(({ action }) => action !== "deny") };
}

interface Denial {
  readonly request: AdmissionRequest;
  readonly route: Route;
  readonly deadline: number;
  readonly decision: Decision;
}

/** Never deny on stale data: 6-8 % of pods beat the watch of a policy stored before them (A1). When no fresh data can be had, the client is asked to try again. */
async function confirmed({ live, validate, confirm, metrics, log, isExempt }: JudgeParts & Required<Pick<JudgeParts, "confirm">>, denial: Denial): Promise<Decision> {
  const { request, route, deadline, decision } = denial;
  try {
    const signal = AbortSignal.timeout(Math.max(1, Math.floor(deadline - performance.now())));
    const changes = await confirm(namespacesOf(denial), signal);
    const again = forRoute(validate(request, live.current.with(changes)), { route, request, ...(isExempt && { isExempt }) });
    metrics.confirmed(again.allowed ? "changed" : "same");
    return again;
  } catch (error) {
    metrics.confirmed("failed");
    log.warn({ uid: request.uid, err: error }, "a denial could not be confirmed by a consistent read");
    return { ...decision, code: 429 };
  }
}

/** Where the objects lie that the proof used: the request's own namespace, those of the objects blamed and of the policies that decide. */
function namespacesOf({ request, decision }: Denial): readonly string[] {
  const ofPolicies = decision.violations.flatMap(({ policies }) => policies.filter((name) => name.includes("/")).map((name) => name.slice(0, name.indexOf("/"))));
  const ofObjects = decision.violations.flatMap(({ object, namespaces = [] }) => [object.namespace, ...namespaces]);
  return [...new Set([request.namespace, ...ofObjects, ...ofPolicies])].filter((name) => name !== undefined);
}
