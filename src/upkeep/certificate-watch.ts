import { watch, type FSWatcher } from "node:fs";
import { formatProblem } from "../model/result.js";
import type { Log } from "../log.js";
import { loadOrCreate, UNWRITABLE, validity, type ServedCertificate } from "./certificate-files.js";
import type { Condition } from "../model/readiness.js";

export interface WatchParts {
  readonly directory: string;
  readonly names: readonly string[];
  readonly log: Log;
  /** For tests that move the clock. */
  readonly now?: () => Date;
  readonly timing?: Partial<typeof TIMING>;
}

// A Secret's files change by one rename of a link in their directory, so the directory is watched, not the files. Some file systems tell
// nothing: the poll finds the change, and it is what renews certificates of our own while nothing is written.
const TIMING = { settleMs: 100, pollMs: 30_000 };

/** Keeps the certificate of a directory current. */
export class CertificateWatch {
  readonly #parts: WatchParts;
  readonly #timing: typeof TIMING;
  #served: ServedCertificate;
  #problem = "";
  /** The problem is that it cannot be renewed: it counts for as long as it counts. */
  #isWhole = true;
  #watcher: FSWatcher | undefined;
  #settle: NodeJS.Timeout | undefined;
  #poll: NodeJS.Timeout | undefined;
  #reading: Promise<void> = Promise.resolve();
  #listener: (certificate: ServedCertificate) => void = () => undefined;

  /** `start` is what `loadOrCreate` gave for the same directory. */
  constructor(start: ServedCertificate, parts: WatchParts) {
    this.#served = start;
    this.#parts = parts;
    this.#timing = { ...TIMING, ...parts.timing };
  }

  get served(): ServedCertificate {
    return this.#served;
  }

  /** From now on `listener` is told of every other certificate in the directory. */
  start(listener: (certificate: ServedCertificate) => void): void {
    this.#listener = listener;
    this.#poll = setInterval(() => void this.refresh(), this.#timing.pollMs).unref();
    try {
      this.#watcher = watch(this.#parts.directory, () => this.#soon()).unref().on("error", (error) => this.#parts.log.warn({ err: error }, "the certificate directory cannot be watched; it is polled"));
    } catch (error) {
      this.#parts.log.warn({ err: error }, "the certificate directory cannot be watched; it is polled");
    }
  }

  stop(): void {
    this.#watcher?.close();
    clearTimeout(this.#settle);
    clearInterval(this.#poll);
  }

  /** Reads the directory again; one reading at a time. */
  refresh(): Promise<void> {
    this.#reading = this.#reading.then(() => this.#read());
    return this.#reading;
  }

  /** Whether what is served is what lies on disk, and still counts. */
  condition(): Condition {
    if (!this.#isWhole) return { name: "certificate", ok: false, detail: `what is on disk is not served: ${this.#problem}` };
    const { ok, detail } = validity(this.#served, this.#now());
    return { name: "certificate", ok, detail: `${detail}${this.#problem && `; it cannot be renewed: ${this.#problem}`}` };
  }

  /** A writer is seldom done with one file: wait until the directory is quiet. */
  #soon(): void {
    clearTimeout(this.#settle);
    this.#settle = setTimeout(() => void this.refresh(), this.#timing.settleMs).unref();
  }

  async #read(): Promise<void> {
    const { directory, names } = this.#parts;
    const loaded = await loadOrCreate(directory, { names, now: this.#now(), isForeign: !this.#served.throwAway });
    if (!loaded.ok) return this.#keepLast(loaded.problems.map(formatProblem).join("; "), loaded.problems.every(({ code }) => code === UNWRITABLE));
    [this.#problem, this.#isWhole] = ["", true];
    if (loaded.value.fingerprint !== this.#served.fingerprint) this.#take(loaded.value);
  }

  #take(certificate: ServedCertificate): void {
    try {
      this.#listener(certificate);
      this.#served = certificate;
      this.#parts.log.info({ fingerprint: certificate.fingerprint, notAfter: new Date(certificate.notAfter).toISOString() }, "certificate changed");
    } catch (error) {
      this.#keepLast(error instanceof Error ? error.message : String(error));
    }
  }

  /** What cannot be read or served keeps the last good certificate in force. */
  #keepLast(problem: string, isWhole = false): void {
    [this.#problem, this.#isWhole] = [problem, isWhole];
    this.#parts.log.error({ problem }, isWhole ? "the certificate cannot be renewed" : "the certificate on disk cannot be served; the last good one stays");
  }

  #now(): Date {
    return this.#parts.now?.() ?? new Date();
  }
}
