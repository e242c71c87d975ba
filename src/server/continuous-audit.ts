import { Gauge, Histogram, type Registry } from "prom-client";
import type { Log } from "../log.js";
import type { AuditPoint, AuditState, AuditView, StandingViolation } from "../model/audit.js";
import type { Snapshot } from "../model/snapshot.js";
import type { ReviewContext } from "../review/review.js";
import { StandingAudit, type Dates } from "../review/standing-audit.js";
import { warm } from "../review/warm.js";
import { AuditHistory, countsOf } from "./audit-history.js";
import { betweenRequests } from "./idle-work.js";

type Packs = ReviewContext["packs"];

export interface ContinuousAuditParts {
  /** The state of the cluster now. */
  readonly snapshot: () => Snapshot;
  /** The packs in force, and their digest; undefined while there is nothing to audit yet. */
  readonly packs: () => { readonly packs: Packs; readonly digest: string } | undefined;
  /** Why the state is not whole: kinds that cannot be read. */
  readonly reasons?: () => readonly string[];
  /** Is a violation of action `deny` let pass, because nobody enforces it yet? */
  readonly letsPass?: (violation: StandingViolation) => boolean;
  /** Most violations that are held; for tests. */
  readonly most?: number;
  /** After this long everything is looked at again, changed or not; in milliseconds, 0 for never. */
  readonly everyMs: number;
  readonly log: Log;
  readonly registry: Registry;
}

/** How soon a change is seen, and how often what was found so far is told while there is more to do. */
const LOOK_MS = 100;
const TELL_MS = 1_000;

/** The audit of the cluster while it is served: made between requests, again for whatever changes, and whole from time to time. */
export class ContinuousAudit implements AuditView {
  readonly #parts: ContinuousAuditParts;
  readonly #standing: StandingAudit;
  #leftOut = 0;
  readonly #history = new AuditHistory();
  readonly #seconds: Histogram;
  readonly #listeners: ((state: AuditState) => void)[] = [];
  #current: AuditState | undefined;
  #timer: NodeJS.Timeout | undefined;
  #stopWork: (() => void) | undefined;
  #seen: { readonly snapshot: Snapshot; readonly packs: Packs; readonly reasons: string } | undefined;
  #seenAt = 0;
  #sweptAt = 0;
  #toldAt = 0;

  constructor(parts: ContinuousAuditParts) {
    this.#parts = parts;
    this.#standing = new StandingAudit(parts.most);
    const registers = [parts.registry];
    const current = (): AuditState | undefined => this.#current;
    this.#seconds = new Histogram({ name: "sluice_audit_duration_seconds", help: "Time from a change, or from the beginning of a sweep, until the audit knew everything again; half of it is left to requests", buckets: [0.01, 0.05, 0.1, 0.25, 0.5, 1, 2, 5, 10, 30, 60], registers });
    new Gauge({ name: "sluice_audit_violations", help: "Broken rules of the cluster as it stands", labelNames: ["pack", "rule", "action"], registers, collect() { this.reset(); for (const { violations, ...labels } of countsOf(current()?.violations ?? [])) this.set(labels, violations); } });
    new Gauge({ name: "sluice_audit_complete", help: "1 when the audit looked at everything", registers, collect() { this.set(Number(current()?.complete === true)); } });
    new Gauge({ name: "sluice_audit_last_run_timestamp_seconds", help: "When the audit last knew everything, in seconds since 1970", registers, collect() { this.set(Date.parse(current()?.at ?? "1970-01-01") / 1_000); } });
    const leftOut = (): number => this.#leftOut;
    new Gauge({ name: "sluice_audit_violations_left_out", help: "Broken rules that the audit found and has no room to keep: it is not complete then", registers, collect() { this.set(leftOut()); } });
    new Gauge({ name: "sluice_audit_waiting", help: "Namespaces and objects that changed and were not looked at again yet", registers, collect() { this.set(current()?.waiting ?? 0); } });
  }

  get current(): AuditState | undefined {
    return this.#current;
  }

  get history(): readonly AuditPoint[] {
    return this.#history.points;
  }

