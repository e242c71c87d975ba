import { isolated, isolationRegression } from "../proof/prove-isolation.js";
import { describeCounterexample } from "../proof/describe.js";
import type { Counterexample, PodSpace, Proof } from "../proof/question.js";
import { isLive, type Namespace, type Pod } from "../model/endpoint.js";
import { nameKey } from "../model/kubernetes.js";
import { ok } from "../model/result.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import type { EngineProfile } from "../engine/verdict.js";
import type { Direction, Policy } from "../model/policy.js";
import { LabelBox } from "../sets/label-box.js";
import { grantingRules, grantsEverything } from "./policy-selector.js";
import type { Check, CompileScope, Finding, Outcome, Protection, Scope } from "./rule.js";
import { scopesOfSubject } from "./flow-selector.js";
import { NAMESPACE_SCHEMA, namespacesIn, type NamespaceSelector } from "./namespace-selector.js";
import { Memory } from "../model/memory.js";

const DIRECTIONS = ["ingress", "egress"] as const;

/**
 * Every pod that a namespace could have is isolated in both directions: some policy selects it and lists the direction
 * (S2). Judged by meaning: any set of policies will do, whatever their names.
 */
export const requireDefaultDeny = {
  id: "require-default-deny",
  description: "every pod that the namespaces could have is isolated in both directions, by any set of policies",
  schema: { type: "object", additionalProperties: false, required: ["namespaces"], properties: { namespaces: { oneOf: [{ type: "string" }, NAMESPACE_SCHEMA], description: "a set of `spec.namespaces` (`pack/name`: of another pack), or one written here", examples: ["guarded"] }, allowAllCounts: { type: "boolean", description: "does a policy that grants everything to everyone isolate (by letter only)? default true" } } },
  compile(spec, scope, path) {
    const namespaces = scope.namespaces(spec.namespaces, `${path}.namespaces`);
    if (!namespaces.ok) return namespaces;
    const byMeaning = spec.allowAllCounts === false;
    return ok({ protect: protection(namespaces.value, { ...scope, byMeaning }) });
  },
} satisfies Check;

function protection(namespaces: NamespaceSelector, { engine, budget, byMeaning }: CompileScope & { readonly byMeaning: boolean }): Protection {
  const context = { profile: engine, budget };
  const proven = new Memory<NamespaceState["policies"], Namespace>();
  const prove = (snapshot: Snapshot, scope: Scope): readonly Proof[] => DIRECTIONS.map((direction) => isolated(snapshot, { space: everyPod(scope), directions: [direction], context }));
  /** NetworkPolicies isolate whatever runs: a proof rests on them and the namespace alone. Others may decide about the ports of what runs. */
  const isProven = (snapshot: Snapshot, scope: Scope): boolean => {
    const state = "future" in scope ? undefined : snapshot.namespaces.get(scope.name);
    if (!state || snapshot.clusterPolicies.size > 0) return false;
    if (proven.get(state.policies) === state.namespace) return true;
    const isHeld = selectsAll(state) || prove(snapshot, scope).every(({ answer }) => answer === "proven");
    if (isHeld) proven.set(state.policies, state.namespace);
    return isHeld;
  };
  const openly = (snapshot: Snapshot, scope: Scope): readonly Outcome[] => (byMeaning ? openPolicies(snapshot, scope, engine).map((open) => openOutcome(open, snapshot)) : []);
  const standing = (snapshot: Snapshot, scope: Scope): readonly Outcome[] => {
    if (!("future" in scope) && !namespaces.includes(scope)) return [];
    return [isProven(snapshot, scope) ? HOLDS : outcomeOf(prove(snapshot, scope), snapshot, everyPod(scope)), ...openly(snapshot, scope)];
  };
  return {
    scopes: (change) => scopesOfSubject(change, namespaces, () => false),
    allScopes: (snapshot) => namespacesIn(snapshot, namespaces).map((state) => state.namespace),
    standing,
    regression: ({ before, after }, scope) => {
      if (!byMeaning && isProven(before, scope) && isProven(after, scope)) return [HOLDS];
      const space = everyPod(scope);
      const known = new Set(openPolicies(before, scope, engine).map(({ policy }) => policy));
      const opened = byMeaning ? openPolicies(after, scope, engine).filter(({ policy }) => !known.has(policy)) : [];
      const proofs = DIRECTIONS.map((direction) => isolationRegression(before, after, { space, directions: [direction], context }));
      const isTouched = proofs.some(({ steps }) => steps > 0);
      return [outcomeOf(proofs, after, space), ...opened.map((open) => openOutcome(open, after)), ...(isTouched ? standing(after, scope).flatMap(brokenBefore) : [])];
    },
    // The baseline is the namespace's: a pod is judged by what every pod of its namespace could do.
    forPod: (snapshot, pod) => standing(snapshot, snapshot.namespace(pod.namespace)),
  };
}

