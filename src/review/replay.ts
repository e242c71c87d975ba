import type { PatchOperation } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { ruleId } from "../model/violation.js";
import { isDeepStrictEqual } from "./equal.js";

/** What came of a request, as far as two times of asking are compared. */
export interface Answered {
  readonly allowed: boolean;
  /** `pack/rule=action`, each once. */
  readonly rules: readonly string[];
  readonly patch: readonly PatchOperation[];
}

/** refused: it was admitted; freed: it was refused; otherwise: other rules, or another patch. */
export type Turn = "refused" | "freed" | "otherwise";

export function answered({ allowed, violations, patch }: Decision): Answered {
  return { allowed, rules: [...new Set(violations.map((violation) => `${ruleId(violation)}=${violation.action}`))], patch };
}

/** How the second answer differs from the first; undefined when it does not. The order of rules says nothing. */
export function turn(before: Answered, after: Answered): Turn | undefined {
  if (before.allowed !== after.allowed) return after.allowed ? "freed" : "refused";
  const sorted = ({ rules }: Answered): readonly string[] => [...rules].sort();
  return isDeepStrictEqual(sorted(before), sorted(after)) && isDeepStrictEqual(before.patch, after.patch) ? undefined : "otherwise";
}
