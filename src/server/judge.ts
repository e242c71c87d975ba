import type { AdmissionRequest } from "../model/admission.js";
import { wouldDeny, type Decision } from "../model/decision.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { Violation } from "../model/violation.js";
import type { Fact, Snapshot } from "../model/snapshot.js";
import { reasonOf, type Log } from "../log.js";
import type { Candidate } from "../review/pending.js";
import type { PendingChange, View } from "../review/pending-change.js";
import type { Judge } from "./admission-edge.js";
import type { LiveSnapshot } from "./live-snapshot.js";
import type { ServerMetrics } from "./metrics.js";
import { NotNow } from "../pending/not-now.js";
import type { PendingChanges } from "../pending/pending-changes.js";
import type { Route } from "./route.js";
import { stateChanges } from "./state-changes.js";

export interface JudgeParts {
  readonly live: LiveSnapshot;
  /** The pure decision of a validating call: every rule, no patch. `fixes` is false where only the verdict counts. */
  readonly validate: (request: AdmissionRequest, snapshot: Snapshot, fixes?: boolean) => Decision;
  /** The pure decision of a mutating call: a patch, never a refusal. */
  readonly mutate: (request: AdmissionRequest, snapshot: Snapshot) => Decision;
  /** Is a namespace left out of the configuration that fails closed, so that refusals for it come from `/validate/warn`? */
  readonly isExempt?: (namespace: string) => boolean;
  /** With `--state` only: facts of an object, so that an admitted change becomes part of the state. */
  readonly facts?: (object: KubeObject) => readonly Fact[];
  /** With `--cluster` only: a view made by a consistent read of these namespaces. Rejects when it cannot be had in time. */
  readonly confirm?: (namespaces: readonly string[], signal: AbortSignal) => Promise<View>;
  /** With `--cluster` only: what was admitted and is not visible yet. */
  readonly pending?: Pending;
  readonly metrics: ServerMetrics;
  readonly log: Log;
}

/** The list of pending changes, and the pure questions about one request that it needs. */
export interface Pending {
  readonly changes: Pick<PendingChanges, "admit">;
  /** Undefined for a request that can break nothing together with others. */
  readonly changeOf: (request: AdmissionRequest, snapshot: Snapshot) => PendingChange | undefined;
  readonly concerns: (request: AdmissionRequest, other: PendingChange, snapshot: Snapshot) => boolean;
  readonly mustPass: (request: AdmissionRequest, snapshot: Snapshot) => boolean;
}

/** Joins the pure decision with the state around it: which snapshot, whether a denial still holds on fresh data, and what an admitted change leaves behind. */
export function makeJudge(parts: JudgeParts): Judge {
  const { live, validate, mutate, facts, confirm, pending } = parts;
  return (request, route, deadline) => {
    const snapshot = live.current;
    if (route === "mutate") return mutate(request, snapshot);
    // A refusal that is confirmed is judged again, with its fix.
    const judged = validate(request, snapshot, !confirm);
    const decision = forRoute(judged, { route, request, ...parts });
    if (!decision.allowed && !confirm) return decision;
    const change = decidesAlone(route, request, parts) ? pending?.changeOf(request, snapshot) : undefined;
    if (!decision.allowed || (confirm && wouldDeny(decision)) || change) return settle(parts, { request, route, deadline, snapshot, decision, change });
    // In the same turn of the loop as the decision: the next review sees it, and no other one comes in between.
    if (facts && judged.allowed && !request.dryRun) live.apply(stateChanges(request, facts));
    return decision;
  };
}

/** A request on its route. */
export interface Asked extends Pick<JudgeParts, "isExempt"> {
  readonly route: Route;
  readonly request: AdmissionRequest;
}

/**
 * What one route tells: all of it, but that `/validate/warn` refuses in exempt namespaces only. These are sent to it alone, and a
 * refusal under `failurePolicy: Ignore` still refuses (facts/admission.md 2).
 */
export function forRoute(decision: Decision, { route, request: { namespace }, isExempt = () => false }: Asked): Decision {
  // The same where nothing is left out: what is remembered of it stays.
  if (route !== "validate/warn" || decision.violations.length === 0 || (namespace !== undefined && isExempt(namespace))) return decision;
  return { ...decision, allowed: true, violations: decision.violations.filter((violation) => !refuses(violation)) };
}

/** Or would, if mode `audit` did not let it pass. */
function refuses({ action, wouldDeny: would }: Violation): boolean {
  return action === "deny" || would === true;
}

/** Is this the call that may refuse the change? */
function decidesAlone(route: Route, { namespace }: AdmissionRequest, { isExempt = () => false }: Pick<JudgeParts, "isExempt">): boolean {
  return route !== "validate/warn" || (namespace !== undefined && isExempt(namespace));
}

