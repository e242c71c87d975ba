import { setTimeout as sleep } from "node:timers/promises";
import { Gauge, type Registry } from "prom-client";
import type { KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";
import { readLease, writeLease } from "./leader-lease.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";

export interface LeaderTiming {
  /** What others are told to wait for after the last renewal that they saw. */
  readonly leaseMs: number;
  /** After this long without a renewal the leader stops: well before anybody else may start. */
  readonly deadlineMs: number;
  readonly retryMs: number;
}

/** That of client-go (leaderelection.go) and of every controller of Kubernetes. */
export const LEASE_MS = 15_000;

/** In the proportions of client-go: 15 s, 10 s and 2 s. */
export function leaderTiming(leaseMs = LEASE_MS): LeaderTiming {
  return { leaseMs, deadlineMs: (leaseMs * 2) / 3, retryMs: (leaseMs * 2) / 15 };
}

export interface LeaderParts {
  readonly store: ObjectStore;
  readonly at: ObjectAt;
  /** Of this process alone: one that starts anew is another one. */
  readonly identity: string;
  /** What only one replica does; ends when the signal aborts. */
  readonly lead: (leading: AbortSignal) => Promise<void>;
  readonly log: Log;
  readonly registry: Registry;
  /** Told of the Lease at every look. */
  readonly seen?: (lease: KubeObject | undefined) => void;
  readonly timing?: LeaderTiming;
}

/**
 * One of several replicas leads: the one whose name stands in a Lease. No clock of another machine is believed: a Lease counts
 * as abandoned when *we* saw it unchanged for its whole duration, by our own monotonic clock. The leader counts from before it
 * asked for its renewal, others from after they saw it, so it stops first. A leader that was asleep for longer may still believe in
 * itself for a moment: then compare-and-swap of whatever it writes is what keeps it from doing harm.
 */
export class Leader {
  readonly #parts: LeaderParts;
  readonly #timing: LeaderTiming;
  /** The Lease as it was seen last, and since when. */
  #seen: { readonly version: string; readonly since: number } | undefined;
  #stored: KubeObject | undefined;
  #term: { readonly over: AbortController; readonly work: Promise<void>; deadline: NodeJS.Timeout } | undefined;
  /** The work of the last term, which may still be coming to its end. */
  #ending: Promise<void> = Promise.resolve();
  #holder = "";
  #problem = "";

  constructor(parts: LeaderParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? leaderTiming();
    const leads = (): boolean => this.leads;
    new Gauge({ name: "sluice_leader", help: "1 while this replica leads: it writes certificates and keeps the webhook configurations true", registers: [parts.registry], collect() { this.set(Number(leads())); } });
  }

  get leads(): boolean {
    return this.#term !== undefined;
  }

  /** Tries to lead until `stopping`; then hands over at once. */
  async run(stopping: AbortSignal): Promise<void> {
    while (!stopping.aborted) {
      const asked = performance.now();
      try {
        if (await this.#acquire(stopping)) await this.#renewed(asked);
        else await this.#endTerm("another replica leads");
        this.#problem = "";
      } catch (error) {
        if (!stopping.aborted) this.#tell(error instanceof Error ? error.message : String(error));
      }
      // Not all replicas at the same instant.
      await sleep(this.#timing.retryMs * (1 + Math.random() * 0.2), undefined, { signal: stopping }).catch(() => undefined);
    }
    const led = this.leads;
    await this.#endTerm("stopping");
    if (led) await this.#release();
  }

  /** Once, not at every try. */
  #tell(problem: string): void {
    if (problem !== this.#problem) this.#parts.log.warn({ reason: problem }, "the lease could not be read or renewed");
    this.#problem = problem;
  }

  /** True when the Lease is ours from the moment of asking. */
  async #acquire(stopping: AbortSignal): Promise<boolean> {
    const { store, at, identity } = this.#parts;
    const { leaseMs, deadlineMs } = this.#timing;
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(deadlineMs)]);
    const stored = await store.read(at, signal);
    this.#parts.seen?.(stored);
    const lease = stored && readLease(stored, leaseMs);
    if (stored && lease && lease.holder !== identity && !this.#isAbandoned(stored, lease)) return false;
    const isOurs = lease?.holder === identity;
    const record = { holder: identity, durationMs: leaseMs, transitions: (lease?.transitions ?? -1) + (isOurs ? 0 : 1), ...(isOurs && lease.acquireTime !== undefined && { acquireTime: lease.acquireTime }) };
    const written = await store.write(at, writeLease(at, record, { ...(stored && { stored }), now: new Date() }), signal);
    if (written === "conflict") return false;
    this.#stored = written;
    return true;
  }

  #isAbandoned({ metadata }: KubeObject, { holder, durationMs }: { readonly holder: string; readonly durationMs: number }): boolean {
    const version = metadata.resourceVersion ?? "";
    if (holder !== this.#holder) this.#parts.log.info({ holder }, "another replica leads");
    this.#holder = holder;
    if (this.#seen?.version !== version) this.#seen = { version, since: performance.now() };
    return holder === "" || performance.now() - this.#seen.since >= durationMs;
  }

  async #renewed(asked: number): Promise<void> {
    await this.#ending;
    const left = Math.max(0, asked + this.#timing.deadlineMs - performance.now());
    const deadline = setTimeout(() => void this.#endTerm("the lease was not renewed in time"), left).unref();
    if (this.#term) {
      clearTimeout(this.#term.deadline);
      this.#term.deadline = deadline;
      return;
    }
    const over = new AbortController();
    const { lead, log, identity } = this.#parts;
    this.#holder = identity;
    log.info({ identity }, "this replica leads");
    const work = lead(over.signal).catch((error: unknown) => log.error({ err: error }, "the work of the leader ended with an error"));
    this.#term = { over, work, deadline };
  }

  async #endTerm(reason: string): Promise<void> {
    const term = this.#term;
    if (!term) return;
    this.#term = undefined;
    clearTimeout(term.deadline);
    term.over.abort(new Error(reason));
    this.#parts.log.info({ reason }, "this replica no longer leads");
    await (this.#ending = term.work);
  }

  /** So that the next one need not wait for the end of the lease. */
  async #release(): Promise<void> {
    const { store, at } = this.#parts;
    if (!this.#stored) return;
    const { transitions } = readLease(this.#stored, this.#timing.leaseMs);
    const record = { holder: "", durationMs: 1_000, transitions };
    await store.write(at, writeLease(at, record, { stored: this.#stored, now: new Date() }), AbortSignal.timeout(RELEASE_MS)).catch(() => undefined);
  }
}

const RELEASE_MS = 2_000;
