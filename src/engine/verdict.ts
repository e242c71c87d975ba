import type { Endpoint } from "../model/endpoint.js";
import type { Policy, PolicyRule } from "../model/policy.js";

/** What the cluster's network plug-in does where the specification leaves it open. */
export interface EngineProfile {
  /** Does an ipBlock match pod addresses (S12, U1)? */
  readonly cidrSelectsPods: boolean;
}

/** One connection attempt. */
export interface Connection {
  readonly src: Endpoint;
  readonly dst: Endpoint;
  /** A traffic point (model/traffic): protocol and destination port. */
  readonly traffic: number;
  /** A pod that reaches itself through a Service: NetworkPolicy cannot block that (S14), ClusterNetworkPolicy can (C6). */
  readonly hairpin?: boolean;
}

/** Why one end of a connection accepts or denies. */
export type EndReason =
  /** The end is no pod that policies select: an address, a hostNetwork or a finished pod. */
  | "not-a-subject"
  /** A pod to itself cannot be blocked (S14). */
  | "self"
  /** Traffic from the pod's own node is always allowed (S13). */
  | "local-node"
  /** A rule decided. */
  | "rule"
  /** A policy isolates the pod and no rule of its tier accepts. */
  | "isolated"
  /** No tier decided. */
  | "default";

/** The verdict of one end, with what decided it. */
export interface EndVerdict {
  readonly allowed: boolean;
  readonly reason: EndReason;
  /** The deciding rule and its policy, for reason `rule`. */
  readonly decidedBy?: { readonly policy: Policy; readonly rule: PolicyRule };
  /** For reason `isolated`: every policy that isolates this end in this direction. */
  readonly isolatedBy: readonly Policy[];
  /** Policies of equal tier and order disagree: the specification leaves the outcome open; `allowed` is the worst case, deny (A3, C1). */
  readonly ambiguous: boolean;
  /** Allowed at this layer, but filtered further (L7). */
  readonly conditional?: string;
}

/** Egress at the source *and* ingress at the destination (S3). */
export interface Verdict {
  readonly allowed: boolean;
  readonly egress: EndVerdict;
  readonly ingress: EndVerdict;
}
