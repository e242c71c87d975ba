import type { AdmissionRequest } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import type { Judge } from "./admission-edge.js";

/** What is wrong with a pack or an exception that somebody writes; undefined for requests about anything else. */
export type CheckOwn = (request: AdmissionRequest) => readonly OwnProblem[] | undefined;

/** The same, asked of somebody else. */
export type AskOwn = (request: AdmissionRequest) => ReturnType<CheckOwn> | Promise<readonly OwnProblem[]>;

export interface OwnProblem extends Problem {
  readonly remediation?: string;
}

/** Sluice's own objects are judged by whether they can come into force: a bad pack is refused with its place, not found out later. */
export function judgeOwn(judge: Judge, check: AskOwn): Judge {
  return (request, route, deadline) => {
    const problems = route === "mutate" ? undefined : check(request);
    if (problems instanceof Promise) return problems.then((found) => ownDecision(request, found));
    return problems ? ownDecision(request, problems) : judge(request, route, deadline);
  };
}

function ownDecision({ object, oldObject, kind }: AdmissionRequest, problems: readonly OwnProblem[]): Decision {
  const about = refOf((object ?? oldObject) as KubeObject);
  const rule = kind.kind === "RulePack" ? "pack" : "exception";
  const violations = problems.map(({ message, path, remediation }) => ({ pack: "sluice", rule, action: "deny" as const, message, object: about, policies: [], ...(path && { path }), ...(remediation && { remediation }) }));
  return { allowed: problems.length === 0, violations, warnings: [], patch: [], errors: [] };
}
