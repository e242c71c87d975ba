import type { Snapshot } from "../model/snapshot.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";

/**
 * Asks every rule about every namespace, one of them at each step: what is proven then is remembered, and the first requests need
 * not wait for it. A rule that fails inside says so when a request asks it.
 */
export function* warm(snapshot: Snapshot, packs: CompiledPacks): Generator<undefined> {
  for (const { behaviour: { protect } } of packsIn(packs, snapshot).rules) {
    for (const scope of protect?.allScopes(snapshot) ?? []) {
      try {
        protect?.standing(snapshot, scope);
      } catch {
        // Told by the review of a request (review.ts, guarded).
      }
      yield;
    }
  }
}
