import type { Namespace } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_TRAFFIC } from "../model/traffic.js";
import { IpSet } from "../sets/ip-set.js";
import { LabelBox } from "../sets/label-box.js";
import { isSameNamespace } from "./flow-case.js";
import type { ProofContext } from "./inquiry.js";
import { exclusionRegression } from "./prove.js";
import type { Flow, FlowPeer, PodSpace, Proof } from "./question.js";

/** Who is asked about, besides every address. */
export interface ImpliesScope {
  readonly context: ProofContext;
  /** Existing namespaces; all of both snapshots unless given. */
  readonly namespaces?: readonly string[];
  /** false: leave out namespaces that do not exist yet. */
  readonly future?: boolean;
}

/**
 * Proven iff every connection that `a` allows is allowed by `b`: between pods that run or could be created in the namespaces of the
 * scope and in one that does not exist yet, and with every address; on all traffic. A pod that both snapshots have is compared by
 * name. The connection of a counterexample is one that `a` allows; its verdict is that of `a`. The budget is for each namespace.
 */
export function implies(a: Snapshot, b: Snapshot, scope: ImpliesScope): Proof {
  let steps = 0;
  let isUnproven = false;
  for (const flow of everything(a, b, scope)) {
    const proof = exclusionRegression(b, a, { flow, context: scope.context });
    steps += proof.steps;
    if (proof.answer === "counterexample") return { ...proof, steps };
    isUnproven ||= proof.answer === "not-proven";
  }
  return { answer: isUnproven ? "not-proven" : "proven", steps };
}

/** Proven iff both allow the same connections. `allowedBy` says which of them allows the counterexample's connection. */
export function equivalent(a: Snapshot, b: Snapshot, scope: ImpliesScope): Proof & { readonly allowedBy?: "a" | "b" } {
  const forth = implies(a, b, scope);
  if (forth.answer === "counterexample") return { ...forth, allowedBy: "a" };
  const back = implies(b, a, scope);
  const steps = forth.steps + back.steps;
  if (back.answer === "counterexample") return { ...back, steps, allowedBy: "b" };
  return { answer: forth.answer === "proven" ? back.answer : "not-proven", steps };
}

/** All connections that could differ, by namespace: those of pods whose namespace changed, and those of others with them. */
function* everything(a: Snapshot, b: Snapshot, { namespaces, future }: ImpliesScope): Iterable<Flow> {
  const names = namespaces ?? [...new Set([...a.namespaces.keys(), ...b.namespaces.keys()])];
  const existing = names.map((name) => ({ space: spaceOf(a.namespaces.get(name)?.namespace ?? b.namespace(name)), isChanged: a.nodes !== b.nodes || !isSameNamespace(b, a, { name }) }));
  const nobody = { space: spaceOf({ future: LabelBox.ALL }), isChanged: a.clusterPolicies !== b.clusterPolicies };
  const spaces = future === false ? existing : [...existing, nobody];
  for (const { space, isChanged } of spaces) {
    const others = spaces.filter((other) => isChanged || other.isChanged).map((other): FlowPeer => ({ kind: "space", ...other.space }));
    const addresses: readonly FlowPeer[] = isChanged ? [{ kind: "addresses", addresses: IpSet.ALL }] : [];
    for (const [direction, peers] of [["egress", [...others, ...addresses]], ["ingress", addresses]] as const) {
      if (peers.length > 0) yield { subject: space, direction, anyOf: [{ peers, traffic: ALL_TRAFFIC }] };
    }
  }
}

function spaceOf(namespace: Namespace | { readonly future: LabelBox }): PodSpace {
  return { namespace, pods: LabelBox.ALL, ports: [] };
}
