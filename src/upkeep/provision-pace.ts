/** Times of writing, in milliseconds. */
export interface Pace {
  /** First pause after a write that failed; it doubles with each further one up to `maxPauseMs`. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** After a refusal, which only a person can change. */
  readonly refusedMs: number;
}

/**
 * A webhook that is not reachable yet, our own above all, is so within a second or two of an installation. Five minutes
 * between refused writes are one request per namespace and five minutes in a read-only installation.
 */
export const DEFAULT_PACE: Pace = { pauseMs: 250, maxPauseMs: 30_000, refusedMs: 300_000 };

/** A doubling pause, of which a random half is taken off: namespaces that failed together do not come back together. */
export function pauseAfter(failures: number, { pauseMs, maxPauseMs }: Pace): number {
  return withJitter(Math.min(maxPauseMs, pauseMs * 2 ** Math.min(failures - 1, 16)));
}

export function withJitter(ms: number): number {
  return ms / 2 + (Math.random() * ms) / 2;
}
