import type { Decision } from "../model/decision.js";
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

/** Runs the steps of a case one after the other; an admitted change is in the state of the next. The first step that is not as expected ends it. */
export function runCase({ test, case: { name, path, steps }, packs, snapshot, now: time, words }: Trial): CaseResult {
  let state = snapshot;
  for (const [i, step] of steps.entries()) {
    const at = `${path}.steps[${i}]`;
    const taken = takeStep(step, { snapshot: state, packs, now: time });
    if (!taken.ok) {
      const [problem] = taken.problems;
      const failure: Unmet = { what: "step", expected: "an object to change", got: problem?.message ?? "", path: problem?.path ?? "" };
      return { test, name, steps: steps.length, failed: failedStep(steps, i, { failures: [below(at, failure)], answer: "" }) };
    }
    const answer = taken.value.answer ? words(taken.value.answer.decision) : "";
    const failures = [...notAsExpected(step, taken.value, answer), ...untrueClaims(step.connectivity ?? [], taken.value.after, packsIn(packs, taken.value.after).profile)];
    if (failures.length > 0) return { test, name, steps: steps.length, failed: failedStep(steps, i, { failures: failures.map((failure) => below(at, failure)), answer }) };
    state = taken.value.after;
  }
  return { test, name, steps: steps.length };
}

function notAsExpected({ expect }: TestStep, { answer }: Taken, words: string): readonly Unmet[] {
  return answer ? unmet(expect, answer, words) : [];
}

function below(at: string, failure: Unmet): Unmet {
  return { ...failure, path: `${at}.${failure.path}` };
}

function failedStep(steps: readonly TestStep[], at: number, found: Pick<FailedStep, "failures" | "answer">): FailedStep {
  const step = steps[at];
  return { step: at + 1, name: step?.name ?? inWords(step), notRun: steps.length - at - 1, ...found };
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
