import type { Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { brokenNow, fullStage, hypotheticalStage, isUnchanged, wanted } from "./flow-case.js";
import { openCase, type FlowCase, type FlowQuestion } from "./flow-question.js";
import { FALSE, TRUE, type Formula } from "./formula.js";
import type { ProofContext } from "./inquiry.js";
import { minimise } from "./minimise.js";
import type { Counterexample, Flow, Proof } from "./question.js";
import { runningSubjects, type Care } from "./sight.js";
import type { Stage } from "./symbolic-flow.js";
import type { Solution } from "./solver.js";
import { confirmed, makePod } from "./witness.js";

export type { ProofContext } from "./inquiry.js";

/**
 * The flow holds iff every pod of its subject, running or not yet created, is allowed some alternative in full, at both ends.
 * A target without peers or traffic demands nothing; nor does a flow without alternatives.
 */
export function holds(snapshot: Snapshot, flow: Flow, context: ProofContext): Proof {
  return prove({ flow, mode: "holds", context, after: snapshot });
}

/**
 * Proven iff no pod exists or could exist for which the flow held before and does not hold after. Pods that both snapshots have
 * are compared by name, so that a relabelled one counts. A space as peer is compared pod by pod: the same peer before and after.
 */
export function regression(before: Snapshot, after: Snapshot, { flow, context }: { readonly flow: Flow; readonly context: ProofContext }): Proof {
  return isUnchanged(before, after, flow) ? PROVEN : prove({ flow, mode: "holds", context, after, before });
}

/** Proven iff no pod of the subject, running or not yet created, can reach any peer of any target on any of its traffic. Self traffic does not count (S14). */
export function excludes(snapshot: Snapshot, flow: Flow, context: ProofContext): Proof {
  return prove({ flow, mode: "excludes", context, after: snapshot });
}

/** Proven iff no connection of a forbidden flow is allowed after that was not before. */
export function exclusionRegression(before: Snapshot, after: Snapshot, { flow, context }: { readonly flow: Flow; readonly context: ProofContext }): Proof {
  return isUnchanged(before, after, flow) ? PROVEN : prove({ flow, mode: "excludes", context, after, before });
}

interface OnePod {
  readonly pod: Pod;
  readonly context: ProofContext;
}

/** `holds` for one pod only: `pod` as it is given, whether or not the snapshot has it. */
export function holdsForPod(snapshot: Snapshot, flow: Flow, { pod, context }: OnePod): Proof {
  return proveForPod({ flow, mode: "holds", context, after: snapshot }, pod);
}

/** `excludes` for one pod only, likewise. */
export function excludesForPod(snapshot: Snapshot, flow: Flow, { pod, context }: OnePod): Proof {
  return proveForPod({ flow, mode: "excludes", context, after: snapshot }, pod);
}

function proveForPod(asked: FlowQuestion, pod: Pod): Proof {
  const question = openCase(asked);
  const stage = fullStage(question, hypotheticalStage(question), "any");
  return answer(question, tryPod(question, stage, pod) ?? "none");
}

interface Affecting {
  readonly flow: Flow;
  readonly context: ProofContext;
  /** A required flow (default), or a forbidden one. */
  readonly mode?: FlowQuestion["mode"];
}

/** How many running pods of the subject the question goes against, as `affectedPods` tells. */
export function affectedRunning(before: Snapshot | undefined, after: Snapshot, asked: Affecting): number | undefined {
  return affectedPods(before, after, asked)?.length;
}

/** The running pods of the subject for which the answer is no: the flow does not hold after and, given `before`, held then. Undefined past the budget. */
export function affectedPods(before: Snapshot | undefined, after: Snapshot, { flow, context, mode = "holds" }: Affecting): readonly Pod[] | undefined {
  const question = openCase({ flow, mode, context, after, ...(before ? { before } : {}) });
  const stage = fullStage(question, hypotheticalStage(question), "any");
  const affected: Pod[] = [];
  for (const group of runningSubjects(question, stage, "all")) {
    const solution = question.inquiry.solve(wanted(question, stage, question.present.party(group[0])));
    if (solution.answer === "unknown" || question.inquiry.meter.exhausted) return undefined;
    if (solution.answer === "satisfiable") affected.push(...group);
  }
  return affected;
}

const PROVEN: Proof = { answer: "proven", steps: 0 };

type Finding = Counterexample | "none" | "unknown";

/** A running pod is the best counterexample; a hypothetical one with few labels the next best. */
function prove(asked: FlowQuestion): Proof {
  const question = openCase(asked);
  const { subject, flow } = question;
  const bare = hypotheticalStage(question);
  if (flow.runningOnly) return answer(question, tryRunning(question, fullStage(question, bare, "any"), "all"));
  // The usual case: the flow holds for all hypothetical pods, whatever was before, and nothing that runs is different.
  const care: Care = asked.mode === "holds" && isRefuted(question, brokenNow(question, bare, subject)) ? "unhelpful" : "any";
  const stage = fullStage(question, bare, care);
  if (care === "unhelpful" && stage === bare && runningSubjects(question, bare, care).length === 0) return answer(question, "none");
  return proveFully(question, stage, care);
}

function proveFully(question: FlowCase, stage: Stage, care: Care): Proof {
  const { inquiry, subject } = question;
  const root = inquiry.consistent(wanted(question, stage, subject), [subject, ...peersOf(stage)]);
  const solution = solveWithin(question, root);
  // What runs is concrete and cheap to check, and must not hide behind selectors that exhaust the search.
  if (solution.answer === "unknown") inquiry.meter.renew();
  const running = tryRunning(question, stage, solution.answer === "unsatisfiable" ? care : "all");
  if (typeof running !== "string" || solution.answer === "unsatisfiable") return answer(question, running);
  return answer(question, solution.answer === "unknown" ? "unknown" : hypothetical(question, stage, { root, solution }));
}

function isRefuted(question: FlowCase, root: Formula): boolean {
  return root !== TRUE && solveWithin(question, root).answer === "unsatisfiable";
}

/** FALSE needs no search. A formula that was cut short by the budget says nothing. */
function solveWithin({ inquiry }: FlowCase, root: Formula): Solution {
  if (inquiry.meter.exhausted) return { answer: "unknown" };
  return root === FALSE ? { answer: "unsatisfiable" } : inquiry.solve(root);
}

function tryRunning(question: FlowCase, stage: Stage, care: Care): Finding {
  let outcome: Finding = "none";
  for (const [pod] of runningSubjects(question, stage, care)) {
    const found = tryPod(question, stage, pod);
    if (found === "unknown") outcome = "unknown";
    else if (found) return found;
    if (question.inquiry.meter.exhausted) return "unknown";
  }
  return outcome;
}

function tryPod(question: FlowCase, stage: Stage, pod: Pod): Counterexample | "unknown" | undefined {
  const { inquiry, present } = question;
  const root = wanted(question, stage, present.party(pod));
  const solution = solveWithin(question, root);
  if (solution.answer === "unknown") return "unknown";
  if (solution.answer === "unsatisfiable") return undefined;
  const values = minimise(inquiry, root, { values: solution.values, parties: peersOf(stage) });
  return confirmed(question, stage, { subject: { pod, namespace: present.snapshot.namespace(pod.namespace) }, values });
}

function hypothetical(question: FlowCase, stage: Stage, { root, solution }: { readonly root: Formula; readonly solution: Extract<Solution, { answer: "satisfiable" }> }): Counterexample {
  const { inquiry, present, subject } = question;
  const values = minimise(inquiry, root, { values: solution.values, parties: [subject, ...peersOf(stage)] });
  return confirmed(question, stage, { subject: makePod(present, subject, { values, name: "hypothetical" }), values });
}

function peersOf(stage: Stage): readonly FlowCase["subject"][] {
  return [...stage.slots.values()].map(({ party }) => party);
}

function answer({ inquiry }: FlowCase, finding: Finding): Proof {
  const steps = Math.ceil(inquiry.meter.steps);
  if (finding === "none") return { answer: "proven", steps };
  return finding === "unknown" ? { answer: "not-proven", steps } : { answer: "counterexample", counterexample: finding, steps };
}
