import { readObject } from "../dialects/index.js";
import type { AdmissionRequest, UserInfo } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { nameKey, refOf, type KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { NamedObject, TestStep } from "../packs/pack-test.js";
import { applyPatch } from "../review/apply-patch.js";
import { readChange } from "../review/change.js";
import { mergePatch } from "./merge-patch.js";
import { deletionOf, requestOf, requestsFor, userInfo } from "../review/proposed.js";
import { provisionFor } from "../review/provision.js";
import { review, type ReviewContext } from "../review/review.js";
import { storedObject } from "./stored-object.js";

/** What Sluice said of a step, all of its requests together. */
export interface Answer {
  readonly decision: Decision;
  /** The last object that was asked about, after its mutation; for a workload, its pod. */
  readonly object?: KubeObject;
  /** Policies that Sluice writes itself. */
  readonly provisions: readonly KubeObject[];
}

/** What a step leads to. */
export interface Taken {
  readonly after: Snapshot;
  /** Absent where the step changes nothing. */
  readonly answer?: Answer;
}

/** Does what a step says, as a cluster that Sluice guards would. Fails when the step names an object that is not there. */
export function takeStep(step: TestStep, context: ReviewContext): Result<Taken> {
  const user = userOf(step);
  if (step.apply) return ok(applyEach(Array.isArray(step.apply) ? (step.apply as readonly KubeObject[]) : [step.apply as KubeObject], context, { user, step }));
  const named = step.delete ?? step.patch ?? step.relabel;
  if (!named) return ok({ after: context.snapshot });
  const stored = storedObject(context.snapshot, named);
  if (!stored) return failed({ code: "test/no-object", message: `no ${nameOf(named)} in the state`, path: step.delete ? "delete" : step.patch ? "patch" : "relabel" });
  const request = step.delete ? deletionOf(stored, user) : requestOf(changed(stored, step), user, stored);
  return ok(ask([request], context, step));
}

function userOf({ as }: TestStep): UserInfo {
  if (as === undefined || typeof as === "string") return userInfo(as);
  return as.groups ? { username: as.user, groups: as.groups } : userInfo(as.user);
}

function nameOf({ kind, ...ref }: NamedObject): string {
  return `${kind} \`${nameKey(ref)}\``;
}

function changed(stored: KubeObject, { patch, relabel }: TestStep): KubeObject {
  return mergePatch(stored, patch ? patch.merge : { metadata: { labels: relabel?.labels ?? {} } }) as KubeObject;
}

interface Doing {
  readonly user: UserInfo;
  readonly step: TestStep;
}

/** Each on the state that the ones before it left, as `kubectl apply` sends them. */
function applyEach(objects: readonly KubeObject[], context: ReviewContext, { user, step }: Doing): Taken {
  const answers: Answer[] = [];
  let snapshot = context.snapshot;
  for (const object of objects) {
    const proposed = requestsFor(object, snapshot, user);
    const own = ask(proposed.filter(({ template }) => !template).map(({ request }) => request), { ...context, snapshot }, step);
    if (own.answer) answers.push(own.answer);
    snapshot = own.after;
    // The pod of a workload is its controller's to create: judged, and asked for again until it is admitted.
    if (own.answer?.decision.allowed !== false) answers.push(...proposed.filter(({ template }) => template).map(({ request }) => answerTo(request, { ...context, snapshot })));
  }
  return { after: snapshot, answer: joined(answers) };
}

function ask(requests: readonly AdmissionRequest[], context: ReviewContext, { dryRun = false }: TestStep): Taken {
  const answers: Answer[] = [];
  let snapshot = context.snapshot;
  for (const request of requests) {
    const answer = answerTo({ ...request, dryRun }, { ...context, snapshot });
    answers.push(answer);
    if (answer.decision.allowed && !dryRun) snapshot = applied(request, answer, { ...context, snapshot });
  }
  return { after: snapshot, answer: joined(answers) };
}

function answerTo(request: AdmissionRequest, context: ReviewContext): Answer {
  const decision = review(request, context);
  const object = request.object && applyPatch(request.object, decision.patch);
  return { decision, provisions: decision.allowed ? provisionFor(request, context.snapshot, context.packs) : [], ...(object ? { object } : {}) };
}

/** The state after an admitted request, and after what Sluice writes because of it. */
function applied(request: AdmissionRequest, { object, provisions }: Answer, { snapshot, packs }: ReviewContext): Snapshot {
  const { after } = readChange(object ? { ...request, object } : request, snapshot, packs).change;
  return after.with(provisions.flatMap((policy) => readObject(policy).facts.map((put) => ({ put }))));
}

function joined(answers: readonly Answer[]): Answer {
  const decisions = answers.map(({ decision }) => decision);
  const object = answers.flatMap((answer) => answer.object ?? []).at(-1);
  return {
    decision: {
      allowed: decisions.every(({ allowed }) => allowed),
      violations: decisions.flatMap(({ violations }) => violations),
      warnings: decisions.flatMap(({ warnings }) => warnings),
      patch: decisions.flatMap(({ patch }) => patch),
      errors: decisions.flatMap(({ errors }) => errors),
    },
    provisions: answers.flatMap(({ provisions }) => provisions),
    ...(object ? { object } : {}),
  };
}

/** The names of policies that Sluice writes, as expectations list them. */
export function provisionNames({ provisions }: Answer): string[] {
  return provisions.map((policy) => nameKey(refOf(policy)));
}

