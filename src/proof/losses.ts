import { differingKeys } from "../model/layered-map.js";
import { DIRECTIONS, type Direction, type Peer, type Policy, type PolicyRule } from "../model/policy.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import type { LabelBox } from "../sets/label-box.js";
import { classCovers, coveredBy, Patience } from "../engine/covers.js";
import { isFuture } from "./inquiry.js";
import type { Flow, FlowPeer, FlowTraffic } from "./question.js";

/** Pods, and what they may no longer do: the traffic of one rule, or everything. */
interface Loss {
  readonly pods: LabelBox;
  readonly rule: PolicyRule | "everything";
}

/** What a change of policies may take from the pods of one namespace. What is not among it, no connection loses. */
export interface Losses extends Readonly<Record<Direction, readonly Loss[]>> {
  readonly namespace: string;
  readonly snapshot: Snapshot;
}

/**
 * In a tier of rules that only accept, and that denies by default, a connection is lost only where a rule goes or an isolation comes:
 * "union over rules of all selecting policies; order irrelevant; no deny" (S3), "isolated when some policy selects it and lists the
 * direction" (S2). Undefined when anything else than such policies of this one namespace differs between the two snapshots.
 */
export function lossesOf(before: Snapshot, after: Snapshot, namespace: string): Losses | undefined {
  const [was, is] = [before.namespaces.get(namespace), after.namespaces.get(namespace)];
  if (!was || !is || was.pods !== is.pods || was.namespace !== is.namespace || !isElsewhereEqual(before, after, namespace)) return undefined;
  const [gone, come] = [missingIn(was, is), missingIn(is, was)];
  if (![...gone, ...come].every(onlyAdds)) return undefined;
  const inDirection = (direction: Direction): readonly Loss[] => [...lostRules(gone, is, direction), ...newIsolation(come, was, direction)];
  return { namespace, snapshot: after, ingress: inDirection("ingress"), egress: inDirection("egress") };
}

function isElsewhereEqual(before: Snapshot, after: Snapshot, namespace: string): boolean {
  const isSame = before.nodes === after.nodes && before.clusterPolicies === after.clusterPolicies && before.objects === after.objects;
  return isSame && differingKeys(before.namespaces, after.namespaces).every((name) => name === namespace);
}

function missingIn({ policies }: NamespaceState, other: NamespaceState): readonly Policy[] {
  return [...policies].flatMap(([key, policy]) => (other.policies.get(key) === policy ? [] : policy));
}

/** No rule of it takes anything away; only its isolation can. */
function onlyAdds({ tier, rules }: Policy): boolean {
  return tier.defaultAction === "Deny" && DIRECTIONS.every((direction) => rules[direction].every(({ action }) => action === "Accept"));
}

/** What is not found to be kept by then is taken for lost, and asked about. */
const COMPARISONS = 20_000;

function lostRules(gone: readonly Policy[], { policies }: NamespaceState, direction: Direction): readonly Loss[] {
  return gone.flatMap((policy) => {
    const others = [...policies.values()].filter((other) => isSameTier(other, policy) && classCovers(other.subject, policy.subject)).flatMap((other) => other.rules[direction]);
    const isKept = coveredBy(others.filter(({ action }) => action === "Accept"), new Patience(COMPARISONS));
    return policy.rules[direction].filter((rule) => !isKept(rule)).map((rule) => ({ pods: policy.subject.pods, rule }));
  });
}

function newIsolation(come: readonly Policy[], { policies }: NamespaceState, direction: Direction): readonly Loss[] {
  const isKnown = (policy: Policy): boolean => [...policies.values()].some((other) => isSameTier(other, policy) && other.isolates[direction] && classCovers(other.subject, policy.subject));
  return come.filter((policy) => policy.isolates[direction] && !isKnown(policy)).map(({ subject }) => ({ pods: subject.pods, rule: "everything" }));
}

function isSameTier(a: Policy, b: Policy): boolean {
  return a.tier.name === b.tier.name && a.tier.order === b.tier.order;
}

export function isNoLoss(losses: Losses): boolean {
  return DIRECTIONS.every((direction) => losses[direction].length === 0);
}

/** False only if no pod of the flow can lose any of it at either end. */
export function mayLose(losses: Losses, { subject, direction, anyOf }: Flow): boolean {
  const own = isFuture(subject.namespace) || subject.namespace.name !== losses.namespace ? [] : losses[direction].filter(({ pods }) => !pods.intersect(subject.pods).isEmpty);
  const asPeer: FlowPeer = { kind: "space", ...subject };
  const other = losses[direction === "egress" ? "ingress" : "egress"];
  return anyOf.some(({ peers, traffic }) => peers.some((peer) => {
    const theirs = other.filter(({ pods }) => isOf(peer, losses.namespace, pods));
    return own.some((loss) => mayMatch(loss, { peer, traffic, losses })) || theirs.some((loss) => mayMatch(loss, { peer: asPeer, traffic, losses }));
  }));
}

function isOf(peer: FlowPeer, namespace: string, pods: LabelBox): boolean {
  if (peer.kind === "addresses") return false;
  if (peer.kind === "pod") return peer.pod.namespace === namespace && pods.matches(peer.pod.labels);
  return !isFuture(peer.namespace) && peer.namespace.name === namespace && !pods.intersect(peer.pods).isEmpty;
}

interface OtherEnd {
  readonly peer: FlowPeer;
  readonly traffic: FlowTraffic;
  readonly losses: Losses;
}

function mayMatch({ rule }: Loss, { peer, traffic, losses }: OtherEnd): boolean {
  if (rule === "everything") return true;
  // What a named port is on a pod that does not exist yet is for the proof to say.
  const isTraffic = rule.traffic.named.length > 0 || typeof traffic === "function" || rule.traffic.ports.overlaps(traffic);
  return isTraffic && (rule.peers === "everyone" || rule.peers.some((one) => mayBe(one, peer, losses.snapshot)));
}

function mayBe(one: Peer, peer: FlowPeer, snapshot: Snapshot): boolean {
  if (one.kind === "addresses") return peer.kind !== "addresses" || one.addresses.overlaps(peer.addresses);
  if (one.kind !== "pods") return one.kind === "nodes";
  if (peer.kind === "addresses") return false;
  if (peer.kind === "pod") return one.namespaces.matches(snapshot.namespace(peer.pod.namespace).labels) && one.pods.matches(peer.pod.labels);
  const inNamespace = isFuture(peer.namespace) ? !one.namespaces.intersect(peer.namespace.future).isEmpty : one.namespaces.matches(snapshot.namespace(peer.namespace.name).labels);
  return inNamespace && !one.pods.intersect(peer.pods).isEmpty;
}
