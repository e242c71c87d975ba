import type { AdmissionRequest } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { ReviewContext } from "./review.js";
import { Memory } from "../model/memory.js";

/** One of the pure functions of `review.ts`. */
export type Decide = (request: AdmissionRequest, asked: ReviewContext) => Decision;

/**
 * The same function, which knows what it decided of a request made of the very same parts. Requests, snapshots and packs are never written to,
 * and a decision rests on them and on which exceptions have ended: nothing that is remembered is ever stale. A change that is asked
 * about again and again by what keeps it applied, or tried as a dry run first, is judged once.
 */
export function remembering(decide: Decide): Decide {
  let world: World | undefined;
  let known = new Memory<KubeObject, readonly Remembered[]>();
  return (request, asked) => {
    const part = request.object ?? request.oldObject;
    if (!part) return decide(request, asked);
    const now = worldOf(asked);
    if (!world || !isSameWorld(world, now)) [world, known] = [now, new Memory<KubeObject, readonly Remembered[]>()];
    const like = known.get(part) ?? [];
    const { fixes = true } = asked;
    const found = like.find((one) => one.fixes === fixes && hasSameParts(one.request, request));
    if (found) return found.decision;
    const decision = decide(request, asked);
    known.set(part, [...like, { request, fixes, decision }].slice(-ALIKE));
    return decision;
  };
}

/** One object is the part of few requests: a dry run, the change itself, each judged with fixes and without. */
const ALIKE = 4;

interface Remembered {
  readonly request: AdmissionRequest;
  readonly fixes: boolean;
  readonly decision: Decision;
}

interface World {
  readonly snapshot: ReviewContext["snapshot"];
  readonly packs: CompiledPacks;
  /** How many of the exceptions have ended. Of the same exceptions, as many are the same ones. */
  readonly ended: number;
}

function worldOf({ snapshot, packs, now }: ReviewContext): World {
  let ended = 0;
  for (const { ends } of packs.exceptions) if (ends <= now) ended++;
  return { snapshot, packs, ended };
}

function isSameWorld(a: World, b: World): boolean {
  return a.snapshot === b.snapshot && a.packs === b.packs && a.ended === b.ended;
}

/** All of a request that a decision can rest on: everything but its uid. */
const PARTS = Object.keys({
  kind: 0, resource: 0, subResource: 0, name: 0, namespace: 0, operation: 0, userInfo: 0, object: 0, oldObject: 0, dryRun: 0,
} satisfies Record<Exclude<keyof AdmissionRequest, "uid">, 0>) as readonly Exclude<keyof AdmissionRequest, "uid">[];

function hasSameParts(a: AdmissionRequest, b: AdmissionRequest): boolean {
  return PARTS.every((part) => a[part] === b[part]);
}
