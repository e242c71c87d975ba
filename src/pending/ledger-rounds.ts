import { setTimeout as sleep } from "node:timers/promises";
import { reasonOf, type Log } from "../log.js";
import { attempt, EMPTY_LEDGER, expire, record, sweep, type Attempt, type Candidate, type Ledger } from "../review/pending.js";
import type { PendingChange, View } from "../review/pending-change.js";
import { MAX_CHANGES, type Kept, type LedgerStore } from "./ledger-store.js";
import { NotNow } from "./not-now.js";
import type { Patience } from "./patience.js";

export interface RoundsParts {
  readonly store: LedgerStore;
  /** What the watches show now. */
  readonly view: () => View;
  readonly log: Log;
  readonly patience: Patience;
}

/** One candidate that asks for its turn. */
export interface Asking {
  readonly candidate: Candidate;
  /** On the clock of `performance.now()`. */
  readonly deadline: number;
  /** A view that a consistent read has made; the watches' own one else. */
  readonly fresh: View | undefined;
}

interface Turn extends Asking {
  readonly settle: (attempt: Attempt) => void;
  readonly fail: (error: NotNow) => void;
}

interface Passed {
  readonly turn: Turn;
  readonly attempt: Attempt;
}

/** Old changes, and the view that shows whether they were stored. */
interface Expiring {
  readonly ids: ReadonlySet<string>;
  readonly view: View;
}

/** Changes the ledger in rounds, one after the other: reads it, judges all that wait on what those before them leave behind, and swaps it once. */
export class LedgerRounds {
  readonly #parts: RoundsParts;
  readonly #turns: Turn[] = [];
  /** When each change was first heard of, on the clock of `performance.now()`: later than it was admitted, whatever the clocks of other replicas say. */
  readonly #heard = new Map<string, number>();
  #kept: Kept | undefined;
  #expiring: Expiring | undefined;
  #running = false;
  #isKnown = false;
  #problem: string | undefined;
  #opening = false;

  constructor(parts: RoundsParts) {
    this.#parts = parts;
  }

  /** Was it read once? It may be unreadable since. */
  get isKnown(): boolean {
    return this.#isKnown;
  }

  /** What went wrong last, while nothing has gone right since. */
  get problem(): string | undefined {
    return this.#problem;
  }

  /** As last read or written. */
  get ledger(): Ledger {
    return this.#kept?.ledger ?? EMPTY_LEDGER;
  }

  /** Changes that were first heard of so many milliseconds ago, or more. */
  olderThan(ms: number): readonly PendingChange[] {
    const now = performance.now();
    return this.ledger.changes.filter(({ id }) => now - (this.#heard.get(id) ?? now) >= ms);
  }

  /** Judges a candidate in the next round. One that is admitted stands in the ledger when this resolves. Rejects with `NotNow`. */
  turn(asking: Asking): Promise<Attempt> {
    return new Promise((settle, fail) => {
      this.#turns.push({ ...asking, settle, fail });
      void this.#run();
    });
  }

  /** Reads the list in the next round, so that it is known. */
  open(): void {
    this.#opening = true;
    void this.#run();
  }

  /** Takes old changes off the list in the next round. */
  expire(expiring: Expiring): void {
    this.#expiring = expiring;
    void this.#run();
  }

  async #run(): Promise<void> {
    if (this.#running) return;
    this.#running = true;
    while (this.#turns.length > 0 || this.#expiring || this.#opening) {
      this.#opening = false;
      const turns = this.#turns.splice(0);
      const kept = this.#kept ?? (await this.#orNothing(turns, async (signal) => this.#keep(await this.#parts.store.read(signal))));
      if (kept) await this.#round(kept, turns);
    }
    this.#running = false;
  }

  async #round(kept: Kept, turns: readonly Turn[]): Promise<void> {
    const { store, view } = this.#parts;
    const expiring = this.#expiring;
    this.#expiring = undefined;
    const passed: Passed[] = [];
    let ledger = sweep(kept.ledger, view());
    if (expiring) ledger = expire(ledger, expiring.ids, expiring.view);
    for (const turn of turns) {
      const result = this.#judge(ledger, turn);
      if (result.result === "admitted") {
        passed.push({ turn, attempt: result });
        ledger = record(ledger, turn.candidate.change);
      } else turn.settle(result);
    }
    if (passed.length === 0 && !expiring) return;
    const waiting = passed.map(({ turn }) => turn);
    const swapped = await this.#orNothing(waiting, async (signal) => (await store.swap(kept, ledger, signal)) ?? "lost");
    if (!swapped) return;
    if (swapped === "lost") return this.#again(waiting);
    this.#keep(swapped);
    for (const { turn, attempt: admitted } of passed) turn.settle(admitted);
  }

  #judge(ledger: Ledger, { candidate, fresh }: Turn): Attempt {
    if (ledger.changes.length >= MAX_CHANGES) return { result: "unclear", because: ledger.changes };
    return attempt(ledger, fresh ?? this.#parts.view(), candidate);
  }

  /** Another replica was quicker: everything is judged anew on what it has written. */
  #again(turns: readonly Turn[]): void {
    this.#kept = undefined;
    this.#turns.unshift(...turns);
  }

  /** One use of the store. When it fails, nothing is known of the ledger: those that have time left try again. */
  async #orNothing<T>(turns: readonly Turn[], use: (signal: AbortSignal) => Promise<T>): Promise<T | undefined> {
    const { log, patience } = this.#parts;
    try {
      return await use(AbortSignal.timeout(patience.storeMs));
    } catch (error) {
      this.#problem = reasonOf(error);
      log.warn({ reason: this.#problem, waiting: turns.length }, "the list of pending changes could not be read or written");
      const late = turns.filter(({ deadline }) => performance.now() + patience.pauseMs >= deadline);
      for (const turn of late) turn.fail(new NotNow("the changes that other replicas have admitted could not be learnt in time"));
      this.#expiring = undefined;
      this.#again(turns.filter((turn) => !late.includes(turn)));
      if (this.#turns.length > 0) await sleep(patience.pauseMs);
      return undefined;
    }
  }

  #keep(kept: Kept): Kept {
    const now = performance.now();
    const ids = new Set(kept.ledger.changes.map(({ id }) => id));
    for (const id of this.#heard.keys()) if (!ids.has(id)) this.#heard.delete(id);
    for (const id of ids) if (!this.#heard.has(id)) this.#heard.set(id, now);
    this.#isKnown = true;
    this.#problem = undefined;
    return (this.#kept = kept);
  }
}
