import { collectDefaultMetrics, Counter, Gauge, Histogram, Registry } from "prom-client";
import type { Decision } from "../model/decision.js";
import type { FailureMode, Route } from "./route.js";

/** How one request ended; would-deny: mode `audit` let pass what would be refused. */
export type Outcome = "allowed" | "would-deny" | "denied" | "malformed" | "too-long" | "busy" | "late" | "error" | "cut-off";

/** State of one watched kind; `sources/` tells the same of its watches. */
export interface KindState {
  readonly kind: string;
  readonly synced: boolean;
  /** Since the API server was last heard of it. */
  readonly ageSeconds: number;
  readonly objects: number;
}

/** What is asked when the metrics are read, not counted as it happens. */
export interface Gauges {
  readonly inFlight: () => number;
  readonly waiting: () => number;
  readonly kinds: () => readonly KindState[];
  /** Number of exceptions by state. */
  readonly exceptions: () => Readonly<Record<string, number>>;
  /** Changes that were admitted and that no watch has shown yet. */
  readonly pending: () => number;
  /** When the served certificate ends, in milliseconds since 1970. */
  readonly certificateEnds: () => number | undefined;
  /** The same of the CA that signed it. */
  readonly caEnds: () => number | undefined;
}

// From half a millisecond, a proof on a small cluster, to past 30 s, the longest timeout a webhook can have: a bucket below the time limit hides who ran into it (k/k#115802).
const BUCKETS = [0.0005, 0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 5, 10, 30];

/** All metrics of one server, in a registry of their own. `aggregator`: what several processes tell together, where that is not the sum. Labels take few values: routes, operations, outcomes, and rules of the packs in force. */
export class ServerMetrics {
  readonly registry = new Registry();
  readonly #requests = new Counter({ name: "sluice_admission_requests_total", help: "AdmissionReviews answered, by outcome", labelNames: ["route", "operation", "outcome"], registers: [this.registry] });
  readonly #seconds = new Histogram({ name: "sluice_admission_duration_seconds", help: "Time from the first byte of an AdmissionReview to its answer", labelNames: ["route"], buckets: BUCKETS, registers: [this.registry] });
  readonly #violations = new Counter({ name: "sluice_violations_total", help: "Broken rules found in reviews", labelNames: ["pack", "rule", "action"], registers: [this.registry] });
  readonly #refused = new Counter({ name: "sluice_bodies_refused_total", help: "Bodies that were not judged", labelNames: ["reason"], registers: [this.registry] });
  readonly #byMode = new Counter({ name: "sluice_failure_mode_total", help: "Requests that the failure mode decided", labelNames: ["route", "mode"], registers: [this.registry] });
  readonly #pending = new Counter({ name: "sluice_pending_admissions_total", help: "Changes judged together with those that were admitted and not yet visible", labelNames: ["result"], registers: [this.registry] });
  readonly #confirmed = new Counter({ name: "sluice_denials_confirmed_total", help: "Denials judged again on a consistent read; changed: the answer was another one", labelNames: ["result"], registers: [this.registry] });

  constructor(version: string) {
    collectDefaultMetrics({ register: this.registry });
    const info = new Gauge({ name: "sluice_build_info", help: "Version of Sluice and of Node", labelNames: ["version", "node"], registers: [this.registry], aggregator: "first" });
    info.set({ version, node: process.version }, 1);
  }

  /** Registers what is asked at reading time; once. */
  observe(gauges: Gauges): void {
    const registers = [this.registry];
    new Gauge({ name: "sluice_in_flight_requests", help: "AdmissionReviews being answered", registers, collect() { this.set(gauges.inFlight()); } });
    new Gauge({ name: "sluice_queue_depth", help: "AdmissionReviews waiting for their turn", registers, collect() { this.set(gauges.waiting()); } });
    new Gauge({ name: "sluice_pending_changes", help: "Changes that were admitted and that no watch has shown yet", registers, aggregator: "max", collect() { this.set(gauges.pending()); } });
    new Gauge({ name: "sluice_certificate_expiry_timestamp_seconds", help: "When the served certificate ends, in seconds since 1970", registers, aggregator: "max", collect() { this.set((gauges.certificateEnds() ?? 0) / 1_000); } });
    // NaN compares with nothing: what is not known raises no alarm.
    new Gauge({ name: "sluice_ca_expiry_timestamp_seconds", help: "When the CA ends that signed the served certificate, in seconds since 1970; NaN: not known", registers, aggregator: "max", collect() { this.set((gauges.caEnds() ?? Number.NaN) / 1_000); } });
    new Gauge({ name: "sluice_exceptions", help: "PolicyExceptions by state; expiring: within 14 days; expired and refused ones cover nothing", labelNames: ["state"], registers, collect() { for (const [state, count] of Object.entries(gauges.exceptions())) this.set({ state }, count); } });
    const perKind = (name: string, help: string, value: (state: KindState) => number) =>
      new Gauge({ name, help, labelNames: ["kind"], registers, collect() { for (const state of gauges.kinds()) this.set({ kind: state.kind }, value(state)); } });
    perKind("sluice_snapshot_synced", "1 when the kind has been listed whole", ({ synced }) => Number(synced));
    perKind("sluice_snapshot_age_seconds", "Time since the API server was last heard of the kind", ({ ageSeconds }) => ageSeconds);
    perKind("sluice_snapshot_objects", "Objects of the kind in the snapshot", ({ objects }) => objects);
  }

  answered({ route, operation, outcome }: { readonly route: Route; readonly operation: string; readonly outcome: Outcome }, seconds: number): void {
    this.#requests.inc({ route, operation, outcome });
    this.#seconds.observe({ route }, seconds);
    if (outcome === "malformed" || outcome === "too-long" || outcome === "busy" || outcome === "cut-off") this.#refused.inc({ reason: outcome });
  }

  decided({ violations }: Decision): void {
    for (const { pack, rule, action } of violations) this.#violations.inc({ pack, rule, action });
  }

  decidedByFailureMode(route: Route, mode: FailureMode): void {
    this.#byMode.inc({ route, mode });
  }

  confirmed(result: "same" | "changed" | "failed"): void {
    this.#confirmed.inc({ result });
  }

  pending(result: "admitted" | "refused" | "refused-together" | "not-now"): void {
    this.#pending.inc({ result });
  }
}
