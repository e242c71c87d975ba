import { isLive, type Endpoint, type Node, type Pod } from "../model/endpoint.js";
import type { Direction, NamedPort, Peer, Policy, PolicyRule, Tier } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { pointOf } from "../model/traffic.js";
import type { Address } from "../sets/ip-set.js";
import { nodesAt } from "./endpoints.js";
import type { Connection, EndReason, EndVerdict, EngineProfile, Verdict } from "./verdict.js";

/**
 * The judge: what happens to one connection, straight from the specification (numbers: facts/network-policy.md).
 *
 * An end that does not say which of its addresses it uses may use either family: the connection is allowed when both ends
 * accept it in one family ("match if any family's address matches for that family's traffic", edge case 25).
 */
export function evaluate(snapshot: Snapshot, connection: Connection, profile: EngineProfile): Verdict {
  const verdicts = familiesOf(snapshot, connection).map((family) => evaluateIn({ snapshot, connection, profile, family }));
  return verdicts.find((verdict) => verdict.allowed) ?? (verdicts[0] as Verdict);
}

/** One end of a connection: egress at the source, ingress at the destination. */
export function evaluateEnd(snapshot: Snapshot, connection: Connection, options: EngineProfile & { readonly direction: Direction }): EndVerdict {
  const ends = familiesOf(snapshot, connection).map((family) => endVerdict({ snapshot, connection, profile: options, family }, options.direction));
  return ends.find((end) => end.allowed) ?? (ends[0] as EndVerdict);
}

/** "none": the ends have no family in common, or neither has an address: then no block of addresses matches a pod. */
type Family = "v4" | "v6" | "none";

/** One connection in one address family, and what it is judged by. */
interface Trial {
  readonly snapshot: Snapshot;
  readonly connection: Connection;
  readonly profile: EngineProfile;
  readonly family: Family;
}

/** "Allowed = egressOK(src) AND ingressOK(dst)" (S3); "both sides must end in allow" (A1). */
function evaluateIn(trial: Trial): Verdict {
  const egress = endVerdict(trial, "egress");
  const ingress = endVerdict(trial, "ingress");
  return { allowed: egress.allowed && ingress.allowed, egress, ingress };
}

function endVerdict(trial: Trial, direction: Direction): EndVerdict {
  const { snapshot, connection } = trial;
  const [subject, other] = direction === "egress" ? [connection.src, connection.dst] : [connection.dst, connection.src];
  // "hostNetwork pods: never subject" (S15, A4, C7); "finished pods are not endpoints" (S16).
  if (subject.kind !== "pod" || !isLive(subject.pod)) return accept("not-a-subject");
  const policies = policiesSelecting(snapshot, subject.pod);
  if (isSamePod(subject, other)) {
    // "Self traffic cannot be blocked" (S14); "pod to own pod IP NOT subject to CNP; pod -> Service -> itself IS subject" (C6).
    if (!connection.hairpin) return accept("self");
    return walkTiers(trial, direction, policies.filter((policy) => policy.ref.kind === "ClusterNetworkPolicy"));
  }
  // "Traffic from the pod's own node is always allowed" (S13). The other way is not: upstream cases deny a pod its own node.
  if (direction === "ingress" && isOwnNode(trial, subject.pod, other)) return accept("local-node");
  return walkTiers(trial, direction, policies);
}

/** "An NP never affects other namespaces as subject" (S18); cluster-scoped policies select in all. */
function policiesSelecting(snapshot: Snapshot, pod: Pod): readonly Policy[] {
  const own = snapshot.namespaces.get(pod.namespace)?.policies.values() ?? [];
  return [...own, ...snapshot.clusterPolicies.values()].filter(({ subject }) => holds(snapshot, subject, pod)).sort(inOrder);
}

/** Tiers by order; "in a tier policies by order, ties by name/namespace/kind" (A1, K2). */
function inOrder(a: Policy, b: Policy): number {
  return a.tier.order - b.tier.order || compareText(a.tier.name, b.tier.name) || a.order - b.order || compareText(tieName(a), tieName(b));
}

function tieName({ ref }: Policy): string {
  return `${ref.name}/${ref.namespace ?? ""}/${ref.kind}`;
}

function compareText(a: string, b: string): number {
  return a < b ? -1 : a > b ? 1 : 0;
}