/** "Isolated when some policy selects it and lists the direction" (S2): policies with an empty selector select every pod there could be. */
function selectsAll({ policies, namespace }: NamespaceState): boolean {
  const whole = [...policies.values()].filter(({ tier, subject }) => tier.defaultAction === "Deny" && subject.pods.isAll && subject.namespaces.matches(namespace.labels));
  return DIRECTIONS.every((direction) => whole.some(({ isolates }) => isolates[direction]));
}

const HOLDS: Outcome = { outcome: "holds" };

function brokenBefore(outcome: Outcome): readonly Outcome[] {
  return outcome.outcome === "broken" ? [{ ...outcome, outcome: "broken-before" }] : [];
}

interface OpenPolicy {
  readonly policy: Policy;
  readonly direction: Direction;
}

/** Policies of a namespace whose subject "isolated" fits by letter only: they grant everything to everyone. */
function openPolicies(snapshot: Snapshot, scope: Scope, engine: EngineProfile): OpenPolicy[] {
  const policies = "future" in scope ? [] : [...(snapshot.namespaces.get(scope.name)?.policies.values() ?? [])];
  return policies.flatMap((policy) =>
    DIRECTIONS.filter((direction) => !policy.subject.pods.isEmpty && grantingRules(policy, direction).some((rule) => grantsEverything(rule, engine))).map((direction) => ({ policy, direction })),
  );
}

function openOutcome({ policy, direction }: OpenPolicy, snapshot: Snapshot): Outcome {
  const pods = [...(snapshot.namespaces.get(policy.ref.namespace ?? "")?.pods.values() ?? [])].filter((pod) => isLive(pod) && policy.subject.pods.matches(pod.labels));
  return {
    outcome: "broken",
    finding: { message: `\`${nameKey(policy.ref)}\` grants all ${direction} traffic to everyone, which is no default deny`, policies: [nameKey(policy.ref)], affected: pods },
  };
}

function everyPod(namespace: Scope): PodSpace {
  return { namespace, pods: LabelBox.ALL, ports: [] };
}

/** The proofs of all directions as one answer. */
function outcomeOf(proofs: readonly Proof[], snapshot: Snapshot, space: PodSpace): Outcome {
  const name = "future" in space.namespace ? "a future namespace" : `namespace \`${space.namespace.name}\``;
  const open = proofs.flatMap((proof) => (proof.answer === "counterexample" ? [proof.counterexample] : []));
  const [first] = open;
  if (first) return { outcome: "broken", finding: finding(first, open, { name, pods: escaping(snapshot, space, open) }) };
  if (proofs.every(({ answer }) => answer === "proven")) return { outcome: "holds" };
  return { outcome: "unproven", message: `default deny of ${name} could not be proven within the step budget` };
}

/** The running pods that no NetworkPolicy isolates in one of the open directions. */
function escaping(snapshot: Snapshot, { namespace }: PodSpace, open: readonly Counterexample[]): readonly Pod[] {
  const state = "future" in namespace ? undefined : snapshot.namespaces.get(namespace.name);
  const policies = [...(state?.policies.values() ?? [])];
  const escapes = (pod: Pod): boolean => open.some(({ direction }) => direction && !policies.some((policy) => policy.isolates[direction] && policy.subject.pods.matches(pod.labels)));
  return [...(state?.pods.values() ?? [])].filter((pod) => isLive(pod) && escapes(pod));
}

function finding(first: Counterexample, open: readonly Counterexample[], { name, pods }: { readonly name: string; readonly pods: readonly Pod[] }): Finding {
  return {
    message: `${name} has no default deny for ${open.map(({ direction }) => direction).join(" and ")}`,
    counterexample: describeCounterexample(first),
    policies: [],
    affected: pods,
  };
}
