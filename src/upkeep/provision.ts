import { setImmediate as nextTurn } from "node:timers/promises";
import type { Registry } from "prom-client";
import type { Log } from "../log.js";
import type { Namespace } from "../model/endpoint.js";
import { groupOf, kindKey, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Change, Fact, Snapshot } from "../model/snapshot.js";
import type { Occasion, ProvisionPlan } from "../review/provision-plan.js";
import { isWrittenBySluice } from "../review/provision.js";
import { ProvisionMetrics, type Left } from "./provision-metrics.js";
import { DEFAULT_PACE, pauseAfter, withJitter, type Pace } from "./provision-pace.js";
import { NamespaceQueue } from "./provision-queue.js";
import { writeInOrder, type WritePolicy, type Written } from "./provision-write.js";

export interface ProvisionerParts {
  readonly live: { readonly current: Snapshot };
  readonly plan: (asked: { readonly name: string; readonly occasion: Occasion }, snapshot: Snapshot) => ProvisionPlan;
  readonly write: WritePolicy;
  readonly registry: Registry;
  readonly log: Log;
  readonly pace?: Pace;
}

/** One namespace of the cluster, as far as it concerns its provision. */
interface Seen {
  readonly uid: string;
  /** What the next look at it is about. */
  occasion: Occasion;
  /** Writes that failed in a row. */
  failures: number;
  left: Left | undefined;
  /** When those who waited were told last, on the clock of `performance.now()`. */
  settledAt?: number;
  /** Key of the owner that has not been seen yet. */
  awaits?: string;
}

/**
 * Gives namespaces of a cluster the policies of their baseline. A namespace is given them when the watch shows it, not when
 * it is admitted: a later webhook may refuse it. Where Sluice may not write, or a running pod would be cut off, it only tells.
 */
export class Provisioner {
  readonly #parts: ProvisionerParts;
  readonly #pace: Pace;
  readonly #metrics: ProvisionMetrics;
  readonly #queue = new NamespaceQueue((name) => this.#look(name));
  readonly #stopping = new AbortController();
  readonly #seen = new Map<string, Seen>();
  /** Namespaces that no provision fits yet, by their controlling owner: the watch of the owner may be behind. */
  readonly #ofOwner = new Map<string, Set<string>>();
  readonly #waiting = new Map<string, Set<() => void>>();
  #started = false;

  constructor(parts: ProvisionerParts) {
    this.#parts = parts;
    this.#pace = parts.pace ?? DEFAULT_PACE;
    this.#metrics = new ProvisionMetrics(parts.registry, () => [...this.#seen.values()].map(({ left }) => left));
  }

  /** Tells of changes that were applied; `before` is the snapshot without them. */
  observe(changes: readonly Change[], before: Snapshot): void {
    for (const change of changes) {
      if ("put" in change) this.#put(change.put);
      else this.#removed(change.remove, before);
    }
  }

  /** Call once every kind is synced: what was observed until now is older than Sluice. */
  start(): void {
    this.#started = true;
    for (const name of this.#seen.keys()) this.#queue.add(name);
  }

  stop(): void {
    this.#stopping.abort(new Error("stopped"));
    this.#queue.stop();
  }

  /** Is the namespace about to be given its policies, for all that is known? One that the watch has not shown yet may be. */
  isPending(name: string): boolean {
    const seen = this.#seen.get(name);
    return this.#started && (!seen || (this.#queue.has(name) && seen.left !== "refused" && seen.left !== "cuts-off"));
  }

  /** Was that so at any time in the last `ago` milliseconds? */
  wasPending(name: string, ago: number): boolean {
    return this.isPending(name) || performance.now() - (this.#seen.get(name)?.settledAt ?? -Infinity) <= ago;
  }

  /** Resolves when the namespace was given its policies or is not going to be, and after `ms` at the latest. */
  async settled(name: string, ms: number): Promise<void> {
    const waiting = this.#waiting.get(name) ?? new Set();
    this.#waiting.set(name, waiting);
    await new Promise<void>((resolve) => {
      const done = (): void => {
        clearTimeout(timer);
        waiting.delete(done);
        if (waiting.size === 0) this.#waiting.delete(name);
        resolve();
      };
      const timer = setTimeout(done, ms);
      waiting.add(done);
    });
  }

  #put(fact: Fact): void {
    if (fact.fact === "namespace") this.#appeared(fact.value);
    if (fact.fact === "pod") this.#podChanged(fact.value.namespace);
    if (fact.fact === "object") this.#ownerAppeared(fact.value);
  }

  #removed(ref: ObjectRef, before: Snapshot): void {
    const { namespace } = ref;
    if (ref.group === "" && ref.kind === "Namespace") this.#forget(ref.name);
    if (namespace === undefined) return;
    if (ref.group === "" && ref.kind === "Pod") return this.#podChanged(namespace);
    const policy = before.policy(ref);
    if (policy && isWrittenBySluice(policy) && this.#seen.has(namespace)) this.#queue.add(namespace);
  }

  #appeared({ name, object }: Namespace): void {
    const uid = object?.metadata.uid ?? "";
    const seen = this.#seen.get(name);
    // A person who may have changed what was in the way, or a watch that begins anew.
    if (seen?.uid === uid) return seen.left === undefined ? undefined : this.#queue.add(name);
    this.#seen.set(name, { uid, occasion: this.#started ? "new" : "existing", failures: 0, left: undefined });
    if (this.#started) this.#queue.add(name);
  }

  #forget(name: string): void {
    this.#ofOwner.get(this.#seen.get(name)?.awaits ?? "")?.delete(name);
    this.#seen.delete(name);
    this.#queue.remove(name);
  }