/** `policies` select the subject and are in order. */
function walkTiers(trial: Trial, direction: Direction, policies: readonly Policy[]): EndVerdict {
  const [first] = policies;
  // "Else allow" (A1): no tier is left, nothing has decided.
  if (!first) return accept("default");
  const inTier = policies.filter(({ tier }) => isSameTier(tier, first.tier));
  const nextTier = () => walkTiers(trial, direction, policies.slice(inTier.length));
  const decided = walkPolicies({ trial, direction, nextTier }, inTier);
  if (decided) return decided;
  // "A pod is isolated for direction X iff some NP selects it and lists X. Not isolated: all allowed" (S2), here: asked of the next tier.
  const isolatedBy = inTier.filter((policy) => policy.isolates[direction]);
  if (isolatedBy.length === 0 || first.tier.defaultAction === "Pass") return nextTier();
  return { allowed: false, reason: "isolated", isolatedBy, ambiguous: false };
}

function isSameTier(a: Tier, b: Tier): boolean {
  return a.name === b.name && a.order === b.order;
}

interface Walk {
  readonly trial: Trial;
  readonly direction: Direction;
  readonly nextTier: () => EndVerdict;
}

/** The first order at which some policy decides; undefined when no rule of the tier matches. */
function walkPolicies(walk: Walk, policies: readonly Policy[]): EndVerdict | undefined {
  const [first] = policies;
  if (!first) return undefined;
  const equals = policies.filter(({ order }) => order === first.order);
  const outcomes = equals.flatMap((policy) => outcomeOf(walk, policy) ?? []);
  return outcomes.length > 0 ? worst(outcomes) : walkPolicies(walk, policies.slice(equals.length));
}

/** "Same priority: undefined; evaluate both orders, flag" (A3), "implementation may apply any" (C1): where they differ, the worst case is deny. */
function worst(outcomes: readonly EndVerdict[]): EndVerdict {
  const denied = outcomes.find((outcome) => !outcome.allowed);
  const verdict = denied ?? (outcomes[0] as EndVerdict);
  const differ = denied !== undefined && outcomes.some((outcome) => outcome.allowed);
  return differ ? { ...verdict, ambiguous: true } : verdict;
}

/** "Rules in list order; first rule whose peers AND ports match decides" (A1); undefined when none does. */
function outcomeOf({ trial, direction, nextTier }: Walk, policy: Policy): EndVerdict | undefined {
  for (const rule of policy.rules[direction]) {
    // "Log: continue with next rule" (K2).
    if (rule.action === "Log" || !matches(trial, direction, rule)) continue;
    // "Pass skips the rest of the tier" (A2, C2, K2).
    if (rule.action === "Pass") return nextTier();
    return {
      allowed: rule.action === "Accept",
      reason: "rule",
      decidedBy: { policy, rule },
      isolatedBy: [],
      ambiguous: false,
      ...(rule.conditional === undefined ? {} : { conditional: rule.conditional }),
    };
  }
  return undefined;
}

function accept(reason: EndReason): EndVerdict {
  return { allowed: true, reason, isolatedBy: [], ambiguous: false };
}

function matches(trial: Trial, direction: Direction, rule: PolicyRule): boolean {
  const { src, dst, traffic } = trial.connection;
  const other = direction === "egress" ? dst : src;
  const numbered = rule.traffic.ports.contains(traffic);
  const named = opensByName(rule, trial.connection);
  // "from or to missing: ALL peers (pods, nodes, external, any IP)" (S5).
  if (rule.peers === "everyone") return numbered || named;
  return rule.peers.some((peer) => {
    // "Named port towards an ipBlock peer matches nothing" (S10); nodes and networks have no named ports either (C3).
    const applies = numbered || (named && (direction === "ingress" || peer.kind === "pods"));
    return applies && isPeer(trial, peer, other);
  });
}

/** Is the port of the connection one that the rule names, as the destination declares it? */
export function opensByName(rule: PolicyRule, connection: Connection): boolean {
  return rule.traffic.named.some((port) => resolves(port, connection));
}

