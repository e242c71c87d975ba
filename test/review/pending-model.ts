import { readObject } from "../../src/dialects/index.js";
import type { AdmissionRequest } from "../../src/model/admission.js";
import type { Decision } from "../../src/model/decision.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { attempt, EMPTY_LEDGER, expire, kindsBehind, record, sweep, type Ledger } from "../../src/review/pending.js";
import { pendingOf, type PendingChange, type View } from "../../src/review/pending-change.js";

/**
 * A small model of an API server, two replicas and their shared ledger, walked through in every order. The steps of Sluice are the
 * real ones; the model is only the world round them. Its law: some policy always covers the pods.
 */

const KIND = "NetworkPolicy.networking.k8s.io";

/** What somebody wants: a policy that covers, one that does not, or none. */
export interface Wish {
  readonly name: string;
  readonly to: "covers" | "covers-not" | "gone";
  readonly replica: 0 | 1;
}

/** The steps of Sluice, so that a test can leave one out and see the law broken. */
export const STEPS = { attempt, record, sweep, expire };
export type Steps = typeof STEPS;

interface Stored {
  readonly name: string;
  readonly version: number;
  readonly uid: string;
  /** Undefined: gone. */
  readonly covers: boolean | undefined;
}

interface Fresh {
  /** Events that a consistent read has seen. */
  readonly seen: number;
  readonly versions: View["versions"];
}

type Progress =
  | { readonly at: "wanted" }
  /** A consistent read is under way or done. */
  | { readonly at: "reading"; readonly fresh: Fresh }
  /** Judged right; the ledger is not written yet. */
  | { readonly at: "swapping"; readonly change: PendingChange; readonly base: number; readonly from: number; readonly to: Ledger }
  /** Told "allowed"; the API server has not written it yet. */
  | { readonly at: "told"; readonly change: PendingChange; readonly base: number }
  /** Never to be written any more: refused by somebody else, or nobody heard the answer. */
  | { readonly at: "failed"; readonly id: string }
  | { readonly at: "stored"; readonly id: string };

interface State {
  readonly events: readonly Stored[];
  /** How many events each replica's watch has shown. */
  readonly watched: readonly [number, number];
  readonly ledger: Ledger;
  readonly version: number;
  /** The ledger as each replica knows it. */
  readonly kept: readonly [{ readonly ledger: Ledger; readonly version: number }, { readonly ledger: Ledger; readonly version: number }];
  readonly wishes: readonly Progress[];
}

export interface Walked {
  readonly states: number;
  /** Steps that lead to the first state where nothing covers the pods. */
  readonly broken?: readonly string[];
  /** The most wishes that were fulfilled in one run. */
  readonly fulfilled: number;
}

/** Walks through all states that can be reached; ends at the first one that breaks the law. */
export function walk(initial: readonly string[], wishes: readonly Wish[], steps: Steps = STEPS): Walked {
  const world = new World(wishes, steps);
  const start = world.begin(initial);
  const seen = new Set([keyOf(start)]);
  const ahead: { readonly state: State; readonly path: Path | undefined }[] = [{ state: start, path: undefined }];
  let fulfilled = 0;
  for (let next = ahead.pop(); next; next = ahead.pop()) {
    const { state, path } = next;
    if (!isCovered(world.snapshot(state.events, state.events.length))) return { states: seen.size, broken: stepsOf(path), fulfilled };
    fulfilled = Math.max(fulfilled, state.wishes.filter(({ at }) => at === "stored").length);
    for (const [step, after] of world.next(state)) {
      const key = keyOf(after);
      if (seen.has(key)) continue;
      seen.add(key);
      ahead.push({ state: after, path: { step, before: path } });
    }
  }
  return { states: seen.size, fulfilled };
}

interface Path {
  readonly step: string;
  readonly before: Path | undefined;
}

function stepsOf(path: Path | undefined): string[] {
  return path ? [...stepsOf(path.before), path.step] : [];
}

class World {
  readonly #wishes: readonly Wish[];
  readonly #steps: Steps;
  readonly #snapshots = new Map<string, Snapshot>();

