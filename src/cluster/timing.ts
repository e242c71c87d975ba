/** Times of list and watch, in milliseconds. */
export interface Timing {
  /** One page of a list. */
  readonly pageMs: number;
  /** Asked of the API server as the length of one watch. */
  readonly watchMs: number;
  /** Silence after which a watch counts as dead. */
  readonly stallMs: number;
  /** After which a watch that does not show what a consistent read has shown counts as dead. */
  readonly lateMs: number;
  /** First pause after a failure; it doubles with each further one up to `maxPauseMs`. */
  readonly pauseMs: number;
  readonly maxPauseMs: number;
  /** How often a kind that the API server does not know is looked for again. */
  readonly absentMs: number;
}

/**
 * A page of 500 pods takes the API server well under a second; 60 s is a server in distress. Bookmarks come about once a minute
 * (the API server's watch cache), so 150 s without a byte are two of them missed. Watches of 5 minutes spread the load of reconnects.
 * A watch is 25 ms behind at most (facts/admission.md 5).
 * An absent CRD is looked for every 30 s (design/admission.md).
 */
export const DEFAULT_TIMING: Timing = { pageMs: 60_000, watchMs: 300_000, stallMs: 150_000, lateMs: 2_000, pauseMs: 500, maxPauseMs: 30_000, absentMs: 30_000 };

/** Doubling pauses with jitter: a random half, so that the watches of many kinds and replicas do not come back together. */
export function pauseAfter(failures: number, { pauseMs, maxPauseMs }: Timing): number {
  const full = Math.min(maxPauseMs, pauseMs * 2 ** Math.min(failures - 1, 16));
  return full / 2 + (Math.random() * full) / 2;
}

export interface Limit {
  /** Ends the work early when it aborts. */
  readonly parent: AbortSignal;
  readonly ms: number;
  /** What the error says when the time is over. */
  readonly message: string;
}

/** Runs work that ends with its parent, or when `ms` pass without a call of `alive`. Its error then is the reason, not what the broken connection says. */
export async function limited<T>({ parent, ms, message }: Limit, work: (signal: AbortSignal, alive: () => void) => Promise<T>): Promise<T> {
  const controller = new AbortController();
  const { signal } = controller;
  const stop = () => controller.abort(parent.reason);
  const timer = setTimeout(() => controller.abort(new Error(message)), ms);
  if (parent.aborted) stop();
  parent.addEventListener("abort", stop, { once: true });
  try {
    return await work(signal, () => void timer.refresh());
  } catch (error) {
    throw signal.aborted ? signal.reason : error;
  } finally {
    clearTimeout(timer);
    parent.removeEventListener("abort", stop);
  }
}
