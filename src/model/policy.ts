import type { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import type { KubeObject, ObjectRef } from "./kubernetes.js";
import type { Problem } from "./result.js";
import type { Protocol, TrafficSet } from "./traffic.js";

/** The normal form that every policy dialect is turned into. */

export type Direction = "ingress" | "egress";
export const DIRECTIONS: readonly Direction[] = ["ingress", "egress"];

/** What a rule does with traffic it matches. `Log` goes on to the next rule. */
export type Action = "Accept" | "Deny" | "Pass" | "Log";

/**
 * One layer of policies. Tiers are walked by ascending `order`. In a tier, the policies that select the endpoint are
 * walked by ascending `order` and their rules in list order; the first match decides. `Pass` leaves the tier.
 * When nothing matched, and some policy of the tier *isolates* the endpoint in the direction, `defaultAction` applies;
 * else the next tier is asked. After the last tier traffic is accepted.
 */
export interface Tier {
  readonly name: string;
  readonly order: number;
  readonly defaultAction: "Deny" | "Pass";
}

export const ADMIN_TIER: Tier = { name: "admin", order: 1_000, defaultAction: "Pass" };
export const NETWORK_POLICY_TIER: Tier = { name: "network-policy", order: 1_000_000, defaultAction: "Deny" };
export const BASELINE_TIER: Tier = { name: "baseline", order: 10_000_000, defaultAction: "Pass" };

/**
 * A set of pods: those whose namespace's labels lie in `namespaces` and whose own labels lie in `pods`.
 * "The policy's own namespace" is the box `kubernetes.io/metadata.name In [ns]`: every namespace carries that label.
 */
export interface PodClass {
  readonly namespaces: LabelBox;
  readonly pods: LabelBox;
}

export type Peer =
  | ({ readonly kind: "pods" } & PodClass)
  /** ipBlock or `networks`. Whether it matches pod addresses is the profile's `cidrSelectsPods` (S12). */
  | { readonly kind: "addresses"; readonly addresses: IpSet }
  /** Nodes by label, matched by their addresses (A5). */
  | { readonly kind: "nodes"; readonly labels: LabelBox }
  /** What has no fixed set of addresses: domain names above all. Matches no pod and no known address. */
  | { readonly kind: "symbolic"; readonly name: string };

/** A port by name: resolves on the *destination* pod; `protocol` absent = the protocol the pod's port has (A6, S10). */
export interface NamedPort {
  readonly name: string;
  readonly protocol?: Protocol;
}

export interface TrafficMatch {
  readonly ports: TrafficSet;
  readonly named: readonly NamedPort[];
}

export interface PolicyRule {
  readonly action: Action;
  /** "everyone": every pod, node and address (S5). */
  readonly peers: readonly Peer[] | "everyone";
  readonly traffic: TrafficMatch;
  /** Path of the rule in its object, such as `spec.egress[0]`. */
  readonly path: string;
  readonly name?: string;
  /** Set when more than addresses and ports decides (L7): what is allowed here may still be filtered. */
  readonly conditional?: string;
}

export interface Policy {
  readonly ref: ObjectRef;
  readonly tier: Tier;
  /** Position within the tier, lower first. Policies of equal order are walked by name; see `ambiguous` verdicts for opposite actions (A3, C1). */
  readonly order: number;
  readonly subject: PodClass;
  readonly isolates: Readonly<Record<Direction, boolean>>;
  readonly rules: Readonly<Record<Direction, readonly PolicyRule[]>>;
  /** What could not be read. The part with the problem fails closed: it accepts nothing, and denies what it could deny. */
  readonly problems: readonly Problem[];
  readonly object: KubeObject;
}
