/** Times of pending changes, in milliseconds. */
export interface Patience {
  /** How long a change waits for the watch to show what is in its way. */
  readonly waitMs: number;
  /** Left of the deadline for the answer. */
  readonly reserveMs: number;
  /** After this time no request to the API server is under way any more. */
  readonly endMs: number;
  /** One read or swap of the ledger. */
  readonly storeMs: number;
  /** Between a swap that failed and the next. */
  readonly pauseMs: number;
  /** How many wait together. */
  readonly atOnce: number;
}

/**
 * A watch shows a change 25 ms after it was admitted, at most (facts/admission.md 5); what has not come within a second is late or will
 * not come. The API server ends every request after a minute (`--request-timeout`), five seconds are room for the
 * write itself. Each that waits takes one of the gate's 64 turns.
 */
export const DEFAULT_PATIENCE: Patience = { waitMs: 1_000, reserveMs: 300, endMs: 65_000, storeMs: 2_000, pauseMs: 100, atOnce: 16 };
