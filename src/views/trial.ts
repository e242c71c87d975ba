import { compare } from "../engine/compare.js";
import type { SurveyOptions } from "../engine/survey.js";
import { isPolicyKind, readObject } from "../dialects/index.js";
import { groupOf, kindKey, nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { TrafficChange, Trial, TrialView } from "../model/views.js";
import type { VerifiedFix, Violation } from "../model/violation.js";
import type { CompiledPacks } from "../packs/compile.js";
import { judgeTogether } from "../review/proposed-set.js";
import { policyView } from "./policy-words.js";

export interface TrialContext {
  readonly snapshot: Snapshot;
  readonly packs: CompiledPacks;
  readonly options: SurveyOptions;
  /** Milliseconds since 1970. */
  readonly now: number;
  /** Objects as YAML. */
  yaml(fix: VerifiedFix): string;
}

/** Past these the rest is a number. */
const CHANGES = 300;
/** What one trial may hold: more belongs into \`sluice check\`. */
const OBJECTS = 50;

/** What admission would say of changes that nobody has made, and what traffic they open and close. The state stays as it is. */
export function* trialOf({ apply, remove }: Trial, context: TrialContext): Generator<undefined, Result<TrialView>> {
  const { snapshot, packs, options, now, yaml } = context;
  const problems = [...apply.flatMap(unfit), ...(apply.length + remove.length > OBJECTS ? [problem(`at most ${OBJECTS} objects can be tried together; \`sluice check\` takes more`)] : [])];
  const stored = remove.map((ref) => snapshot.policy(ref)?.object);
  problems.push(...remove.filter((_, i) => !stored[i]).map((ref) => problem(`the cluster has no ${ref.kind} \`${nameKey(ref)}\``)));
  if (problems.length > 0) return failed(...problems);
  const { judged, after } = judgeTogether({ objects: apply, deleted: stored.filter((object) => object !== undefined), state: snapshot, packs, now, user: undefined });
  yield;
  const violations = judged.flatMap(({ decision }) => decision.violations);
  const changes: TrafficChange[] = [];
  let total = 0;
  for (const { type, src, dst, old, new: next } of compare(snapshot, after, options)) {
    if (++total <= CHANGES) changes.push({ type, src, dst, old, new: next });
    yield;
  }
  const fix = joined(violations);
  return ok({
    allowed: violations.every(({ action }) => action !== "deny"),
    violations,
    warnings: [...new Set(judged.flatMap(({ decision }) => decision.warnings))],
    changes: { rows: changes, total },
    policies: apply.flatMap((object) => readObject(object).facts).flatMap((fact) => (fact.fact === "policy" ? [policyView(fact.value)] : [])),
    ...(fix && { fix: yaml(fix) }),
  });
}

function unfit(object: KubeObject): readonly Problem[] {
  const { kind, apiVersion, metadata } = object;
  if (!isPolicyKind({ group: groupOf(apiVersion), kind })) return [problem(`\`${kind}\` (\`${apiVersion}\`) is no policy that is read; try NetworkPolicy of networking.k8s.io/v1`)];
  if (!metadata.name) return [problem(`a ${kind} without \`metadata.name\``)];
  return [];
}

function problem(message: string): Problem {
  return { code: "use/trial", path: "", message };
}

/** All fixes as one, each object once. */
function joined(violations: readonly Violation[]): VerifiedFix | undefined {
  const fixes = violations.flatMap(({ fix }) => fix ?? []);
  if (fixes.length === 0) return undefined;
  const keyOf = (ref: ObjectRef): string => `${kindKey(ref)} ${nameKey(ref)}`;
  return {
    apply: [...new Map(fixes.flatMap(({ apply }) => apply).map((object) => [keyOf(refOf(object)), object])).values()],
    remove: [...new Map(fixes.flatMap(({ remove }) => remove).map((ref) => [keyOf(ref), ref])).values()],
  };
}
