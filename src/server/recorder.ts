import { createWriteStream, type WriteStream } from "node:fs";
import type { Log } from "../log.js";
import type { Change } from "../model/snapshot.js";
import { answered } from "../review/replay.js";
import type { Judged } from "./decision-log.js";
import { recordableChange, recordableRequest } from "./recordable.js";

/** The first line of each run: what follows begins with an empty state. */
export const RECORD_HEAD = "sluice/v1";

// A disk that is slower than the requests for this many bytes loses records, not requests.
const MAX_WAITING = 64 * 1_024 * 1_024;

/**
 * Writes requests, decisions and changes of the state to a file, one JSON line each: what `sluice replay` reads. It never stands in
 * the way of an answer: a file that cannot be written is told once, and what does not fit in memory is left out, which ends the record.
 */
export class Recorder {
  readonly #file: WriteStream;
  readonly #log: Log;
  #isOver = false;

  private constructor(file: WriteStream, log: Log, version: string) {
    this.#file = file;
    this.#log = log;
    file.on("error", (error) => this.#end(error.message));
    this.#write({ record: RECORD_HEAD, version, time: new Date().toISOString() });
  }

  /** Appends to the file; it is for its owner alone. Rejects when it cannot be opened. */
  static async open(path: string, { log, version }: { readonly log: Log; readonly version: string }): Promise<Recorder> {
    const file = createWriteStream(path, { flags: "a", mode: 0o600 });
    await new Promise<void>((resolve, reject) => file.once("open", () => resolve()).once("error", reject));
    return new Recorder(file, log, version);
  }

  /** Tells of changes that were applied to the snapshot. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) {
      const line = recordableChange(change);
      if (line) this.#write(line);
    }
  }

  decided({ request, route, decision, versions }: Judged): void {
    const { packs, code } = decision;
    const { allowed, rules, patch } = answered(decision);
    this.#write({ time: new Date().toISOString(), route, packs, versions, request: recordableRequest(request), decision: { allowed, rules, ...(patch.length > 0 && { patch }), ...(code !== undefined && { code }) } });
  }

  async close(): Promise<void> {
    this.#isOver = true;
    await new Promise<void>((resolve) => void this.#file.end(() => resolve()));
  }

  #write(line: object): void {
    if (this.#isOver) return;
    if (this.#file.writableLength > MAX_WAITING) return this.#end("the disk is too slow");
    this.#file.write(`${JSON.stringify(line)}\n`);
  }

  /** A record with a hole would replay a state that never was. */
  #end(reason: string): void {
    if (this.#isOver) return;
    this.#isOver = true;
    this.#log.error({ reason }, "requests are no longer recorded");
  }
}
