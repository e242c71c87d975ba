import type { Place } from "./result.js";

/** What the tests of rule packs came to. */

/** One expectation that was not met. Texts follow the wording rules. */
export interface Failure {
  /** What was asked: `decision`, `violations`, `message`, `connectivity`... */
  readonly what: string;
  readonly expected: string;
  readonly got: string;
  /** Path of the expectation in the test's object. */
  readonly path: string;
  readonly place?: Place;
}

/** The step at which a case ended. Later steps build on it, so they are not run. */
export interface FailedStep {
  /** From 1. */
  readonly step: number;
  readonly name: string;
  readonly failures: readonly Failure[];
  /** What Sluice answered, as `kubectl` shows it; empty when the step changed nothing. */
  readonly answer: string;
  /** Steps after it. */
  readonly notRun: number;
}

export interface CaseResult {
  readonly test: string;
  readonly name: string;
  readonly steps: number;
  readonly place?: Place;
  /** Absent: every expectation of every step was met. */
  readonly failed?: FailedStep;
}

/** One thing of a pack that tests should see in each of its ways. */
export interface CoverageItem {
  readonly pack: string;
  readonly what: "rule" | "flow" | "alternative" | "parameter";
  /** In words: `zones/front`, `the registry, alternative 2`, `holdPods`. */
  readonly name: string;
  readonly path: string;
  readonly place?: Place;
  /** Ways that some test showed: `fired`, `held`; of a parameter, its values. */
  readonly seen: readonly string[];
  readonly missing: readonly string[];
}

export interface Coverage {
  readonly items: readonly CoverageItem[];
  /** Ways seen, and ways there are. */
  readonly covered: number;
  readonly total: number;
}

/** One change of a pack's data. */
export interface MutantName {
  readonly pack: string;
  /** `pack/rule`, where the change lies in a rule. */
  readonly rule?: string;
  /** What kind of change: `drop-item`, `negate`, `weaken`... */
  readonly operator: string;
  /** In words: `\`443/TCP\` becomes \`443/UDP\``. */
  readonly change: string;
  readonly path: string;
  readonly place?: Place;
}

export interface Mutation {
  /** Some test failed under them. */
  readonly killed: number;
  /** No test failed: nobody would notice this change. */
  readonly survivors: readonly MutantName[];
  /** Changes that leave no valid pack, and are caught without a test. */
  readonly invalid: number;
  /** Not tried for lack of time. */
  readonly notRun: number;
}

/** A run of `sluice test`. */
export interface TestRun {
  readonly results: readonly CaseResult[];
  readonly coverage?: Coverage;
  readonly mutation?: Mutation;
}
