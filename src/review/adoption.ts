import type { KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { ruleId, type Violation } from "../model/violation.js";
import { parseException } from "../packs/exception.js";

/** Who answers, why and until when. */
export interface Adopting {
  readonly owner: string;
  readonly reason: string;
  /** RFC 3339. */
  readonly expires: string;
}

/**
 * A PolicyException for each namespace that runs pods and breaks rules that refuse, with exactly these rules: until it ends, they
 * only warn there, so that nothing that runs is stopped at its next restart. Fails when such exceptions would not be granted.
 */
export function adoptions(violations: readonly Violation[], snapshot: Snapshot, adopting: Adopting): Result<readonly KubeObject[]> {
  const rules = new Map<string, Set<string>>();
  for (const violation of violations) {
    const namespace = violation.object.kind === "Namespace" ? violation.object.name : violation.object.namespace;
    if (violation.action !== "deny" || namespace === undefined || !snapshot.runsPods(namespace)) continue;
    rules.set(namespace, (rules.get(namespace) ?? new Set()).add(ruleId(violation)));
  }
  const exceptions = [...rules].sort(([a], [b]) => (a < b ? -1 : 1)).map(([namespace, broken]) => exceptionFor(namespace, [...broken].sort(), adopting));
  const [first] = exceptions;
  const problems = first ? parseException(first).problems : [];
  return problems.length > 0 ? failed(...problems) : ok(exceptions);
}

function exceptionFor(namespace: string, rules: readonly string[], { owner, reason, expires }: Adopting): KubeObject {
  return { apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: `adopted-${namespace}` }, spec: { owner, reason, expires, rules, namespaces: [namespace] } };
}
