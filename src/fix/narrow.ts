import { DIRECTIONS, NETWORK_POLICY_TIER, type Direction, type Peer, type Policy, type PolicyRule } from "../model/policy.js";
import { isLive, type Pod } from "../model/endpoint.js";
import { recordsIn, type KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_PORTS, ALL_TRAFFIC, type TrafficSet } from "../model/traffic.js";
import type { VerifiedFix } from "../model/violation.js";
import { IpSet } from "../sets/ip-set.js";
import { LabelBox } from "../sets/label-box.js";
import { complementValues, oneOf } from "../sets/value-set.js";
import { classCovers } from "../engine/covers.js";
import type { FixOptions } from "./fix.js";
import { spacePeer, trafficOf } from "./fix-peers.js";
import { freeName, namespaceNamed, selectorOf, wordsOf, writeRule, type AllowedPeer } from "./fix-policy.js";
import { isFuture } from "../proof/inquiry.js";
import { excludes } from "../proof/prove.js";
import type { Counterexample, Flow, FlowPeer, PodSpace } from "../proof/question.js";

/**
 * A small change of NetworkPolicies after which no pod of the subject can use the flow at all, or undefined. It is made at one end:
 * a rule that lets the flow through is cut down to what it allows besides (or dropped, where that cannot be written), and an end that
 * nothing isolates is isolated from this flow alone. Fewest objects first, then what takes least. Proven; whether something
 * that is needed breaks, for a policy may select more pods than the flow is about, is for the caller to ask.
 */
export function closeFlow(snapshot: Snapshot, flow: Flow, options: CloseOptions): VerifiedFix | undefined {
  const ends = DIRECTIONS.toSorted((a, b) => Number(b === flow.direction) - Number(a === flow.direction));
  // Isolated from pods alone, an end loses what it exchanges with addresses: less is lost where traffic comes in.
  const ways = [...(["narrow", "drop"] as const).flatMap((how) => ends.map((end): Way => ({ end, how }))), ...DIRECTIONS.map((end): Way => ({ end, how: "isolate" }))];
  const closed = ways.map((way) => closeAt(snapshot, flow, { ...options, way })).filter((policies) => policies !== undefined);
  const best = closed.toSorted((a, b) => a.length - b.length)[0];
  return best && { apply: best.map(({ object }) => object), remove: [] };
}

export interface CloseOptions extends FixOptions {
  /** Labels of namespaces that the flow is about just as of this one: a rule names them together. */
  readonly namespaces?: readonly LabelBox[];
}

interface Way {
  readonly end: Direction;
  /** Rules that let the flow through keep what it is not about, or go; `isolate`: they keep it, and ends that nothing isolates are isolated. */
  readonly how: "narrow" | "drop" | "isolate";
}

/** More than this a person would not want to read. */
const MAX_EDITS = 8;
const MAX_PEERS = 16;

/** What the counterexample uses is taken away, until there is none. */
function closeAt(snapshot: Snapshot, flow: Flow, options: CloseOptions & { readonly way: Way }): readonly Policy[] | undefined {
  const edited = new Map<string, Policy>();
  for (let edits = 0; edits <= MAX_EDITS; edits++) {
    const now = snapshot.with([...edited.values()].map((value) => ({ put: { fact: "policy", value } })));
    const proof = excludes(now, flow, options.context);
    if (proof.answer === "proven") return edits > 0 ? [...edited.values()] : undefined;
    const policy = proof.answer === "counterexample" ? edit(now, flow, { ...options, counterexample: proof.counterexample }) : undefined;
    if (!policy) return undefined;
    edited.set(`${policy.ref.namespace ?? ""}/${policy.ref.name}`, policy);
  }
  return undefined;
}

interface Edit extends CloseOptions {
  readonly way: Way;
  readonly counterexample: Counterexample;
}

