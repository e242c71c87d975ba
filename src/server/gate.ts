import { BODY_CAP } from "./body.js";

/**
 * How much is taken on at once. One API server had 200 reviews in flight (facts/admission.md 1): 512 is two of them and room.
 * Their bodies together: 32 MiB, that is 64 KiB each (a recorded review is 1 to 10 KB) or four at the cap. A decision holds the event
 * loop while it is computed; only those that wait for a consistent read are under way together, and 64 of these keep the API server's share of us small.
 */
export const DEFAULT_LIMITS: Limits = { bodyCap: BODY_CAP, inFlight: 512, bodyBytes: 32 * 1_024 * 1_024, judging: 64 };

export interface Limits {
  /** Longest body, in bytes. */
  readonly bodyCap: number;
  /** Requests between their first byte and their answer. */
  readonly inFlight: number;
  /** Bytes of all their bodies, as far as they have come. */
  readonly bodyBytes: number;
  /** Decisions under way together; further ones wait for their turn. */
  readonly judging: number;
}

/** What one request takes up. */
export interface Place {
  bytes: number;
}

/** Bounds what is under way: past `inFlight` or `bodyBytes` a request is answered at once, past `judging` it waits until its deadline. */
export class Gate {
  readonly limits: Limits;
  #inFlight = 0;
  #bytes = 0;
  #judging = 0;
  readonly #waiting = new Set<() => void>();

  constructor(limits: Limits = DEFAULT_LIMITS) {
    this.limits = limits;
  }

  get inFlight(): number {
    return this.#inFlight;
  }

  get waiting(): number {
    return this.#waiting.size;
  }

  /** Takes a request on; each one taken on is given back by `release`. */
  admit(): Place | undefined {
    if (this.#inFlight >= this.limits.inFlight) return undefined;
    this.#inFlight += 1;
    return { bytes: 0 };
  }

  /** Room for bytes that have come. Those that are only announced take none, or four clients that send nothing would shut out all others. */
  take(place: Place, bytes: number): boolean {
    if (this.#bytes + bytes > this.limits.bodyBytes) return false;
    this.#bytes += bytes;
    place.bytes += bytes;
    return true;
  }

  release({ bytes }: Place): void {
    this.#inFlight -= 1;
    this.#bytes -= bytes;
  }

  /** True when it is this request's turn to be judged, to be given back by `leave`; false when `milliseconds` passed before. */
  enter(milliseconds: number): true | Promise<boolean> {
    if (this.#judging < this.limits.judging) {
      this.#judging += 1;
      return true;
    }
    return new Promise((resolve) => {
      const turn = () => {
        clearTimeout(timer);
        resolve(true);
      };
      const timer = setTimeout(() => resolve(!this.#waiting.delete(turn)), Math.max(0, milliseconds));
      this.#waiting.add(turn);
    });
  }

  /** Hands the turn to the one that waits longest. */
  leave(): void {
    const [next] = this.#waiting;
    if (next === undefined) {
      this.#judging -= 1;
      return;
    }
    this.#waiting.delete(next);
    next();
  }
}
