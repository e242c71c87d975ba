import type { PatchOperation } from "./admission.js";
import type { Problem } from "./result.js";
import type { Violation } from "./violation.js";

/** Would it refuse, if mode `audit` did not let it pass? */
export function wouldDeny({ violations }: Pick<Decision, "violations">): boolean {
  return violations.some((violation) => violation.wouldDeny === true);
}

/** What review made of one request. `server/` and `commands/` only put it into words. */
export interface Decision {
  readonly allowed: boolean;
  readonly violations: readonly Violation[];
  /** Warnings that belong to no violation: setting-up namespaces, flows broken before and after, unproven ones. */
  readonly warnings: readonly string[];
  readonly patch: readonly PatchOperation[];
  /** An error inside: what the pack's failure mode was applied to. */
  readonly errors: readonly Problem[];
  /** HTTP code of a refusal: 403; 429 when it is worth trying again at once. */
  readonly code?: number;
  /** Digest of the packs that it was made by. */
  readonly packs?: string;
}
