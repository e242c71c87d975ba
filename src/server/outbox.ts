/** Long enough for the answers of most turns of the loop to go together, and nothing beside the seconds that a review may take. */
const LONGEST_MS = 5;

/**
 * Sends the answers of one turn of the event loop together, at its end. A write to a peer that sleeps wakes it, which costs as much as the
 * making of many answers; the first write of several wakes it for all. No answer waits longer than `LONGEST_MS` and the review that is judged then.
 */
export class Outbox {
  #waiting: Posted[] = [];
  #since = 0;

  /** Neither may throw: the others wait behind them. */
  post(posted: Posted): void {
    const now = performance.now();
    if (this.#waiting.push(posted) === 1) {
      this.#since = now;
      setImmediate(this.flush);
    } else if (now - this.#since > LONGEST_MS) this.flush();
  }

  /** Before what may take long. */
  readonly flush = (): void => {
    const posted = this.#waiting;
    if (posted.length === 0) return;
    this.#waiting = [];
    for (const { send } of posted) send();
    for (const { tell } of posted) tell();
  };
}

export interface Posted {
  readonly send: () => void;
  /** Counts and logs it: when nobody waits for it any more. */
  readonly tell: () => void;
}
