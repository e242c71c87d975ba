import { setTimeout as sleep } from "node:timers/promises";

/** Thrown by a probe that knows its answer will never come. */
export class GiveUp extends Error {}

/** What ends a wait: anything but these. */
type NotYet = undefined | null | false;

/**
 * Calls `probe` until it answers, and returns its answer.
 * A probe that throws has not answered, unless it gives up; what it last threw is named when `timeoutMs` have passed.
 */
export async function waitFor<T>(what: string, probe: () => Promise<T | NotYet>, timeoutMs = 15_000): Promise<T> {
  const end = Date.now() + timeoutMs;
  let reason = "";
  for (;;) {
    try {
      const answer = await probe();
      if (answer !== undefined && answer !== null && answer !== false) return answer;
      reason = "";
    } catch (error) {
      if (error instanceof GiveUp) throw error;
      reason = `: ${error instanceof Error ? error.message : String(error)}`;
    }
    if (Date.now() >= end) throw new Error(`waited ${timeoutMs} ms for ${what}${reason}`);
    await sleep(100);
  }
}