function edit(snapshot: Snapshot, flow: Flow, { way, counterexample, name, context, namespaces = [] }: Edit): Policy | undefined {
  const { connection } = counterexample;
  const end = connection && (way.end === "egress" ? connection.src : connection.dst);
  if (!connection || end?.kind !== "pod" || !isLive(end.pod)) return undefined;
  const { reason, decidedBy } = connection.verdict[way.end];
  const isSubject = way.end === flow.direction;
  const others = isSubject ? together(flow.anyOf.flatMap(({ peers }) => peers.map(peerOf))) : [classOf(snapshot, flow.subject, namespaces)];
  const traffic = flow.anyOf.map((target) => trafficOf(snapshot, flow, target)).reduce((all, one) => all.union(one));
  const forbidden: Forbidden = { others, traffic, exactly: way.how !== "drop", selectsPods: context.profile.cidrSelectsPods };
  if (reason === "rule" && decidedBy) return narrowed(decidedBy, way.end, forbidden);
  // What a NetworkPolicy accepts, no later tier can deny any more.
  const isLast = [...snapshot.policies()].every(({ tier }) => tier.order <= NETWORK_POLICY_TIER.order);
  if (reason !== "default" || way.how !== "isolate" || !isLast || !snapshot.namespaces.has(end.pod.namespace)) return undefined;
  const pods = isSubject ? flow.subject.pods : flow.anyOf.flatMap(({ peers }) => peers).find((peer) => peer.kind === "space" && peer.pods.matches(end.pod.labels));
  const whole = pods instanceof LabelBox ? pods : pods?.kind === "space" ? pods.pods : boxOf(end.pod);
  const place: Place = { namespace: end.pod.namespace, direction: way.end };
  const box = notIsolated(snapshot, { ...place, pods: whole, pod: end.pod });
  return isolating({ namespace: place.namespace, name: freeName(snapshot, place.namespace, `isolate-${wordsOf(name)}-${way.end}`) }, { pods: box, direction: way.end, forbidden });
}

interface Place {
  readonly namespace: string;
  readonly direction: Direction;
}

/** The pods around this one that no policy isolates yet: what a new policy allows must be nothing new to any pod. */
function notIsolated(snapshot: Snapshot, { namespace, direction, pods, pod }: Place & { readonly pods: LabelBox; readonly pod: Pod }): LabelBox {
  const others = [...(snapshot.namespaces.get(namespace)?.policies.values() ?? [])].filter((policy) => policy.isolates[direction]);
  return others.reduce((box, { subject }) => box.intersect(outside(subject.pods).find((one) => one.matches(pod.labels)) ?? LabelBox.NONE), pods);
}

/** Past so many namespaces with the same pods, a rule names the pods wherever they are. */
const MAX_NAMESPACES = 4;

/** Peers as a person would name them: a namespace that another peer covers is left out. */
function together(peers: readonly AllowedPeer[]): readonly AllowedPeer[] {
  const spaces = peers.filter((peer) => peer.kind === "pods");
  const alike = (pods: LabelBox): number => spaces.filter((other) => other.pods.key === pods.key).length;
  const merged = peers.map((peer) => (peer.kind === "pods" && alike(peer.pods) > MAX_NAMESPACES ? { ...peer, namespaces: LabelBox.ALL } : peer));
  const isCovered = (peer: AllowedPeer, i: number): boolean => peer.kind === "pods" && merged.some((other, j) => other.kind === "pods" && j !== i && classCovers(other, peer) && (!classCovers(peer, other) || j < i));
  return merged.filter((peer, i) => !isCovered(peer, i));
}

function peerOf(peer: FlowPeer): AllowedPeer {
  if (peer.kind === "addresses") return peer;
  if (peer.kind === "space") return spacePeer(peer);
  return { kind: "pods", namespaces: namespaceNamed(peer.pod.namespace), pods: boxOf(peer.pod) };
}

/** Pods with these labels. */
function boxOf({ labels }: Pod): LabelBox {
  return LabelBox.from(Object.entries(labels).map(([key, value]) => [key, oneOf([value])]));
}

