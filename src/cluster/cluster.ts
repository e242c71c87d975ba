import { setMaxListeners } from "node:events";
import { setTimeout as sleep } from "node:timers/promises";
import { kindKey } from "../model/kubernetes.js";
import type { Condition } from "../model/readiness.js";
import { latest } from "../model/resource-version.js";
import type { Problem } from "../model/result.js";
import type { Change } from "../model/snapshot.js";
import type { Log } from "../log.js";
import type { ClusterConnection } from "./connection.js";
import { KindWatch, type KindStatus } from "./kind-watch.js";
import type { WatchedKind } from "./list.js";
import { DEFAULT_TIMING, type Timing } from "./timing.js";

export { ClusterError, connectCluster, connectTo, ownNamespace, type ClusterConnection } from "./connection.js";
export type { KindStatus } from "./kind-watch.js";
export type { WatchedKind } from "./list.js";
export { allObjects, clusterCollection, clusterObjects } from "./objects.js";
export { sharedConfigMap } from "./shared.js";
export { tokenReviewer } from "./access.js";
export { webhookCalls } from "./webhooks.js";
export { policyWriter } from "./write.js";

export interface FollowParts {
  readonly connection: ClusterConnection;
  readonly kinds: readonly WatchedKind[];
  /** Called with each batch, in order per kind. */
  readonly onChanges: (changes: readonly Change[]) => void;
  readonly log: Log;
  readonly timing?: Partial<Timing>;
}

/** A cluster that is being followed. */
export interface FollowedCluster {
  status(): readonly KindStatus[];
  /** Resolves when every kind has been listed once, or is absent. */
  synced(): Promise<void>;
  /** Resource versions by kind: names the state that decisions are made on. */
  versions(): Readonly<Record<string, string>>;
  /** What `/readyz` tells of each kind. */
  conditions(): readonly Condition[];
  /**
   * What the API server has stored in these namespaces, or in all, now, as changes to what was handed on: for confirming a denial. Kinds by
   * `kindKey`, all by default. Rejects when one of the lists fails: half a reading confirms nothing.
   */
  consistentRead(namespaces: readonly string[] | "all", options: ReadOptions): Promise<readonly Change[]>;
  /** Follows these kinds too, each as soon as it has been listed. Resolves with what keeps one from being listed within `ms`: then it is not followed. */
  add(kinds: readonly WatchedKind[], ms: number): Promise<readonly Problem[]>;
  stop(): Promise<void>;
}

export interface ReadOptions {
  readonly signal: AbortSignal;
  readonly kinds?: ReadonlySet<string>;
}

/** Starts to follow these kinds of a cluster. */
export function followCluster({ connection, kinds, onChanges, log, timing }: FollowParts): FollowedCluster {
  const stopping = new AbortController();
  // Every kind listens for the end; that is no leak.
  setMaxListeners(0, stopping.signal);
  const handOn = (changes: readonly Change[]) => {
    if (!stopping.signal.aborted) onChanges(changes);
  };
  const watches: KindWatch[] = [];
  const versions = new Versions();
  const parts = { connection, onChanges: handOn, log, timing: { ...DEFAULT_TIMING, ...timing }, latest: () => latest(watches.map(({ resourceVersion }) => resourceVersion)) };
  watches.push(...kinds.map((kind) => new KindWatch(kind, parts)));
  const running = watches.map((watch) => watch.run(stopping.signal));
  const add = async (kind: WatchedKind, ms: number): Promise<readonly Problem[]> => {
    const [watch, giveUp] = [new KindWatch(kind, parts), new AbortController()];
    const run = watch.run(AbortSignal.any([stopping.signal, giveUp.signal]));
    running.push(run);
    const synced = await Promise.race([watch.synced.then(() => true), sleep(ms, false, { signal: stopping.signal, ref: false }).catch(() => false)]);
    if (synced) {
      watches.push(watch);
      return [];
    }
    giveUp.abort(new Error("not listed in time"));
    await run;
    watch.forget();
    return [{ code: "cluster/unreadable", message: `${watch.status.kind} cannot be read from the cluster: ${watch.status.problem ?? `no answer within ${ms} ms`}`, path: "" }];
  };
  return {
    status: () => watches.map((watch) => watch.status),
    synced: async () => void (await Promise.all(watches.map((watch) => watch.synced))),
    conditions: () => watches.map(({ condition }) => condition),
    versions: () => versions.of(watches),
    consistentRead: async (namespaces, { signal, kinds: wanted }) => {
      const asked = watches.filter(({ name }) => !wanted || wanted.has(name));
      return (await Promise.all(asked.map((watch) => watch.readNow(namespaces, signal)))).flat();
    },
    add: async (more, ms) => {
      const unknown = more.filter((kind) => !watches.some(({ name }) => name === kindKey(kind)));
      return (await Promise.all(unknown.map((kind) => add(kind, ms)))).flat();
    },
    stop: async () => {
      stopping.abort(new Error("stopped"));
      await Promise.all(running);
      connection.close();
    },
  };
}

/** Resource versions by kind: the same record until one of them changes, because each review asks. */
class Versions {
  #seen: readonly (string | undefined)[] = [];
  #record: Readonly<Record<string, string>> = {};

  of(watches: readonly KindWatch[]): Readonly<Record<string, string>> {
    if (watches.length === this.#seen.length && watches.every(({ resourceVersion }, index) => resourceVersion === this.#seen[index])) return this.#record;
    this.#seen = watches.map(({ resourceVersion }) => resourceVersion);
    this.#record = Object.fromEntries(watches.flatMap(({ name, resourceVersion }) => (resourceVersion === undefined ? [] : [[name, resourceVersion]])));
    return this.#record;
  }
}
