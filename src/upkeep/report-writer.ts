import { setImmediate as turn, setTimeout as sleep } from "node:timers/promises";
import { Counter, Gauge, type Registry } from "prom-client";
import type { Log } from "../log.js";
import type { AuditState, StandingViolation } from "../model/audit.js";
import { nameKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { ObjectAt, ObjectCollection, ObjectStore } from "../model/object-store.js";
import { CONTENT, datesIn, groupsOf, REPORT_APIS, REPORT_LABELS, reportsOf, type ReportApi, type ReportKind, type ReportOf, type ReportOptions } from "./report-objects.js";

export interface ReportTiming {
  /** Between two writes. */
  readonly apartMs: number;
  /** Before the same report is written again. */
  readonly againMs: number;
  /** After which what is stored is read anew: somebody may have deleted a report, or installed the other kind. */
  readonly lookMs: number;
  /** First pause after a failure; it doubles up to `lookMs`. */
  readonly pauseMs: number;
}

/** 20 writes a second are little for an API server; a report that changes all the time is written 720 times an hour. */
export const REPORT_TIMING: ReportTiming = { apartMs: 50, againMs: 5_000, lookMs: 600_000, pauseMs: 1_000 };

/** A CRD that is not installed is looked for as often as other kinds are. */
const ABSENT_MS = 30_000;
const WRITE_MS = 10_000;
/** Some 15 MB in etcd; refusals come first. */
const MOST = 20_000;

export interface ReportWriterParts extends Pick<ReportOptions, "apiVersionOf"> {
  readonly store: ObjectStore;
  readonly collection: ObjectCollection;
  /** The Namespace of Sluice, which owns what is written; undefined when it cannot be told. */
  readonly owner: (signal: AbortSignal) => Promise<object | undefined>;
  /** How many rules are in force. */
  readonly rules: () => number;
  /** Told of the dates of violations that stored reports know. */
  readonly recall: (known: ReadonlyMap<string, Pick<StandingViolation, "since" | "newlyBroken">>) => void;
  readonly log: Log;
  readonly registry: Registry;
  readonly timing?: ReportTiming;
  /** Most violations that are reported; for tests. */
  readonly most?: number;
}

interface Stored {
  readonly at: ObjectAt;
  readonly version: string;
  readonly content: string;
}

/** The reports of one place, and what they were made of. */
interface Made {
  readonly of: ReportOf;
  readonly rules: number;
  readonly reports: readonly KubeObject[];
}

type Metric = "written" | "removed" | "conflict" | "failed";

/** Writes what the audit knows as reports into the cluster, and only what of it has changed. One replica does: the leader. */
export class ReportWriter {
  readonly #parts: ReportWriterParts;
  readonly #timing: ReportTiming;
  readonly #writes: Counter;
  readonly #started = new Date().toISOString();
  #state: AuditState | undefined;
  #leftOut = 0;
  #stored = new Map<string, Stored>();
  /** By namespace. */
  #made: ReadonlyMap<string, Made> = new Map();
  readonly #writtenAt = new Map<string, number>();
  #failures = 0;
  #problem = "";
  #wake: () => void = () => undefined;

  constructor(parts: ReportWriterParts) {
    this.#parts = parts;
    this.#timing = parts.timing ?? REPORT_TIMING;
    const registers = [parts.registry];
    const [leftOut, size] = [() => this.#leftOut, () => this.#stored.size];
    this.#writes = new Counter({ name: "sluice_report_writes_total", help: "Reports that Sluice set out to write or to take away, by what came of it", labelNames: ["result"], registers });
    new Gauge({ name: "sluice_reports", help: "Reports in the cluster, while this replica writes them", registers, collect() { this.set(size()); } });
    new Gauge({ name: "sluice_report_violations_left_out", help: "Violations that are in no report, because there are too many", registers, collect() { this.set(leftOut()); } });
  }

  /** From now on this is to be reported. */
  update(state: AuditState): void {
    this.#state = state;
    this.#wake();
  }

  /** Tells of the dates that stored reports know, whoever leads. Without a right to read them nothing is told. */
  async recall(signal: AbortSignal): Promise<void> {
    const api = await this.#installed(signal).catch(() => undefined);
    if (api) await this.#readBack(api, signal).catch((error: unknown) => this.#tell(error));
    this.#stored = new Map();
  }

  /** Keeps the reports true until `leading` ends. */
  async run(leading: AbortSignal): Promise<void> {
    while (!leading.aborted) {
      try {
        const api = await this.#installed(leading);
        if (api) await this.#keep(api, leading);
        else await this.#pause(ABSENT_MS, leading);
      } catch (error) {
        if (leading.aborted) return;
        this.#tell(error);
        await sleep(Math.min(this.#timing.lookMs, this.#timing.pauseMs * 2 ** Math.min(this.#failures++, 16)), undefined, { signal: leading }).catch(() => undefined);
      }
    }
  }

  async #installed(signal: AbortSignal): Promise<ReportApi | undefined> {
    for (const api of REPORT_APIS) if (await this.#parts.collection.isKnown(api.namespaced, signal)) return api;
    return undefined;
  }

  /** What is stored of ours, and what it knows. */
  async #readBack(api: ReportApi, signal: AbortSignal): Promise<void> {
    const known = new Map<string, Pick<StandingViolation, "since" | "newlyBroken">>();
    this.#stored = new Map();
    for (const kind of [api.namespaced, api.cluster]) {
      for await (const report of this.#parts.collection.list(kind, REPORT_LABELS, signal)) {
        this.#note(report, kind);
        for (const [key, dates] of datesIn(report)) known.set(key, dates);
      }
    }
    if (known.size > 0) this.#parts.recall(known);
  }

  #note(report: KubeObject, { apiVersion, kind, resource }: ReportKind): void {
    const { name, namespace } = refOf(report);
    const { resourceVersion = "", annotations } = report.metadata;
    this.#stored.set(`${kind} ${nameKey(refOf(report))}`, { at: { apiVersion, resource, name, ...(namespace !== undefined && { namespace }) }, version: resourceVersion, content: annotations?.[CONTENT] ?? "" });
  }

  /** Until it is time to look again. */
  async #keep(api: ReportApi, leading: AbortSignal): Promise<void> {
    await this.#readBack(api, leading);
    await this.#dropOthers(api, leading);
    const owner = await this.#parts.owner(leading);
    const until = performance.now() + this.#timing.lookMs;
    while (!leading.aborted && performance.now() < until) {
      const state = this.#state;
      const isDone = state === undefined || (await this.#write(state, { api, leading, owner }));
      this.#failures = 0;
      if (state === this.#state) await this.#pause(isDone ? until - performance.now() : this.#timing.againMs / 5, leading);
    }
  }

  /** Of the API that is no longer written: two reports of one violation are one too many. */
  async #dropOthers(api: ReportApi, leading: AbortSignal): Promise<void> {
    const { collection, recall } = this.#parts;
    for (const other of REPORT_APIS.filter((one) => one !== api)) {
      if (!(await collection.isKnown(other.namespaced, leading))) continue;
      for (const { apiVersion, resource, ...kind } of [other.namespaced, other.cluster]) {
        for await (const report of collection.list({ apiVersion, resource }, REPORT_LABELS, leading)) {
          recall(new Map(datesIn(report)));
          await collection.remove({ apiVersion, resource, name: report.metadata.name ?? "", ...(kind.namespaced && report.metadata.namespace !== undefined && { namespace: report.metadata.namespace }) }, leading);
          this.#writes.inc({ result: "removed" satisfies Metric });
        }
      }
    }
  }

  /** True when all that is to be reported is stored. */
  async #write(state: AuditState, { api, leading, owner }: { readonly api: ReportApi; readonly leading: AbortSignal; readonly owner: object | undefined }): Promise<boolean> {
    const wanted = await this.#wanted(state, { api, apiVersionOf: this.#parts.apiVersionOf, rules: this.#parts.rules(), at: this.#started, ...(owner && { owner }) });
    let isDone = true;
    for (const [key, report] of wanted) {
      if (this.#stored.get(key)?.content === report.metadata.annotations?.[CONTENT]) continue;
      // A newer state has it otherwise, perhaps.
      if (leading.aborted || state !== this.#state) return false;
      isDone = (await this.#put(key, report, { api, leading })) && isDone;
    }
    for (const [key, { at }] of this.#stored) {
      if (wanted.has(key)) continue;
      if (leading.aborted) return false;
      await this.#parts.collection.remove(at, within(leading));
      this.#stored.delete(key);
      this.#count("removed");
      await sleep(this.#timing.apartMs, undefined, { signal: leading }).catch(() => undefined);
    }
    return isDone;
  }

  /** By kind and name. What of a namespace was made before is made again only when it has changed. */
  async #wanted(state: AuditState, options: ReportOptions): Promise<ReadonlyMap<string, KubeObject>> {
    const { groups, leftOut } = groupsOf(state, this.#parts.most ?? MOST);
    this.#leftOut = leftOut;
    const made = new Map<string, Made>();
    for (const place of groups) {
      const before = this.#made.get(place.namespace);
      const isSame = before !== undefined && before.rules === options.rules && isSameReport(before.of, place);
      made.set(place.namespace, isSame ? before : { of: place, rules: options.rules, reports: reportsOf(place, options) });
      // Requests have their turn.
      if (!isSame) await turn();
    }
    this.#made = made;
    return new Map([...made.values()].flatMap(({ reports }) => reports).map((report) => [`${report.kind} ${nameKey(refOf(report))}`, report]));
  }

  /** False when it is to be tried again. */
  async #put(key: string, report: KubeObject, { api, leading }: { readonly api: ReportApi; readonly leading: AbortSignal }): Promise<boolean> {
    const last = this.#writtenAt.get(key);
    if (last !== undefined && performance.now() - last < this.#timing.againMs) return false;
    const kind = report.kind === api.cluster.kind ? api.cluster : api.namespaced;
    const { name, namespace } = refOf(report);
    const at = { apiVersion: kind.apiVersion, resource: kind.resource, name, ...(namespace !== undefined && { namespace }) };
    const version = this.#stored.get(key)?.version;
    const { store, log } = this.#parts;
    try {
      const written = await store.write(at, version === undefined ? report : { ...report, metadata: { ...report.metadata, resourceVersion: version } }, within(leading));
      this.#count(written === "conflict" ? "conflict" : "written");
      const stored = written === "conflict" ? await store.read(at, within(leading)) : written;
      if (stored) this.#note(stored, kind);
      else this.#stored.delete(key);
      if (written !== "conflict") this.#writtenAt.set(key, performance.now());
      return written !== "conflict";
    } catch (error) {
      if (leading.aborted) return false;
      this.#count("failed");
      // A namespace that goes takes no report any more; the next state knows.
      log.debug({ report: key, reason: error instanceof Error ? error.message : String(error) }, "a report could not be written");
      if (++this.#failures > 5) throw error;
      return false;
    } finally {
      await sleep(this.#timing.apartMs, undefined, { signal: leading }).catch(() => undefined);
    }
  }

  #count(result: Metric): void {
    this.#writes.inc({ result });
  }

  /** Once, not at every try. */
  #tell(error: unknown): void {
    const problem = error instanceof Error ? error.message : String(error);
    if (problem !== this.#problem) this.#parts.log.warn({ reason: problem }, "reports could not be read or written; tried again");
    this.#problem = problem;
  }

  async #pause(ms: number, signal: AbortSignal): Promise<void> {
    const awake = new AbortController();
    this.#wake = () => awake.abort();
    await sleep(Math.max(0, ms), undefined, { signal: AbortSignal.any([signal, awake.signal]) }).catch(() => undefined);
  }
}

function within(signal: AbortSignal): AbortSignal {
  return AbortSignal.any([signal, AbortSignal.timeout(WRITE_MS)]);
}

function isSameReport(a: ReportOf, b: ReportOf): boolean {
  return a.violations.length === b.violations.length && a.violations.every((violation, i) => violation === b.violations[i]) && a.reasons?.join("\n") === b.reasons?.join("\n");
}