/** The subject as the other end names it: with all namespaces that the flow is about, where labels tell them. */
function classOf(snapshot: Snapshot, subject: PodSpace, namespaces: readonly LabelBox[]): AllowedPeer {
  const { namespace, pods } = subject;
  const box = isFuture(namespace) ? undefined : namespaces.find((one) => one.matches(snapshot.namespace(namespace.name).labels));
  return box ? { kind: "pods", namespaces: box, pods } : spacePeer(subject);
}

interface Forbidden {
  readonly others: readonly AllowedPeer[];
  readonly traffic: TrafficSet;
  readonly exactly: boolean;
  /** Blocks of addresses match pods too. */
  readonly selectsPods: boolean;
}

/** The policy with its rule cut down to what the flow is not about. Only NetworkPolicies can be written. */
function narrowed({ policy, rule }: { readonly policy: Policy; readonly rule: PolicyRule }, direction: Direction, forbidden: Forbidden): Policy | undefined {
  const index = policy.rules[direction].indexOf(rule);
  const spec = policy.object.spec as Readonly<Record<string, unknown>>;
  const written = recordsIn(spec[direction]);
  const own = written[index];
  if (policy.tier.name !== NETWORK_POLICY_TIER.name || policy.object.apiVersion !== "networking.k8s.io/v1" || policy.problems.length > 0 || !own || written.length !== policy.rules[direction].length) return undefined;
  const parts = forbidden.exactly ? remaining(rule, { forbidden, direction, own, namespace: policy.ref.namespace ?? "" }) : [];
  if (!parts) return undefined;
  const rules = policy.rules[direction].flatMap((other, i) => (i === index ? parts.map((part) => part.rule) : other)).map((one, i) => ({ ...one, path: `spec.${direction}[${i}]` }));
  const object = { ...bare(policy.object), spec: { ...spec, policyTypes: typesOf(policy), [direction]: written.flatMap((other, i) => (i === index ? parts.map((part) => part.written) : other)) } };
  return { ...policy, object, rules: { ...policy.rules, [direction]: rules } };
}

/** "Egress rules and no policyTypes: Ingress, Egress": a rule that goes must not take the isolation with it. */
function typesOf({ isolates }: Policy): readonly string[] {
  return [...(isolates.ingress ? ["Ingress"] : []), ...(isolates.egress ? ["Egress"] : [])];
}

/** Without what only the API server writes. */
function bare({ apiVersion, kind, metadata: { name, namespace, labels, annotations } }: KubeObject): KubeObject {
  const { "kubectl.kubernetes.io/last-applied-configuration": _applied, ...kept } = annotations ?? {};
  const parts = { ...(name !== undefined && { name }), ...(namespace !== undefined && { namespace }), ...(labels && { labels }), ...(Object.keys(kept).length > 0 && { annotations: kept }) };
  return { apiVersion, kind, metadata: parts };
}

interface Part {
  readonly rule: PolicyRule;
  readonly written: Readonly<Record<string, unknown>>;
}

interface WrittenRule extends Place {
  readonly forbidden: Forbidden;
  /** The rule as it is written. */
  readonly own: Readonly<Record<string, unknown>>;
}

/** The others on everything, and everybody on the rest of the traffic. Undefined when one of these cannot be written. */
function remaining(rule: PolicyRule, { forbidden, direction, own, namespace }: WrittenRule): readonly Part[] | undefined {
  const from = direction === "ingress" ? "from" : "to";
  const peers = forbidden.others.reduce<readonly AllowedPeer[] | undefined>((all, other) => all && without(all, other), listOf(rule.peers, forbidden));
  const kept = peers && writeRule({ namespace, direction, peers, traffic: ALL_TRAFFIC });
  const rest = rule.traffic.ports.subtract(forbidden.traffic).intersect(ALL_PORTS);
  const ports = writeRule({ namespace, direction, peers: [], traffic: rest });
  if (!peers || !kept || !ports) return undefined;
  const { [from]: _peers, ...ownPorts } = own;
  const { [from]: _none, ...restPorts } = ports;
  const others: Part = { rule: { ...rule, peers: [...peers] }, written: { [from]: kept[from], ...ownPorts } };
  const everybody: Part = { rule: { ...rule, traffic: { ports: rest, named: [] } }, written: { ...own, ...restPorts } };
  return [...(peers.length > 0 ? [others] : []), ...(rest.isEmpty ? [] : [everybody])];
}

