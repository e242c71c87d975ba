import type { StandingViolation } from "../model/audit.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { Asked } from "./auditor.js";

/**
 * How many violations are held: 1.3 KB each, and 88 MB for all with what is remembered of the 9,000 namespaces that they were
 * measured in, beside a cluster of 100,000 pods that takes 400 MB. Reports tell of 20,000, the console of 300; nobody reads more than that, and what is left out is counted.
 */
export const MOST_HELD = 50_000;

/** What asking gave: its violations with their dates, and how many more there was no room for. */
export type Dated = Omit<Asked, "violations"> & { readonly violations: readonly StandingViolation[]; readonly left: number };

/** What was found in a namespace. */
export interface FoundIn {
  /** What does not simply hold, by rule. */
  readonly standing: ReadonlyMap<CompiledRule, Dated>;
  readonly objects: Dated | undefined;
}

/** All that was asked in a namespace. */
export function askedIn(found: FoundIn | undefined): readonly Dated[] {
  return found ? [...found.standing.values(), ...(found.objects ? [found.objects] : [])] : [];
}

/** How many violations these hold. */
export function heldIn(asked: readonly Dated[]): number {
  return asked.reduce((sum, { violations }) => sum + violations.length, 0);
}

const RANK = { deny: 0, warn: 1, dryrun: 2 } as const;

/** As many as there is room for, refusals first. */
export function fitted<V extends { readonly action: keyof typeof RANK }>(violations: readonly V[], room: number): { readonly kept: readonly V[]; readonly left: number } {
  if (violations.length <= room) return { kept: violations, left: 0 };
  const kept = [...violations].sort((a, b) => RANK[a.action] - RANK[b.action]).slice(0, Math.max(0, room));
  return { kept, left: violations.length - kept.length };
}
