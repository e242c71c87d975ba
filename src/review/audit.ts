import { kindKey } from "../model/kubernetes.js";
import { formatProblem } from "../model/result.js";
import type { Violation } from "../model/violation.js";
import { packsIn } from "../packs/compile.js";
import { Auditor } from "./auditor.js";
import { inOrder, type ReviewContext } from "./review.js";

/** What a whole cluster breaks. */
export interface Audit {
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  /** Why something could not be looked at; none: the audit is complete. */
  readonly reasons: readonly string[];
  /** Objects that were looked at. */
  readonly checked: number;
}

export interface AuditOptions {
  progress?(done: number, total: number): void;
  /** Only these, and nothing cluster-scoped. */
  readonly namespaces?: ReadonlySet<string>;
}

/**
 * Every rule on everything that stands, by the evaluator, the exceptions and the texts of admission. What must always hold is asked
 * of each namespace, for every pod it has or could have. Objects are asked about as if they were written now, by nobody in
 * particular: policies, pods (and the template of a workload that has none) and custom resources as if created, namespaces as if
 * written again.
 */
export function audit({ snapshot, packs: inForce, now, fixes = true }: ReviewContext, { progress, namespaces: only }: AuditOptions = {}): Audit {
  const packs = packsIn(inForce, snapshot);
  const context: ReviewContext = { snapshot, packs, now, fixes };
  const auditor = new Auditor(context);
  const namespaces = [...snapshot.namespaces.values()].filter(({ namespace }) => only?.has(namespace.name) ?? true);
  let pods = 0;
  for (const [i, state] of namespaces.entries()) {
    progress?.(i, namespaces.length);
    if (state.namespace.terminating) continue;
    auditor.namespace(state.namespace);
    for (const { object, problems } of state.policies.values()) auditor.policy(object, problems);
    for (const pod of state.pods.values()) auditor.pod(pod);
    pods += state.pods.size + state.policies.size;
  }
  for (const { object, problems } of only ? [] : snapshot.clusterPolicies.values()) auditor.policy(object, problems);
  const others = only ? [] : [...snapshot.objects].flatMap(([kind, objects]) => [...objects.values()].map((object) => ({ kind, object })));
  const watched = new Set(packs.watches.map(kindKey));
  for (const { kind, object } of others) auditor.other(object, watched.has(kind));
  const { violations, warnings, errors } = auditor.verdicts();
  return {
    violations: inOrder(violations),
    warnings: [...new Set(warnings.filter((text) => !auditor.unproven.has(text)))],
    reasons: [...new Set([...unsetPeers(context), ...auditor.unproven, ...errors.map(formatProblem)])],
    checked: namespaces.length + pods + snapshot.clusterPolicies.size + auditor.others,
  };
}

/** "A flow whose peer is unset is not checked; every report says so." Where no namespace is a subject there is nothing to check. */
export function unsetPeers({ snapshot, packs }: ReviewContext): readonly string[] {
  const asked = packs.rules.filter(({ behaviour: { protect } }) => protect?.peers && protect.allScopes(snapshot).length > 0);
  return asked.flatMap(({ id, behaviour }) => (behaviour.protect?.peers?.(snapshot) ?? []).filter(({ peers }) => peers.length === 0).map(({ what }) => `[${id}] ${what}: not checked, no peer is known`));
}
