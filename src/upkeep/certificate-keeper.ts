import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import type { KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";
import { carryOut, isForeign, nextStep, type Held } from "./certificate-plan.js";
import { heldIn, secretOf } from "./certificate-secret.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";
import { LEASE_MS } from "./leader.js";
import { keepConfigurations } from "./webhook-keeper.js";

export interface KeeperTiming {
  /** Between two looks when nothing is to be done. */
  readonly lookMs: number;
  /** Between two steps; also keeps two writers that want different things from chasing each other. */
  readonly stepMs: number;
  /** After which every API server has taken up a change of the webhook configurations. */
  readonly spreadMs: number;
}

/** Three looks in the time of a lease. */
export function keeperTiming(leaseMs = LEASE_MS): KeeperTiming {
  // A changed configuration was in force within 1.2 s (facts/admission.md 7); several API servers watch it each for themselves.
  return { lookMs: leaseMs / 3, stepMs: 200, spreadMs: 20_000 };
}

export interface KeeperParts {
  readonly store: ObjectStore;
  readonly secret: ObjectAt;
  /** DNS names and IP addresses that the API server calls. */
  readonly names: readonly string[];
  /** Namespace that Sluice lives in: the configurations go with it. */
  readonly owner: string;
  /** The webhook configurations wanted now, for clients that are to trust these CAs. Undefined while they cannot be told. */
  readonly configurations: (caBundle: string) => readonly KubeObject[] | undefined;
  /** Has somebody said that the configurations be left as they are? Nobody, by default. */
  readonly isSuspended?: (signal: AbortSignal) => Promise<boolean>;
  /** The certificate to serve has changed. */
  readonly changed: (held: Held) => void;
  readonly log: Log;
  /** For tests that move the clock. */
  readonly now?: () => Date;
  readonly timing?: KeeperTiming;
}

/**
 * What the leader does: it keeps CA and leaf in the Secret young and the webhook configurations true. Each look does one thing
 * and stores it by compare-and-swap, so that whoever leads next goes on from there. A leaf of a new CA is made only when the
 * configurations have trusted that CA, without a change, for longer than API servers take to notice.
 */
export class CertificateKeeper {
  readonly #parts: KeeperParts;
  readonly #timing: KeeperTiming;
  /** The newest CA and since when the configurations trust it, on the monotonic clock. */
  #trusted: { readonly fingerprint: string; readonly since: number } | undefined;
  #wake: () => void = () => undefined;
  #problem = "";

  constructor(parts: KeeperParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? keeperTiming();
  }

  /** Looks at once, for something it depends on has changed. */
  nudge(): void {
    this.#wake();
  }

  /** Until `leading` ends. */
  async run(leading: AbortSignal): Promise<void> {
    this.#trusted = undefined;
    while (!leading.aborted) {
      const isDone = await this.#tryToLook(leading);
      await this.#pause(isDone ? this.#timing.lookMs : this.#timing.stepMs, leading);
    }
  }

  async #tryToLook(leading: AbortSignal): Promise<boolean> {
    try {
      const isDone = await this.#look(leading);
      this.#problem = "";
      return isDone;
    } catch (error) {
      if (!leading.aborted) this.#tell(error instanceof Error ? error.message : String(error));
      return true;
    }
  }

  /** Once, not at every look. */
  #tell(problem: string): void {
    if (problem !== this.#problem) this.#parts.log.error({ reason: problem }, "certificates or webhook configurations could not be kept; tried again");
    this.#problem = problem;
  }

  /** One thing; true when there is nothing more to do for now. */
  async #look(leading: AbortSignal): Promise<boolean> {
    const { store, secret, names, now = () => new Date(), changed, log, configurations, isSuspended = async () => false } = this.#parts;
    const stored = await store.read(secret, leading);
    const held = heldIn(stored);
    if (isForeign(held)) throw new Error(`Secret \`${secret.namespace ?? ""}/${secret.name}\` holds a certificate that Sluice did not make: name another Secret, or serve with \`--cert-dir\``);
    const wanted = { names, now: now(), spread: this.#isSpread(held) };
    const step = nextStep(held, wanted);
    if (step !== "nothing") {
      const next = await carryOut(step, held, wanted);
      const written = await store.write(secret, secretOf(next, secret, stored), leading);
      if (written !== "conflict") log.info({ step }, "the certificates in the Secret were renewed");
      return false;
    }
    changed(held);
    const bundle = configurations(held.cas.join(""));
    const isTrue = bundle !== undefined && (await keepConfigurations(await this.#owned(bundle, leading), { store, log, isSuspended }, leading));
    this.#note(held, isTrue);
    return isTrue || bundle === undefined;
  }

  /** "Cluster-scoped dependents can only specify cluster-scoped owners": the garbage collector takes the configurations away with the namespace. */
  async #owned(configurations: readonly KubeObject[], leading: AbortSignal): Promise<readonly KubeObject[]> {
    const { store, owner } = this.#parts;
    const namespace = await store.read({ apiVersion: "v1", resource: "namespaces", name: owner }, leading);
    const uid = namespace?.metadata.uid;
    if (uid === undefined) return configurations;
    const ownerReferences = [{ apiVersion: "v1", kind: "Namespace", name: owner, uid }];
    return configurations.map((one) => ({ ...one, metadata: { ...one.metadata, ownerReferences } }));
  }

  #note({ cas }: Held, isTrue: boolean): void {
    const fingerprint = fingerprintOf(cas);
    if (!isTrue) this.#trusted = undefined;
    else if (this.#trusted?.fingerprint !== fingerprint) this.#trusted = { fingerprint, since: performance.now() };
  }

  #isSpread({ cas }: Held): boolean {
    return this.#trusted !== undefined && this.#trusted.fingerprint === fingerprintOf(cas) && performance.now() - this.#trusted.since >= this.#timing.spreadMs;
  }

  async #pause(ms: number, leading: AbortSignal): Promise<void> {
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    await sleep(ms, undefined, { signal: AbortSignal.any([leading, awake.signal]) }).catch(() => undefined);
  }
}

function fingerprintOf([newest]: readonly string[]): string {
  return newest === undefined ? "" : new X509Certificate(newest).fingerprint256;
}