  constructor(wishes: readonly Wish[], steps: Steps) {
    this.#wishes = wishes;
    this.#steps = steps;
  }

  begin(names: readonly string[]): State {
    const events = names.map((name, index) => ({ name, version: index + 1, uid: `${name}1`, covers: true }));
    const kept = { ledger: EMPTY_LEDGER, version: 0 };
    return { events, watched: [events.length, events.length], ledger: EMPTY_LEDGER, version: 0, kept: [kept, kept], wishes: this.#wishes.map(() => ({ at: "wanted" })) };
  }

  /** Everything that can happen next. */
  *next(state: State): Iterable<[string, State]> {
    for (const replica of [0, 1] as const) {
      if (state.watched[replica] < state.events.length) yield [`the watch of ${replica} shows an event`, { ...state, watched: put(state.watched, replica, state.watched[replica] + 1) }];
    }
    for (const [index, progress] of state.wishes.entries()) yield* this.#steps_(state, index, progress);
  }

  *#steps_(state: State, index: number, progress: Progress): Iterable<[string, State]> {
    const wish = this.#wishes[index] as Wish;
    const name = `${index}: ${wish.name} ${wish.to} at ${wish.replica}`;
    const become = (to: Progress, changes: Partial<State> = {}): State => ({ ...state, ...changes, wishes: put(state.wishes, index, to) });
    switch (progress.at) {
      case "wanted":
        yield [`${name}: a consistent read`, become({ at: "reading", fresh: this.#read(state, wish.replica) })];
        yield* this.#judged(state, index, undefined).map((to): [string, State] => [`${name}: judged on the watch`, become(to)]);
        return;
      case "reading":
        yield* this.#judged(state, index, progress.fresh).map((to): [string, State] => [`${name}: judged on the read`, become(to)]);
        return;
      case "swapping": {
        const now = { ledger: state.ledger, version: state.version };
        if (progress.from !== state.version) return yield [`${name}: the swap fails`, become({ at: "wanted" }, { kept: put(state.kept, wish.replica, now) })];
        const kept = { ledger: progress.to, version: state.version + 1 };
        const changes = { ...kept, kept: put(state.kept, wish.replica, kept) };
        yield [`${name}: swapped, told`, become({ at: "told", change: progress.change, base: progress.base }, changes)];
        yield [`${name}: swapped, and the replica dies`, become({ at: "failed", id: progress.change.id }, changes)];
        return;
      }
      case "told": {
        const latest = latestOf(state.events, wish.name);
        yield [`${name}: refused by another webhook`, become({ at: "failed", id: progress.change.id })];
        // The API server writes on the version that was reviewed and on no other one; else it asks anew.
        if ((latest?.version ?? 0) !== progress.base) return yield [`${name}: conflict`, become({ at: "wanted" })];
        const event = { name: wish.name, version: state.events.length + 1, uid: progress.change.uid, covers: wish.to === "gone" ? undefined : wish.to === "covers" };
        yield [`${name}: stored`, become({ at: "stored", id: progress.change.id }, { events: [...state.events, event] })];
        return;
      }
      case "failed":
      case "stored": {
        // No request is under way any more: a consistent read tells what became of it, and it is taken off the list.
        if (!state.ledger.changes.some(({ id }) => id === progress.id)) return;
        const ledger = this.#steps.expire(state.ledger, new Set([progress.id]), this.#view(state, wish.replica, this.#read(state, wish.replica)));
        if (ledger.changes.length < state.ledger.changes.length) yield [`${name}: over`, { ...state, ledger, version: state.version + 1 }];
      }
    }
  }

  #read(state: State, replica: 0 | 1): Fresh {
    const { versions } = this.#view(state, replica, undefined);
    const { ledger } = state.kept[replica];
    const behind = kindsBehind(ledger, { snapshot: Snapshot.EMPTY, versions }).length > 0;
    return { seen: state.events.length, versions: behind ? ledger.seen : versions };
  }

  #judged(state: State, index: number, fresh: Fresh | undefined): Progress[] {
    const { name, to, replica } = this.#wishes[index] as Wish;
    const stored = latestOf(state.events, name);
    const isThere = stored?.covers !== undefined;
    if (to === "gone" && !isThere) return [];
    const oldObject = stored && isThere ? objectOf(stored) : undefined;
    const object = to === "gone" ? undefined : objectOf({ name, version: 0, uid: oldObject?.metadata.uid ?? `${name}-of-${index}-${state.events.length}`, covers: to === "covers" });
    const request = requestOf(`${index}-${stored?.version ?? 0}`, oldObject, object);
    const view = this.#view(state, replica, fresh);
    const change = pendingOf(request, view.snapshot);
    if (!change) return [];
    const kept = state.kept[replica];
    const swept = this.#steps.sweep(kept.ledger, this.#view(state, replica, undefined));
    const tried = this.#steps.attempt(swept, view, { change, decide: (snapshot) => decide(request, snapshot), concerns: () => true });
    return tried.result === "admitted" ? [{ at: "swapping", change, base: stored?.version ?? 0, from: kept.version, to: this.#steps.record(swept, change) }] : [];
  }

  #view(state: State, replica: 0 | 1, fresh: Fresh | undefined): View {
    const watched = state.watched[replica];
    if (fresh) return { snapshot: this.snapshot(state.events, Math.max(fresh.seen, watched)), versions: fresh.versions, fresh: new Set(["demo"]) };
    return { snapshot: this.snapshot(state.events, watched), versions: { [KIND]: String(state.events[watched - 1]?.version ?? 0) } };
  }

  snapshot(events: readonly Stored[], count: number): Snapshot {
    if (count === 0) return Snapshot.EMPTY;
    const key = JSON.stringify(events.slice(0, count));
    let known = this.#snapshots.get(key);
    if (!known) {
      const object = objectOf(events[count - 1] as Stored);
      const isGone = events[count - 1]?.covers === undefined;
      known = this.snapshot(events, count - 1).with(isGone ? [{ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name: object.metadata.name ?? "" } }] : readObject(object).facts.map((put) => ({ put })));
      this.#snapshots.set(key, known);
    }
    return known;
  }
}

/** "A change may not take the last cover away." */
function decide({ object, oldObject }: AdmissionRequest, snapshot: Snapshot): Decision {
  const ref = (of: KubeObject) => ({ group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "demo", name: of.metadata.name ?? "" });
  const facts = (of: KubeObject | undefined) => (of ? readObject(of).facts.map((put) => ({ put })) : []);
  const before = snapshot.with(oldObject ? facts(oldObject) : object ? [{ remove: ref(object) }] : []);
  const after = before.with(object ? facts(object) : oldObject ? [{ remove: ref(oldObject) }] : []);
  return { allowed: !isCovered(before) || isCovered(after), violations: [], warnings: [], patch: [], errors: [] };
}

function isCovered(snapshot: Snapshot): boolean {
  for (const { rules } of snapshot.policies()) if (rules.egress.length > 0) return true;
  return false;
}

function objectOf({ name, version, uid, covers }: Stored): KubeObject {
  const metadata = { name, namespace: "demo", uid, ...(version > 0 && { resourceVersion: String(version) }) };
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata, spec: { podSelector: {}, policyTypes: ["Egress"], ...(covers && { egress: [{}] }) } };
}

function requestOf(uid: string, oldObject: KubeObject | undefined, object: KubeObject | undefined): AdmissionRequest {
  const name = (object ?? oldObject)?.metadata.name ?? "";
  return {
    uid,
    kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" },
    resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" },
    name,
    namespace: "demo",
    operation: object ? (oldObject ? "UPDATE" : "CREATE") : "DELETE",
    userInfo: { username: "jane", groups: [] },
    ...(object && { object }),
    ...(oldObject && { oldObject }),
    dryRun: false,
  };
}

function latestOf(events: readonly Stored[], name: string): Stored | undefined {
  return events.findLast((event) => event.name === name);
}

function put<T extends readonly unknown[]>(list: T, index: number, value: T[number]): T {
  return list.map((item, i) => (i === index ? value : item)) as unknown as T;
}

function keyOf(state: State): string {
  return JSON.stringify(state);
}
