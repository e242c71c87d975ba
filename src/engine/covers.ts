import { Memory } from "../model/memory.js";
import type { NamedPort, Peer, PodClass, PolicyRule, TrafficMatch } from "../model/policy.js";
import type { LabelBox } from "../sets/label-box.js";
import { ANYTHING, includes } from "../sets/value-set.js";

/** True iff every label map of `inner` lies in `outer`. Exact: boxes are compared key by key. */
export function boxCovers(outer: LabelBox, inner: LabelBox): boolean {
  if (inner.isEmpty) return true;
  if (outer.isEmpty) return false;
  for (const [key, values] of outer.constraints) if (!includes(values, inner.constraints.get(key) ?? ANYTHING)) return false;
  return true;
}

/** True iff every pod of `inner`, running or not, is one of `outer`. */
export function classCovers(outer: PodClass, inner: PodClass): boolean {
  if (inner.namespaces.isEmpty || inner.pods.isEmpty) return true;
  return boxCovers(outer.namespaces, inner.namespaces) && boxCovers(outer.pods, inner.pods);
}

/** Comparisons that an answer is still worth. One object can hold tens of thousands of rules, or of peers in each. */
export class Patience {
  private left: number;

  constructor(comparisons = Number.POSITIVE_INFINITY) {
    this.left = comparisons;
  }

  get isOver(): boolean {
    return this.left < 0;
  }

  /** Is it worth one more, of this weight? */
  allows(weight: number): boolean {
    this.left -= weight;
    return this.left >= 0;
  }
}

const UNLIMITED = new Patience();
/** So few are compared at once; among more, those that say the same are found by their text first. */
const FEW = 8;

/**
 * True only if `outer` matches all that `inner` matches. Sufficient, not necessary: each peer must lie within one peer, port names are
 * compared as names, and nobody waits for ever.
 */
export function ruleCovers(outer: PolicyRule, inner: PolicyRule, patience = UNLIMITED): boolean {
  const weight = 1 + outer.traffic.named.length + outer.traffic.ports.ranges.length;
  return patience.allows(weight) && trafficCovers(outer.traffic, inner.traffic) && peersCover(outer, inner, patience);
}

/** Tells whether a rule lies within one of these, as `ruleCovers` does. */
export function coveredBy(rules: readonly PolicyRule[], patience: Patience): (rule: PolicyRule) => boolean {
  const texts = rules.length > FEW ? new Set(rules.map(textOfRule)) : undefined;
  return (rule) => texts?.has(textOfRule(rule)) === true || (!patience.isOver && rules.some((other) => ruleCovers(other, rule, patience)));
}

function trafficCovers(outer: TrafficMatch, inner: TrafficMatch): boolean {
  if (inner.named.length > 0) {
    const names = new Set(outer.named.map(textOfPort));
    if (!inner.named.every((port) => names.has(textOfPort(port)) || names.has(textOfPort({ name: port.name })))) return false;
  }
  return outer.ports.covers(inner.ports);
}

function peersCover(outer: PolicyRule, inner: PolicyRule, patience: Patience): boolean {
  if (outer.peers === "everyone") return true;
  if (inner.peers === "everyone") return false;
  const { peers } = outer;
  const texts = peers.length > FEW ? textsOfPeers(outer) : undefined;
  return inner.peers.every((peer) => texts?.has(textOfPeer(peer)) === true || peers.some((other) => patience.allows(weightOf(peer)) && peerCovers(other, peer)));
}

function weightOf(peer: Peer): number {
  if (peer.kind === "addresses") return 1 + peer.addresses.v4.ranges.length + peer.addresses.v6.ranges.length;
  return peer.kind === "pods" ? 1 + peer.pods.constraints.size + peer.namespaces.constraints.size : 1;
}

const texts = new Memory<PolicyRule, ReadonlySet<string>>();

function textsOfPeers(rule: PolicyRule): ReadonlySet<string> {
  let known = texts.get(rule);
  if (!known) texts.set(rule, (known = new Set(rule.peers === "everyone" ? [] : rule.peers.map(textOfPeer))));
  return known;
}

function textOfPeer(peer: Peer): string {
  switch (peer.kind) {
    case "pods":
      return `pods ${peer.namespaces.key} ${peer.pods.key}`;
    case "addresses":
      return `addresses ${peer.addresses.v4.ranges.join(";")} ${peer.addresses.v6.ranges.join(";")}`;
    case "nodes":
      return `nodes ${peer.labels.key}`;
    case "symbolic":
      return `symbolic ${peer.name}`;
  }
}

function textOfPort({ name, protocol }: NamedPort): string {
  return `${name}/${protocol ?? ""}`;
}

function textOfRule(rule: PolicyRule): string {
  const peers = rule.peers === "everyone" ? rule.peers : [...textsOfPeers(rule)].join("|");
  return `${textOfTraffic(rule.traffic)} ${peers}`;
}

/** Equal texts, equal traffic. */
export function textOfTraffic({ ports, named }: TrafficMatch): string {
  return `${ports.ranges.join(";")} ${named.map(textOfPort).join(";")}`;
}

function peerCovers(outer: Peer, inner: Peer): boolean {
  if (outer.kind === "pods" && inner.kind === "pods") return classCovers(outer, inner);
  if (outer.kind === "addresses" && inner.kind === "addresses") return outer.addresses.covers(inner.addresses);
  if (outer.kind === "nodes" && inner.kind === "nodes") return boxCovers(outer.labels, inner.labels);
  return outer.kind === "symbolic" && inner.kind === "symbolic" && outer.name === inner.name;
}
