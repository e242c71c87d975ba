import { isDeepStrictEqual } from "node:util";
import type { Condition } from "../model/readiness.js";
import type { Change, Snapshot } from "../model/snapshot.js";
import type { ToWorker } from "./messages.js";
import { piecesOf, toldOf } from "./told.js";

export interface FeedParts {
  /** Resolves once it is on its way. */
  readonly tell: (told: ToWorker) => Promise<void>;
  /** Versions of the kinds, with all changes that `changed` was called with. */
  readonly versions: () => Readonly<Record<string, string>>;
  readonly conditions: () => readonly Condition[];
}

/** Objects at a time: requests to the primary come in between. */
const PIECE = 500;

/** Tells one worker of the state: first all of it, then each change, in order. */
export class Feed {
  readonly #parts: FeedParts;
  #changes: Change[] = [];
  #isWhole = false;
  #isDue = false;
  #last: Pick<ToWorker, "versions" | "conditions"> = {};
  #lastAt = 0;

  constructor(parts: FeedParts) {
    this.#parts = parts;
  }

  /** Tells all of this state, and from then on what has changed since. Call it in the turn of the loop in which `snapshot` is the state. */
  async begin(snapshot: Snapshot, rest: () => ToWorker): Promise<void> {
    this.#changes = [];
    for (const changes of piecesOf(snapshot, PIECE)) await this.#parts.tell({ changes });
    this.#isWhole = true;
    this.look();
    await this.#parts.tell({ ...rest(), whole: true });
  }

  /** Changes that were applied. Those of one turn of the loop are told together. */
  changed(changes: readonly Change[]): void {
    for (const change of changes) this.#changes.push(change);
    if (this.#isDue) return;
    this.#isDue = true;
    setImmediate(() => this.flush());
  }

  /** Tells at once what has not been told yet. */
  flush(): void {
    this.#isDue = false;
    if (!this.#isWhole || this.#changes.length === 0) return;
    void this.#parts.tell({ changes: toldOf(this.#changes.splice(0)), versions: this.#parts.versions() });
  }

  /** Tells how far everything is known, when that is news or has not been told for `quietMs`: silence means that the primary is stuck. */
  look(quietMs = 0): void {
    if (!this.#isWhole) return;
    this.flush();
    const [now, next] = [performance.now(), { versions: this.#parts.versions(), conditions: this.#parts.conditions() }];
    if (now - this.#lastAt < quietMs && isDeepStrictEqual(next, this.#last)) return;
    [this.#last, this.#lastAt] = [next, now];
    void this.#parts.tell(next);
  }
}