/** "Named port = containerPort.name of the DESTINATION pod with the same protocol; absent name matches nothing on that pod" (S10, A6). */
function resolves(port: NamedPort, { dst, traffic }: Connection): boolean {
  const point = pointOf(traffic);
  if (!point || dst.kind !== "pod" || !isLive(dst.pod)) return false;
  if (port.protocol !== undefined && port.protocol !== point.protocol) return false;
  return dst.pod.ports.some(({ name, port: number, protocol }) => name === port.name && number === point.port && protocol === point.protocol);
}

function isPeer(trial: Trial, peer: Peer, other: Endpoint): boolean {
  switch (peer.kind) {
    case "pods":
      // "hostNetwork pods: never pod-peer" (S15, A4, C7).
      return other.kind === "pod" && isLive(other.pod) && holds(trial.snapshot, peer, other.pod);
    case "addresses":
      // "Whether ipBlock matches POD IPs: not specified; profile switch" (S12). A hostNetwork pod has its node's address.
      if (other.kind === "pod" && isLive(other.pod) && !trial.profile.cidrSelectsPods) return false;
      return addressesOf(trial, other).some((address) => peer.addresses.contains(address));
    case "nodes":
      // "matches node IPs in status.addresses" (A5).
      return nodesOf(trial, other).some((node) => peer.labels.matches(node.labels));
    case "symbolic":
      return false;
  }
}

/** "namespaceSelector matches Namespace LABELS" (S8); both selectors of one item: AND (S6). */
function holds(snapshot: Snapshot, { namespaces, pods }: Policy["subject"], pod: Pod): boolean {
  return namespaces.matches(snapshot.namespace(pod.namespace).labels) && pods.matches(pod.labels);
}

function isSamePod(a: Endpoint, b: Endpoint): boolean {
  return a.kind === "pod" && b.kind === "pod" && a.pod.namespace === b.pod.namespace && a.pod.name === b.pod.name;
}

function isOwnNode(trial: Trial, pod: Pod, other: Endpoint): boolean {
  if (pod.nodeName === undefined) return false;
  const neighbour = other.kind === "pod" && other.pod.hostNetwork && other.pod.nodeName === pod.nodeName;
  return neighbour || nodesOf(trial, other).some((node) => node.name === pod.nodeName);
}

/** The node an end stands for: by address, or where a hostNetwork pod runs. A pod with an address of its own is no node. */
function nodesOf(trial: Trial, end: Endpoint): readonly Node[] {
  if (end.kind === "pod" && (isLive(end.pod) || end.pod.finished)) return [];
  const runsOn = end.kind === "pod" ? trial.snapshot.nodes.get(end.pod.nodeName ?? "") : undefined;
  return [...(runsOn ? [runsOn] : []), ...addressesOf(trial, end).flatMap((address) => nodesAt(trial.snapshot, address))];
}

/** The addresses an end has in the trial's family. "A finished pod with its IP reused: ignored" (edge case 29). */
function addressesOf({ snapshot, family }: Trial, end: Endpoint): readonly Address[] {
  return knownAddresses(snapshot, end).filter((address) => familyOf(address) === family);
}

function knownAddresses(snapshot: Snapshot, end: Endpoint): readonly Address[] {
  if (end.address !== undefined) return [end.address];
  if (end.kind === "address" || end.pod.finished) return [];
  if (end.pod.addresses.length > 0 || !end.pod.hostNetwork) return end.pod.addresses;
  // A hostNetwork pod that has not reported its address yet has its node's: "represent by node IP" (S15).
  return snapshot.nodes.get(end.pod.nodeName ?? "")?.addresses ?? [];
}

/** The families to try: that of the address an end names; else those both pods have. A pod without any address yet may use each. */
function familiesOf(snapshot: Snapshot, { src, dst }: Connection): readonly Family[] {
  const named = new Set([src, dst].flatMap(({ address }) => (address === undefined ? [] : [familyOf(address)])));
  if (named.size > 0) return named.size === 1 ? [...named] : ["none"];
  const known = [src, dst].map((end) => new Set(knownAddresses(snapshot, end).map(familyOf))).filter((families) => families.size > 0);
  const common = (["v4", "v6"] as const).filter((family) => known.length > 0 && known.every((families) => families.has(family)));
  return common.length > 0 ? common : ["none"];
}

function familyOf(address: Address): Family {
  return typeof address === "bigint" ? "v6" : "v4";
}
