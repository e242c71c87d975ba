import type { Decision } from "../model/decision.js";
import { kindKey } from "../model/kubernetes.js";
import { isAfter, isVersion, reaches } from "../model/resource-version.js";
import type { Snapshot } from "../model/snapshot.js";
import { decidedAt, describePending, editsOf, goingIn, isDecided, keyOf, openIn, type PendingChange, type View } from "./pending-change.js";

/**
 * What was admitted and may not have been seen by everybody. Every admitted change is in `changes`, or shown by each view that
 * has come as far as `seen`, or can never be stored any more (docs/consistency.md).
 */
export interface Ledger {
  readonly changes: readonly PendingChange[];
  /** By `kindKey`: the version from which on a view shows all that was taken off the list. */
  readonly seen: Readonly<Record<string, string>>;
}

export const EMPTY_LEDGER: Ledger = { changes: [], seen: {} };

/** One request that wants to become a pending change. */
export interface Candidate {
  readonly change: PendingChange;
  /** The decision on a state of the cluster. Pure. */
  readonly decide: (snapshot: Snapshot) => Decision;
  /** Could these two be wrong together? */
  readonly concerns: (other: PendingChange, snapshot: Snapshot) => boolean;
  /** It is admitted whatever it does: clean-up by controllers. */
  readonly mustPass?: boolean;
}

export type Attempt =
  | { readonly result: "admitted"; readonly decision: Decision }
  /** On what the view shows. */
  | { readonly result: "refused"; readonly decision: Decision }
  /** With pending changes in one of their outcomes, though not without them. */
  | { readonly result: "refused-together"; readonly decision: Decision; readonly because: readonly PendingChange[] }
  /** Not to be said yet: too many outcomes, or one that is not known. */
  | { readonly result: "unclear"; readonly because: readonly PendingChange[] }
  /** The view is older than what others have taken off the list; kinds by `kindKey`. */
  | { readonly result: "behind"; readonly kinds: readonly string[] };

/** Each doubles the outcomes to judge: 32 proofs of some milliseconds stay far below a webhook's seconds. */
const MAX_OBJECTS = 5;

/** May this change be admitted, whatever becomes of those that are pending? An admitted one must be recorded before anybody is told. */
export function attempt(ledger: Ledger, view: View, candidate: Candidate): Attempt {
  const { change, decide, concerns, mustPass } = candidate;
  const decision = decide(view.snapshot);
  if (mustPass) return { result: "admitted", decision };
  if (!decision.allowed) return { result: "refused", decision };
  const kinds = kindsBehind(ledger, view);
  if (kinds.length > 0) return { result: "behind", kinds };
  const open = openIn([...ledger.changes, ...goingIn(view.snapshot)], view).filter((other) => keyOf(other.ref) !== keyOf(change.ref));
  const because = open.filter((other) => concerns(other, view.snapshot));
  const objects = [...new Set(because.map(({ ref }) => keyOf(ref)))];
  if (objects.length > MAX_OBJECTS || because.some(({ untold }) => untold)) return { result: "unclear", because };
  for (const outcome of outcomesOf(objects.map((key) => because.filter(({ ref }) => keyOf(ref) === key)))) {
    const then = decide(view.snapshot.with(outcome.flatMap(editsOf)));
    if (!then.allowed) return { result: "refused-together", decision: together(then, outcome), because: outcome };
  }
  return { result: "admitted", decision };
}

/** The ledger with one more change. */
export function record({ changes, seen }: Ledger, change: PendingChange): Ledger {
  return { seen, changes: [...changes.filter(({ id }) => id !== change.id), change] };
}

/** Takes off the list what this view shows, and says from which version on others can see it too. The view must be one that a watch keeps. */
export function sweep(ledger: Ledger, view: View): Ledger {
  const seen: Record<string, string> = { ...ledger.seen };
  const open = new Set(openIn(ledger.changes, view));
  const changes = ledger.changes.filter((change) => {
    const at = open.has(change) ? undefined : decidedAt(change, view);
    // What is no number no view can be compared with: the change ends by time.
    if (!isVersion(at)) return true;
    const kind = kindKey(change.ref);
    if (at !== undefined && (seen[kind] === undefined || isAfter(at, seen[kind]))) seen[kind] = at;
    return false;
  });
  return changes.length === ledger.changes.length ? ledger : { changes, seen };
}

/**
 * Takes off the list what can never be stored any more: these ids are older than every request to the API server can be, and
 * a consistent read made after that (`view`) does not show them.
 */
export function expire({ changes, seen }: Ledger, ids: ReadonlySet<string>, view: View): Ledger {
  return { seen, changes: changes.filter((change) => !ids.has(change.id) || isDecided(change, view)) };
}

/** Kinds of which others have seen more than this view shows. */
export function kindsBehind({ seen }: Ledger, { versions }: View): readonly string[] {
  return Object.keys(seen).filter((kind) => !reaches(versions[kind], seen[kind]));
}

/** Every choice of what is stored; of several changes to one object at most one is. The empty choice, which is the view itself, is left out. */
function outcomesOf(groups: readonly (readonly PendingChange[])[]): readonly (readonly PendingChange[])[] {
  let outcomes: (readonly PendingChange[])[] = [[]];
  for (const group of groups) outcomes = outcomes.flatMap((outcome) => [outcome, ...group.map((change) => [...outcome, change])]);
  return outcomes.slice(1);
}

/** For now: when the other change turns out not to be stored, this one is right. */
function together(decision: Decision, outcome: readonly PendingChange[]): Decision {
  const others = `together with the ${outcome.map(describePending).join(" and the ")}, admitted and not visible yet`;
  const violations = decision.violations.map((violation) => (violation.action === "deny" ? { ...violation, message: `${others}: ${violation.message}` } : violation));
  return { ...decision, code: 429, violations };
}
