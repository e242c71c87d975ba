import type { Violation } from "./violation.js";

/** A broken rule of the cluster as it stands. */
export interface StandingViolation extends Violation {
  /** RFC 3339: when it was first seen. */
  readonly since: string;
  /** It broke while somebody looked, at `since`. Else it was there when looking began, and is at least as old. */
  readonly newlyBroken: boolean;
}

/** What continuous audit knows of the cluster. */
export interface AuditState {
  /** Everything was looked at; else `reasons` say what was not. */
  readonly complete: boolean;
  readonly reasons: readonly string[];
  readonly violations: readonly StandingViolation[];
  /** Of the violations, those that broke while somebody looked; the latest first. */
  readonly newlyBroken: readonly StandingViolation[];
  /** Of the violations, those of rules that only count (dryrun), or that mode `audit` lets pass: refused once they are enforced. */
  readonly wouldDeny: readonly StandingViolation[];
  readonly warnings: readonly string[];
  /** Objects that were looked at. */
  readonly checked: number;
  /** RFC 3339: when the last of it was found out. */
  readonly at: string;
  /** RFC 3339: when everything was last looked at anew. */
  readonly sweptAt: string;
  /** Digest of the packs that it was found by. */
  readonly packs: string;
  /** Namespaces whose change was seen and that have not been looked at again yet. */
  readonly waiting: number;
}

/** How many violations of one rule there were, by what they do. */
export interface AuditCount {
  readonly pack: string;
  readonly rule: string;
  readonly action: Violation["action"];
  readonly violations: number;
}

/** One point of the history. */
export interface AuditPoint {
  /** RFC 3339. */
  readonly at: string;
  readonly complete: boolean;
  readonly counts: readonly AuditCount[];
}

/** Continuous audit, for those who show it. */
export interface AuditView {
  /** Undefined until everything was looked at once. */
  readonly current: AuditState | undefined;
  /** Oldest first: a point when the counts change, at most one a minute; the last 1,440. */
  readonly history: readonly AuditPoint[];
}

/** Which violation it is, whatever its text says now: the rule, the object, and the part of it. */
export function violationKey({ pack, rule, object: { group, kind, namespace = "", name }, path = "" }: Pick<Violation, "pack" | "rule" | "object" | "path">): string {
  return `${pack}/${rule} ${kind}.${group} ${namespace}/${name} ${path}`;
}