  /** From now on `listener` is told of every other state. */
  observe(listener: (state: AuditState) => void): void {
    this.#listeners.push(listener);
    if (this.#current) listener(this.#current);
  }

  /** What was known of violations before this process began, by `violationKey`. */
  recall(known: ReadonlyMap<string, Dates>): void {
    this.#standing.recall(known);
    if (this.#current) this.#tell(this.#current.waiting);
  }

  start(): void {
    this.#timer ??= setInterval(() => this.#look(), LOOK_MS).unref();
  }

  stop(): void {
    clearInterval(this.#timer);
    this.#stopWork?.();
  }

  /** Begins to work when there is something to do. */
  #look(): void {
    const { packs, snapshot, reasons = () => [] } = this.#parts;
    const inForce = packs();
    if (this.#stopWork || !inForce) return;
    const now = Date.now();
    const isDue = this.#parts.everyMs > 0 && this.#sweptAt > 0 && now - this.#sweptAt >= this.#parts.everyMs;
    const hasEnded = inForce.packs.exceptions.some(({ ends }) => this.#seenAt < ends && ends <= now);
    const seen = { snapshot: snapshot(), packs: inForce.packs, reasons: reasons().join("\n") };
    if (!isDue && !hasEnded && seen.snapshot === this.#seen?.snapshot && seen.packs === this.#seen.packs && seen.reasons === this.#seen.reasons) return;
    if (isDue) this.#sweep();
    this.#stopWork = betweenRequests(this.#work());
  }

  #sweep(): void {
    this.#standing.sweep();
    this.#sweptAt = Date.now();
  }

  *#work(): Generator<undefined, void> {
    const started = performance.now();
    try {
      const inForce = this.#parts.packs();
      if (inForce && inForce.packs !== this.#seen?.packs) {
        yield* warm(this.#parts.snapshot(), inForce.packs);
        this.#sweptAt = Date.now();
      }
      for (const step of this.#standing.follow(() => this.#context())) {
        if (this.#current && performance.now() - this.#toldAt >= TELL_MS) this.#tell(this.#standing.waiting);
        yield step;
      }
      this.#tell(0);
      this.#seconds.observe((performance.now() - started) / 1_000);
    } catch (error) {
      // What a rule throws is a violation (review.ts, guarded): this is a fault of the audit itself, which begins anew at the next sweep.
      this.#parts.log.error({ err: error }, "the audit failed inside");
    } finally {
      this.#stopWork = undefined;
    }
  }

  #context(): ReviewContext {
    const { packs, snapshot, reasons = () => [] } = this.#parts;
    const inForce = packs()?.packs ?? this.#seen?.packs;
    if (!inForce) throw new Error("internal: there are no packs to audit by");
    this.#seen = { snapshot: snapshot(), packs: inForce, reasons: reasons().join("\n") };
    this.#seenAt = Date.now();
    return { snapshot: this.#seen.snapshot, packs: inForce, now: this.#seenAt };
  }

  /** Logged when it begins, not at every change. */
  #noteLeftOut(leftOut: number, held: number): void {
    if (leftOut > 0 && this.#leftOut === 0) this.#parts.log.warn({ held, leftOut }, "the audit found more violations than it keeps in memory; it is not complete");
    this.#leftOut = leftOut;
  }

  #tell(waiting: number): void {
    const { packs, reasons: unread = () => [], letsPass = () => false } = this.#parts;
    const { violations, warnings, reasons: found, checked, leftOut } = this.#standing.result();
    this.#noteLeftOut(leftOut, violations.length);
    const reasons = [...new Set([...unread(), ...found])];
    const [now, complete] = [Date.now(), reasons.length === 0];
    this.#toldAt = performance.now();
    this.#current = {
      complete, reasons, violations, warnings, checked, waiting,
      newlyBroken: violations.filter(({ newlyBroken }) => newlyBroken).sort((a, b) => (a.since < b.since ? 1 : a.since > b.since ? -1 : 0)),
      wouldDeny: violations.filter((violation) => (violation.action === "dryrun" && !violation.exception) || (violation.action === "deny" && letsPass(violation))),
      at: new Date(now).toISOString(),
      sweptAt: new Date(this.#sweptAt).toISOString(),
      packs: packs()?.digest ?? this.#current?.packs ?? "",
    };
    this.#history.add({ complete, counts: countsOf(violations) }, now);
    for (const listener of this.#listeners) listener(this.#current);
  }
}
