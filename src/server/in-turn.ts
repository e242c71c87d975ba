import { setTimeout as sleep } from "node:timers/promises";

/** Milliseconds of work at a time: a review that comes meanwhile waits no longer than for this and for one step. */
const SLICE = 8;
/** Half of the loop belongs to reviews. */
const PAUSE = 8;
const WAITING = 32;

/** Works on one long answer at a time, in pieces, so that looking on never costs reviews more than half of the time. */
export class InTurn {
  #last: Promise<unknown> = Promise.resolve();
  #waiting = 0;

  /** The result of some work, once it is its turn; undefined when too many wait, or when nobody waits for it any more. */
  async work<T>(begin: () => Iterator<undefined, T>, signal: AbortSignal): Promise<T | undefined> {
    if (this.#waiting >= WAITING) return undefined;
    this.#waiting++;
    const mine = this.#last.then(() => (signal.aborted ? undefined : inPieces(begin(), signal)));
    this.#last = mine.catch(() => undefined);
    return mine.finally(() => this.#waiting--);
  }
}

async function inPieces<T>(work: Iterator<undefined, T>, signal: AbortSignal): Promise<T | undefined> {
  while (!signal.aborted) {
    const end = performance.now() + SLICE;
    while (performance.now() < end) {
      const step = work.next();
      if (step.done === true) return step.value;
    }
    await sleep(PAUSE);
  }
  return undefined;
}
