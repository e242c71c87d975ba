import type { Decision } from "../model/decision.js";
import type { Problem } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { CaseResult, FailedStep } from "../model/test-result.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import type { TestCase, TestStep } from "../packs/pack-test.js";
import { untrueClaims } from "./claims.js";
import { unmet, type Unmet } from "./expectations.js";
import { takeStep, type Taken } from "./take-step.js";

/** One case made ready: its packs compiled under its choices, its state read. */
export interface Trial {
  readonly test: string;
  readonly case: TestCase;
  readonly packs: CompiledPacks;
  readonly snapshot: Snapshot;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** A decision as people see it: what messages are looked for in. */
  readonly words: (decision: Decision) => string;
}

/** What a case ends at: the step, the state before it, and why. */
interface Broken {
  readonly step: number;
  readonly before: Snapshot;
  readonly failures: readonly Unmet[];
}

/** Runs the steps of a case one after the other; an admitted change is in the state of the next. The first step that is not as expected ends it. */
export function runCase(trial: Trial): CaseResult {
  const { test, case: { name, steps } } = trial;
  const broken = firstBroken(trial);
  return { test, name, steps: steps.length, ...(broken && { failed: failedStep(trial, broken) }) };
}

/** Is some step not as expected? */
export function fails(trial: Trial): boolean {
  return firstBroken(trial) !== undefined;
}

function firstBroken({ case: { path, steps }, packs, snapshot, now, words }: Trial): Broken | undefined {
  let before = snapshot;
  for (const [step, one] of steps.entries()) {
    const taken = takeStep(one, { snapshot: before, packs, now, fixes: readsText(one) });
    const failures = taken.ok ? notAsExpected(one, taken.value, { packs, words }) : noObject(taken.problems);
    if (failures.length > 0 || !taken.ok) return { step, before, failures: failures.map((failure) => below(`${path}.steps[${step}]`, failure)) };
    before = taken.value.after;
  }
  return undefined;
}

/** Only texts tell of fixes, and most of the time of a refusal goes into its fix. */
function readsText({ expect }: TestStep): boolean {
  return expect?.message !== undefined || expect?.lacks !== undefined;
}

function noObject([problem]: readonly Problem[]): readonly Unmet[] {
  return [{ what: "step", expected: "an object to change", got: problem?.message ?? "", path: problem?.path ?? "" }];
}

function notAsExpected({ expect, connectivity = [] }: TestStep, { answer, after }: Taken, { packs, words }: Pick<Trial, "packs" | "words">): readonly Unmet[] {
  return [...(answer ? unmet(expect, answer, words(answer.decision)) : []), ...untrueClaims(connectivity, after, packsIn(packs, after).profile)];
}

function below(at: string, failure: Unmet): Unmet {
  return { ...failure, path: `${at}.${failure.path}` };
}

/** With the answer as people see it: its fixes too. */
function failedStep({ case: { steps }, packs, now, words }: Trial, { step: at, before, failures }: Broken): FailedStep {
  const step = steps[at];
  const taken = step && takeStep(step, { snapshot: before, packs, now });
  const answer = taken?.ok && taken.value.answer ? words(taken.value.answer.decision) : "";
  return { step: at + 1, name: step?.name ?? inWords(step), notRun: steps.length - at - 1, failures, answer };
}

/** What a step without a name does. */
function inWords(step: TestStep | undefined): string {
  const named = step?.delete ?? step?.patch ?? step?.relabel;
  const verb = step?.delete ? "delete" : step?.patch ? "patch" : "relabel";
  if (named) return `${verb} ${named.kind} ${named.namespace === undefined ? "" : `${named.namespace}/`}${named.name}`;
  const objects = step?.apply === undefined ? [] : [step.apply].flat();
  const [first] = objects;
  if (!first) return "connectivity";
  const { kind, metadata: { namespace, name, generateName } } = first;
  return `apply ${kind} ${namespace === undefined ? "" : `${namespace}/`}${name ?? generateName ?? ""}${objects.length > 1 ? ` and ${objects.length - 1} more` : ""}`;
}
