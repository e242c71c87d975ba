import { isolated, isolationRegression } from "../engine/prove-isolation.js";
import { describeCounterexample } from "../engine/describe.js";
import type { PodSpace, Proof } from "../engine/question.js";
import { isLive } from "../model/endpoint.js";
import { ok } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { LabelBox } from "../sets/label-box.js";
import type { Check, CompileScope, Outcome, Protection, Scope } from "./rule.js";
import { scopesOfSubject } from "./flow-selector.js";
import { NAMESPACE_SCHEMA, type NamespaceSelector } from "./namespace-selector.js";

const DIRECTIONS = ["ingress", "egress"] as const;

/**
 * Every pod that a namespace could have is isolated in both directions: some policy selects it and lists the direction
 * (S2). Judged by meaning: any set of policies will do, whatever their names.
 */
export const requireDefaultDeny = {
  id: "require-default-deny",
  schema: { type: "object", additionalProperties: false, required: ["namespaces"], properties: { namespaces: { oneOf: [{ type: "string" }, NAMESPACE_SCHEMA] } } },
  compile(spec, scope, path) {
    const namespaces = scope.namespaces(spec.namespaces, `${path}.namespaces`);
    return namespaces.ok ? ok({ protect: protection(namespaces.value, scope) }) : namespaces;
  },
} satisfies Check;

function protection(namespaces: NamespaceSelector, { engine, budget }: CompileScope): Protection {
  const context = { profile: engine, budget };
  const standing = (snapshot: Snapshot, scope: Scope): readonly Outcome[] => {
    if (!("future" in scope) && !namespaces.includes(scope)) return [];
    const space = everyPod(scope);
    return [outcome(isolated(snapshot, { space, directions: DIRECTIONS, context }), snapshot, space)];
  };
  return {
    scopes: (change) => scopesOfSubject(change, namespaces, () => false),
    allScopes: (snapshot) => [...snapshot.namespaces.values()].map((state) => state.namespace).filter((namespace) => namespaces.includes(namespace)),
    standing,
    regression: ({ before, after }, scope) => {
      const space = everyPod(scope);
      return [outcome(isolationRegression(before, after, { space, directions: DIRECTIONS, context }), after, space)];
    },
    // The baseline is the namespace's: a pod is judged by what every pod of its namespace could do.
    forPod: (snapshot, pod) => standing(snapshot, snapshot.namespace(pod.namespace)),
  };
}

function everyPod(namespace: Scope): PodSpace {
  return { namespace, pods: LabelBox.ALL, ports: [] };
}

function outcome(proof: Proof, snapshot: Snapshot, space: PodSpace): Outcome {
  if (proof.answer === "proven") return { outcome: "holds" };
  const name = "future" in space.namespace ? "a future namespace" : `namespace \`${space.namespace.name}\``;
  if (proof.answer === "not-proven") return { outcome: "unproven", message: `default deny of ${name} could not be proven within the step budget` };
  const { counterexample } = proof;
  const pods = "future" in space.namespace ? [] : [...(snapshot.namespaces.get(space.namespace.name)?.pods.values() ?? [])].filter(isLive);
  return {
    outcome: "broken",
    finding: {
      message: `${name} has no default deny for ${counterexample.direction ?? "every direction"}`,
      counterexample: describeCounterexample(counterexample),
      policies: [],
      runningPods: pods.length,
    },
  };
}
