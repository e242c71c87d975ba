import type { Facts, Read } from "./facts.js";

/** How bad a finding is: a failure keeps Sluice from doing its work or endangers the cluster, a warning will, or might. */
export type Status = "ok" | "warning" | "failure" | "not checked";

/** What one check found. */
export interface Finding {
  readonly status: Status;
  /** What is so, in one line. */
  readonly finding: string;
  /** What to do about it; always there for warnings and failures. */
  readonly remedy?: string;
}

/** One thing that must be right; a row of `CHECKS`. */
export interface Check {
  readonly id: string;
  /** Judges what was read; at least one finding. */
  judge(facts: Facts): readonly Finding[];
}

/** A finding together with its check. */
export interface Diagnosis extends Finding {
  readonly check: string;
}

export function fine(finding: string): readonly Finding[] {
  return [{ status: "ok", finding }];
}

export function failure(finding: string, remedy: string): Finding {
  return { status: "failure", finding, remedy };
}

export function warning(finding: string, remedy: string): Finding {
  return { status: "warning", finding, remedy };
}

export function notChecked(why: string): readonly Finding[] {
  return [{ status: "not checked", finding: why }];
}

/** The findings, or `otherwise` when there are none. */
export function orElse(findings: readonly Finding[], otherwise: string): readonly Finding[] {
  return findings.length > 0 ? findings : fine(otherwise);
}

/** Judges what could be read; what could not is told, and is no finding. */
export function whenRead<T>(read: Read<T>, judge: (value: T) => readonly Finding[]): readonly Finding[] {
  return "problem" in read ? notChecked(read.problem) : judge(read.value);
}