interface Case {
  readonly request: AdmissionRequest;
  readonly route: Route;
  readonly deadline: number;
  /** What the watches showed when it came. */
  readonly snapshot: Snapshot;
  /** On that, without fixes. */
  readonly decision: Decision;
  readonly change: PendingChange | undefined;
}

/** What is not said on the watches' word alone: a refusal is confirmed, and a change that could be wrong together with others is admitted with them in mind. */
async function settle(parts: JudgeParts, asked: Case): Promise<Decision> {
  const { request, deadline } = asked;
  let { decision } = asked;
  let fresh: View | undefined;
  while (performance.now() < deadline) {
    if (!decision.allowed || wouldDeny(decision)) {
      const confirmed = await confirm(parts, asked, decision);
      if (!confirmed.decision.allowed || !asked.change) return confirmed.decision;
      fresh = confirmed.fresh;
    }
    const settled = await admit(parts, asked, fresh);
    if (settled.result !== "refused") return settled.decision;
    // The watches have shown what makes it wrong.
    decision = settled.decision;
    fresh = undefined;
  }
  throw new NotNow(`the state round \`${request.name}\` keeps changing`);
}

async function admit({ live, pending, validate, isExempt, metrics }: JudgeParts, { request, route, deadline, snapshot: seen, decision, change }: Case, fresh: View | undefined) {
  if (!pending || !change) throw new Error("a change without a list of pending changes");
  const candidate: Candidate = {
    change,
    decide: remembered((snapshot) => forRoute(validate(request, snapshot, false), { route, request, ...(isExempt && { isExempt }) }), { snapshot: seen, decision }),
    concerns: (other, snapshot) => pending.concerns(request, other, snapshot),
    mustPass: pending.mustPass(request, fresh?.snapshot ?? live.current),
  };
  try {
    const patience = candidate.mustPass ? Math.min(deadline, performance.now() + CLEANER_MS) : deadline;
    const settled = await pending.changes.admit(candidate, { deadline: patience, ...(fresh && { fresh }) });
    metrics.pending(settled.result);
    return settled;
  } catch (error) {
    metrics.pending("not-now");
    if (candidate.mustPass && error instanceof NotNow) return { result: "admitted", decision } as const;
    throw error;
  }
}

/** How long a controller that cleans up waits for its change to be remembered: it is admitted in any case (A5). */
const CLEANER_MS = 1_000;

/** Never deny on stale data: 6-8 % of pods beat the watch of a policy stored before them (A1). When no fresh data can be had, the client is asked to try again. */
async function confirm(parts: JudgeParts, { request, route, deadline }: Case, decision: Decision): Promise<{ readonly decision: Decision; readonly fresh?: View }> {
  const { validate, metrics, log, isExempt } = parts;
  try {
    const signal = AbortSignal.timeout(Math.max(1, Math.floor(deadline - performance.now())));
    const fresh = await parts.confirm?.(namespacesOf(request, decision), signal);
    if (!fresh) return { decision };
    const again = forRoute(validate(request, fresh.snapshot), { route, request, ...(isExempt && { isExempt }) });
    metrics.confirmed(again.allowed ? "changed" : "same");
    return { decision: again, fresh };
  } catch (error) {
    metrics.confirmed("failed");
    log.warn({ uid: request.uid, reason: reasonOf(error) }, "a denial could not be confirmed by a consistent read");
    return { decision: decision.allowed ? decision : unconfirmed(decision) };
  }
}

/** Whoever is still refused after asking ten times more learns that nobody could look. */
function unconfirmed(decision: Decision): Decision {
  const violations = decision.violations.map((violation) => (violation.action === "deny" ? { ...violation, message: `on what was seen last, for the API server could not be asked in time: ${violation.message}` } : violation));
  return { ...decision, code: 429, violations };
}

/** A pure decision, kept for the snapshot it was asked of last. `last`: what is known already. */
function remembered(decide: (snapshot: Snapshot) => Decision, last: Pick<Case, "snapshot" | "decision">): (snapshot: Snapshot) => Decision {
  return (snapshot) => (last.snapshot === snapshot ? last : (last = { snapshot, decision: decide(snapshot) })).decision;
}

/** Where the objects lie that the proof used: the request's own namespace, those of the objects blamed and of the policies that decide. */
function namespacesOf(request: AdmissionRequest, decision: Decision): readonly string[] {
  const ofPolicies = decision.violations.flatMap(({ policies }) => policies.filter((name) => name.includes("/")).map((name) => name.slice(0, name.indexOf("/"))));
  const ofObjects = decision.violations.flatMap(({ object, namespaces = [] }) => [object.namespace, ...namespaces]);
  return [...new Set([request.namespace, ...ofObjects, ...ofPolicies])].filter((name) => name !== undefined);
}