  #podChanged(namespace: string): void {
    if (this.#seen.get(namespace)?.left === "cuts-off") this.#queue.add(namespace);
  }

  #ownerAppeared({ apiVersion, kind, metadata: { name = "" } }: KubeObject): void {
    const key = ownerKey(apiVersion, kind, name);
    const owned = this.#ofOwner.get(key);
    if (!owned) return;
    this.#ofOwner.delete(key);
    for (const namespace of owned) if (this.#seen.has(namespace)) this.#queue.add(namespace);
  }

  /** One look at one namespace: what is it to be given, and what came of it. */
  async #look(name: string): Promise<void> {
    const seen = this.#seen.get(name);
    // At the start there may be thousands: requests come in between.
    await nextTurn();
    if (!seen || seen !== this.#seen.get(name)) return;
    try {
      const { live, plan } = this.#parts;
      await this.#carryOut(name, seen, plan({ name, occasion: seen.occasion }, live.current));
    } catch (error) {
      this.#later(name, seen, { result: "failed", detail: error instanceof Error ? error.message : String(error) });
    }
  }

  async #carryOut(name: string, seen: Seen, plan: ProvisionPlan): Promise<void> {
    if (plan.plan === "none") return this.#awaitOwner(name, seen);
    if (plan.plan === "enough") return this.#done(name, seen);
    if (plan.plan === "cuts-off") return this.#leave(name, seen, { left: "cuts-off", reason: `it would cut off running pods: ${listed(plan.pods)}` });
    const { write, log } = this.#parts;
    const written = await writeInOrder(plan.policies, { write, log, count: (result) => this.#metrics.count(result), stopping: this.#stopping.signal });
    if (seen !== this.#seen.get(name) || this.#stopping.signal.aborted) return;
    if (written.result === "written") this.#done(name, seen);
    else this.#later(name, seen, written);
  }

  #awaitOwner(name: string, seen: Seen): void {
    const owner = this.#parts.live.current.namespaces.get(name)?.namespace.object?.metadata.ownerReferences?.find(({ controller }) => controller === true);
    if (owner) {
      seen.awaits = ownerKey(owner.apiVersion, owner.kind, owner.name);
      this.#ofOwner.set(seen.awaits, (this.#ofOwner.get(seen.awaits) ?? new Set()).add(name));
    }
    this.#tellWaiting(name);
  }

  #done(name: string, seen: Seen): void {
    Object.assign(seen, { occasion: "deleted", failures: 0, left: undefined } satisfies Partial<Seen>);
    this.#tellWaiting(name);
  }

  #later(name: string, seen: Seen, { result, detail, retryAfterMs = 0 }: Written): void {
    if (result === "refused") {
      this.#leave(name, seen, { left: "refused", reason: detail ?? "" });
      return this.#queue.add(name, withJitter(this.#pace.refusedMs));
    }
    seen.failures += 1;
    seen.left = "failed";
    this.#parts.log.warn({ namespace: name, failures: seen.failures, reason: detail }, "the policies of a baseline could not be written; tried again");
    this.#queue.add(name, Math.max(retryAfterMs, pauseAfter(seen.failures, this.#pace)));
  }

  /** Told once, not at every try. */
  #leave(name: string, seen: Seen, { left, reason }: { readonly left: Left; readonly reason: string }): void {
    if (seen.left !== left) this.#parts.log.warn({ namespace: name, reason }, "the policies of a baseline are not written; its pods are held until somebody applies them");
    seen.left = left;
    this.#tellWaiting(name);
  }

  #tellWaiting(name: string): void {
    const seen = this.#seen.get(name);
    if (seen) seen.settledAt = performance.now();
    for (const done of this.#waiting.get(name) ?? []) done();
  }
}

function ownerKey(apiVersion: string, kind: string, name: string): string {
  return `${kindKey({ group: groupOf(apiVersion), kind })}/${name}`;
}

/** The first ones of a list, in words. */
function listed(names: readonly string[]): string {
  return names.length > 3 ? `${names.slice(0, 3).join(", ")} and ${names.length - 3} more` : names.join(", ");
}
