import type { ContainerPort, Endpoint, Namespace, Pod } from "../model/endpoint.js";
import type { Direction, Policy } from "../model/policy.js";
import type { TrafficSet } from "../model/traffic.js";
import type { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import type { Verdict } from "../engine/verdict.js";

/**
 * Every pod that a namespace could have and whose labels lie in `pods`: pods that run and pods nobody has created yet.
 * A future namespace is symbolic too: any label map in `labels`, with its forced `kubernetes.io/metadata.name` a name
 * that no namespace of the snapshot has.
 */
export interface PodSpace {
  readonly namespace: Namespace | { readonly future: LabelBox };
  readonly pods: LabelBox;
  /** Ports a pod that does not exist yet is taken to declare: what named ports resolve to on it. */
  readonly ports: readonly ContainerPort[];
}

/** The other end of a flow. Every member must be reachable for the target to hold. */
export type FlowPeer =
  | { readonly kind: "pod"; readonly pod: Pod }
  /** All of these addresses. */
  | { readonly kind: "addresses"; readonly addresses: IpSet }
  /** Every pod of a space, running or not. */
  | ({ readonly kind: "space" } & PodSpace);

/**
 * Traffic of a flow, by destination port. A function gives it for each destination pod: the ports that this very pod
 * serves (a Service's targetPort by name, "the app's ports"); it is asked with hypothetical destinations too, whose
 * `ports` are what their PodSpace declares. Destinations that are addresses need a plain set.
 */
export type FlowTraffic = TrafficSet | ((destination: Pod) => TrafficSet);

/** One alternative of a flow: all peers on all of the traffic. */
export interface FlowTarget {
  readonly peers: readonly FlowPeer[];
  readonly traffic: FlowTraffic;
  /** true: some address of an address range is enough (the flow says `some`). */
  readonly some?: boolean;
}

/** "Every pod of `subject` may send to (`egress`) or receive from (`ingress`) one of the targets in full", at both ends. */
export interface Flow {
  readonly subject: PodSpace;
  /** `egress`: the subject is the source; `ingress`: the subject is the destination. */
  readonly direction: Direction;
  readonly anyOf: readonly FlowTarget[];
  /** Only pods of the subject that run are asked about, not those that could be created. */
  readonly runningOnly?: boolean;
}

/** A concrete connection that shows the answer is no; inserted into the snapshot and confirmed by `evaluate` before anyone sees it. */
export interface Counterexample {
  /** The pod of the subject: running, a workload's template, or hypothetical with as few labels as possible. */
  readonly subject: Pod;
  readonly subjectNamespace: Namespace;
  /** The namespace of the connection's other end, when that end is a pod in a namespace that does not exist yet. */
  readonly peerNamespace?: Namespace;
  /** For flows: the connection that is denied (first failing one of the first alternative) and why. */
  readonly connection?: { readonly src: Endpoint; readonly dst: Endpoint; readonly traffic: number; readonly verdict: Verdict };
  /** For isolation: the direction in which the pod is not isolated. */
  readonly direction?: Direction;
}

/** The answer to a question over pods that may not exist yet. */
export type Proof =
  | { readonly answer: "proven"; readonly steps: number }
  | { readonly answer: "counterexample"; readonly counterexample: Counterexample; readonly steps: number }
  /** The step budget ended first. */
  | { readonly answer: "not-proven"; readonly steps: number };

/** Bound on the work of one question, in solver steps (not in time: the same input gives the same answer everywhere). */
export interface Budget {
  readonly steps: number;
}

/** Policies that decide a denial, for messages. */
export function blamed(verdict: Verdict): readonly Policy[] {
  const ends = [verdict.egress, verdict.ingress].filter((end) => !end.allowed);
  return ends.flatMap((end) => (end.decidedBy ? [end.decidedBy.policy] : end.isolatedBy));
}