/** Everyone as peers that can be written: where blocks match pods, one around everything would let the forbidden pods in again. */
function listOf(peers: PolicyRule["peers"], { others, selectsPods }: Forbidden): readonly AllowedPeer[] | undefined {
  if (peers !== "everyone") return peers.every(isWritable) ? peers : undefined;
  const everyPod: AllowedPeer = { kind: "pods", namespaces: LabelBox.ALL, pods: LabelBox.ALL };
  return selectsPods && others.some(({ kind }) => kind === "pods") ? [everyPod] : [everyPod, { kind: "addresses", addresses: IpSet.ALL }];
}

function isWritable(peer: Peer): peer is AllowedPeer {
  return peer.kind === "pods" || peer.kind === "addresses";
}

function without(peers: readonly AllowedPeer[], other: AllowedPeer): readonly AllowedPeer[] | undefined {
  const left = peers.flatMap((peer): readonly AllowedPeer[] => {
    if (peer.kind === "addresses" && other.kind === "addresses") return [{ ...peer, addresses: peer.addresses.subtract(other.addresses) }];
    if (peer.kind !== "pods" || other.kind !== "pods") return [peer];
    const elsewhere = outside(other.namespaces).map((namespaces) => ({ ...peer, namespaces: peer.namespaces.intersect(namespaces) }));
    const here = outside(other.pods).map((pods) => ({ ...peer, namespaces: peer.namespaces.intersect(other.namespaces), pods: peer.pods.intersect(pods) }));
    return [...elsewhere, ...here].filter(({ namespaces, pods }) => !namespaces.isEmpty && !pods.isEmpty);
  }).filter((peer) => peer.kind === "pods" || !peer.addresses.isEmpty);
  return left.length <= MAX_PEERS && left.every((peer) => peer.kind === "addresses" || (selectorOf(peer.namespaces) && selectorOf(peer.pods))) ? left : undefined;
}

/** The label maps that are not in the box, as boxes: one for each key that differs. */
function outside(box: LabelBox): readonly LabelBox[] {
  if (box.isEmpty) return [LabelBox.ALL];
  return [...box.constraints].map(([key, values]) => LabelBox.from([[key, complementValues(values)]]));
}

/** A new policy that isolates the pods and lets through what the flow is not about. */
function isolating(named: { readonly namespace: string; readonly name: string }, { pods, direction, forbidden }: { readonly pods: LabelBox; readonly direction: Direction; readonly forbidden: Forbidden }): Policy | undefined {
  const podSelector = selectorOf(pods);
  if (!podSelector) return undefined;
  const object: KubeObject = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: named, spec: { podSelector, policyTypes: [direction === "ingress" ? "Ingress" : "Egress"], [direction]: [{}] } };
  const rule: PolicyRule = { action: "Accept", peers: "everyone", traffic: { ports: ALL_TRAFFIC, named: [] }, path: `spec.${direction}[0]` };
  const open: Policy = {
    ref: { group: "networking.k8s.io", kind: "NetworkPolicy", ...named },
    tier: NETWORK_POLICY_TIER, order: 0, subject: { namespaces: namespaceNamed(named.namespace), pods },
    isolates: { ingress: direction === "ingress", egress: direction === "egress" },
    rules: { ingress: direction === "ingress" ? [rule] : [], egress: direction === "egress" ? [rule] : [] },
    problems: [], object,
  };
  return narrowed({ policy: open, rule }, direction, forbidden);
}
