import type { AdmissionRequest } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import type { Judge } from "./admission-edge.js";
import type { Route } from "./route.js";

export interface Pending {
  /** May its policies be about to be written? */
  isPending(namespace: string): boolean;
  /** Resolves when they are written or are not going to be, and after `ms` at the latest; false when they were not about to be at any time in the last `ago` milliseconds. */
  settled(namespace: string, ms: number, ago: number): Promise<void | false>;
}

/**
 * A Deployment's first pod is reviewed 16-26 ms behind its namespace (facts/admission.md 5), a write takes about as long. One
 * second is far more than that and leaves four of the five that the webhook has for the consistent read and the answer.
 */
const WAIT_MS = 1_000;
/** What is left of the deadline for judging again. */
const RESERVE_MS = 500;
/** Each takes one of the gate's 64 turns, and Sluice's own writes need some of these. */
const AT_ONCE = 16;

/**
 * A pod that comes right behind its namespace is not refused because Sluice has still to write the policies: "transient
 * reasons must not be a deny for controllers; resolve them inside the call" (facts/admission.md 9).
 */
export function waitForProvision(judge: Judge, provision: Pending): Judge {
  let waiting = 0;
  return (request, route, deadline) => {
    const { namespace = "" } = request;
    // Asked before: the policies may be written while the consistent read of a denial is under way.
    if (!isNewPod(request) || !provision.isPending(namespace)) return judge(request, route, deadline);
    return judgePatiently(request, route, deadline);
  };
  async function judgePatiently(request: AdmissionRequest, route: Route, deadline: number): Promise<Decision> {
    const { namespace = "" } = request;
    const started = performance.now();
    const decision = await judge(request, route, deadline);
    const left = Math.min(WAIT_MS, deadline - performance.now() - RESERVE_MS);
    if (decision.allowed || left <= 0 || waiting >= AT_ONCE) return decision;
    if (!provision.isPending(namespace)) return judge(request, route, deadline);
    waiting += 1;
    const waited = await provision.settled(namespace, left, performance.now() - started).finally(() => (waiting -= 1));
    return waited === false ? decision : judge(request, route, deadline);
  }
}

function isNewPod({ kind, operation }: AdmissionRequest): boolean {
  return kind.group === "" && kind.kind === "Pod" && operation === "CREATE";
}
