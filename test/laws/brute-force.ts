import { evaluate, evaluateEnd } from "../../src/engine/evaluate.js";
import type { Flow, FlowPeer, FlowTarget, PodSpace } from "../../src/proof/question.js";
import type { EngineProfile } from "../../src/engine/verdict.js";
import { isLive, namespaceLabels, type Endpoint, type Namespace, type Pod } from "../../src/model/endpoint.js";
import type { Direction } from "../../src/model/policy.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { ALL_TRAFFIC, portRange, type Protocol, type TrafficSet } from "../../src/model/traffic.js";
import { elementary } from "../../src/sets/interval-set.js";
import { IpSet, parseAddress, parseCidr, type Address } from "../../src/sets/ip-set.js";
import { BLOCKS, NAMESPACE_VALUES, NAMESPACES, NODE_ADDRESSES, POD_ADDRESSES, POD_VALUES, PORTS, PROTOCOLS } from "./arbitrary-cluster.js";

/** The answers of the proofs by trying every label map, peer, address and port with the judge. */

const FRESH = "nobody-says-this";
const POD_MAPS = { app: [undefined, ...POD_VALUES.app, "z", FRESH], tier: [undefined, ...POD_VALUES.tier, FRESH] };
const NAMESPACE_MAPS = { env: [undefined, ...NAMESPACE_VALUES.env, FRESH] };

/** A pod in the state before and after a change, with its namespace as that state has it. */
interface Someone {
  readonly now: Pod;
  readonly was: Pod;
  readonly namespace: Namespace;
}

function* labelMaps(values: Readonly<Record<string, readonly (string | undefined)[]>>): Iterable<Record<string, string>> {
  const [first, ...rest] = Object.entries(values);
  if (!first) return yield {};
  const [key, options] = first;
  for (const labels of labelMaps(Object.fromEntries(rest))) for (const value of options) yield value === undefined ? labels : { ...labels, [key]: value };
}

/** Every pod a space could have: those that run, and one for each label map. */
function* everyone(space: PodSpace, { before, after }: Case, name: string): Iterable<Someone> {
  const { namespace } = space;
  const namespaces = "future" in namespace ? [...futureNamespaces(namespace.future)] : [after.namespaces.get(namespace.name)?.namespace ?? namespace];
  for (const one of namespaces) {
    for (const labels of labelMaps(POD_MAPS)) {
      if (!space.pods.matches(labels)) continue;
      const pod: Pod = { namespace: one.name, name, labels, addresses: [], ports: space.ports, hostNetwork: false, finished: false, origin: "hypothetical" };
      yield { now: pod, was: pod, namespace: one };
    }
    for (const pod of after.namespaces.get(one.name)?.pods.values() ?? []) {
      if (isLive(pod) && space.pods.matches(pod.labels)) yield someone(pod, { before, after });
    }
  }
}

function someone(pod: Pod, { before, after }: Pick<Case, "before" | "after">): Someone {
  const known = pod.origin === "hypothetical" ? undefined : before?.pod(pod.namespace, pod.name);
  // A finished pod whose name is another's by now is no past of it.
  const was = known && isLive(known) === isLive(pod) ? known : pod;
  return { now: pod, was, namespace: after.namespace(pod.namespace) };
}

function* futureNamespaces(box: { matches(labels: Record<string, string>): boolean }): Iterable<Namespace> {
  for (const name of ["c", FRESH]) {
    if (NAMESPACES.includes(name)) continue;
    for (const labels of labelMaps(NAMESPACE_MAPS)) {
      const all = namespaceLabels(name, labels);
      if (box.matches(all)) yield { name, labels: all, terminating: false };
    }
  }
}

export interface Case {
  readonly before?: Snapshot | undefined;
  readonly after: Snapshot;
  readonly profile: EngineProfile;
}

interface FlowCase extends Case {
  readonly flow: Flow;
}

/** Some pod of the subject held the flow before (when there is one) and does not now. */
export function breaks(question: FlowCase): boolean {
  for (const subject of subjects(question)) if (isBroken(question, subject)) return true;
  return false;
}

function* subjects(question: FlowCase): Iterable<Someone> {
  for (const one of everyone(question.flow.subject, question, "subject")) {
    if (!question.flow.runningOnly || one.now.origin !== "hypothetical") yield one;
  }
}

/** Each running pod of the subject, whether it is one that `breaks`, and whether it is one that `opens`. */
export function running(question: FlowCase): readonly { readonly pod: Pod; readonly breaks: boolean; readonly opens: boolean }[] {
  const pods = [...subjects(question)].filter(({ now }) => now.origin !== "hypothetical");
  return pods.map((one) => ({ pod: one.now, breaks: isBroken(question, one), opens: isOpened(question, one) }));
}

/** Each space as peer is one pod, the same in every target's turn before and after: all choices are tried. */
function isBroken(question: FlowCase, subject: Someone): boolean {
  const { before, after, flow } = question;
  if (flow.anyOf.length === 0) return false;
  if (!before) return flow.anyOf.every(({ peers }, t) => !targetHolds({ ...question, snapshot: after, time: "now" }, subject, { choice: peers, t }));
  const picks = flow.anyOf.map((_, t) => choices(question, { subject, t }));
  const isSelf = (member: FlowPeer | Someone): boolean => "now" in member && member.now.namespace === subject.now.namespace && member.now.name === subject.now.name;
  return product(picks).filter((choice) => !choice.flat().some(isSelf)).some((choice) => {
    const holdsIn = (time: "now" | "was", snapshot: Snapshot): boolean => flow.anyOf.some((_, t) => targetHolds({ ...question, snapshot, time }, subject, { choice: choice[t] as Choice, t }));
    return !holdsIn("now", after) && holdsIn("was", before);
  });
}

/** A target's peers with each space replaced by one of its pods. */
type Choice = readonly (FlowPeer | Someone)[];

function choices(question: FlowCase, { subject, t }: { readonly subject: Someone; readonly t: number }): readonly Choice[] {
  const target = question.flow.anyOf[t] as FlowTarget;
  const options = target.peers.map((peer, p): readonly (FlowPeer | Someone)[] => (peer.kind === "space" ? [...everyone(peer, question, `peer-${t}-${p}`)].filter((one) => !isSame(one, subject)) : [peer]));
  // A space that no pod could be in demands nothing; the other peers do.
  return product(options.filter((pods) => pods.length > 0));
}

/** A pod is no peer of itself: what it sends itself cannot be blocked (S14). */
function isSame(one: Someone, other: Someone): boolean {
  return one.now.namespace === other.now.namespace && one.now.name === other.now.name;
}

function product<T>(lists: readonly (readonly T[])[]): readonly (readonly T[])[] {
  return lists.reduce<readonly (readonly T[])[]>((all, list) => all.flatMap((start) => list.map((item) => [...start, item])), [[]]);
}

interface Moment extends FlowCase {
  readonly snapshot: Snapshot;
  readonly time: "now" | "was";
}

function targetHolds(moment: Moment, subject: Someone, { choice, t }: { readonly choice: Choice; readonly t: number }): boolean {
  const target = moment.flow.anyOf[t] as FlowTarget;
  return choice.every((peer) => {
    const ends = endsOf(moment, peer);
    const reached = (end: Someone | Address): boolean => points(target, moment.flow, { subject, end }).every((point) => connects(moment, { subject, end, point }));
    return target.some && "kind" in peer && peer.kind === "addresses" && ends.length > 0 ? ends.some(reached) : ends.every(reached);
  });
}

function endsOf(question: FlowCase, peer: FlowPeer | Someone): readonly (Someone | Address)[] {
  if ("now" in peer) return [peer];
  if (peer.kind === "addresses") return addressesIn(peer.addresses);
  if (peer.kind === "pod") return [someone(peer.pod, question)];
  return [...everyone(peer, question, "peer")];
}

const CUTS = [...BLOCKS.map((text) => parseCidr(text) as IpSet), ...[...NODE_ADDRESSES, ...POD_ADDRESSES].map((text) => IpSet.of(parseAddress(text) as Address))];

function addressesIn(set: IpSet): readonly Address[] {
  return [...elementary(set.v4, CUTS.map((cut) => cut.v4)).map(([low]) => low), ...elementary(set.v6, CUTS.map((cut) => cut.v6)).map(([low]) => low)];
}

const PORT_CUTS = PROTOCOLS.flatMap((protocol) => PORTS.map((port) => portRange(protocol as Protocol, port, port)));

function pointsIn(set: TrafficSet): readonly number[] {
  return elementary(set, PORT_CUTS).map(([low]) => low);
}

function points({ traffic }: FlowTarget, flow: Flow, { subject, end }: { readonly subject: Someone; readonly end: Someone | Address }): readonly number[] {
  if (typeof traffic !== "function") return pointsIn(traffic);
  const dst = flow.direction === "egress" ? end : subject;
  return pointsIn(traffic((dst as Someone).now));
}

interface Attempt {
  readonly subject: Someone;
  readonly end: Someone | Address;
  readonly point: number;
}

/** Self traffic is no attempt; nor is one between two namespaces of one name. */
function isNone({ subject, end }: Attempt): boolean {
  if (typeof end !== "object" || end.now.namespace !== subject.now.namespace) return false;
  return end.now.name === subject.now.name || JSON.stringify(end.namespace.labels) !== JSON.stringify(subject.namespace.labels);
}

function connects({ snapshot, time, flow, profile }: Moment, attempt: Attempt): boolean {
  if (isNone(attempt)) return true;
  const { subject, end, point } = attempt;
  const known = withNamespaces(snapshot, [subject, ...(typeof end === "object" ? [end] : [])]);
  const own: Endpoint = { kind: "pod", pod: subject[time] };
  const other: Endpoint = typeof end === "object" ? { kind: "pod", pod: end[time] } : { kind: "address", address: end };
  const [src, dst] = flow.direction === "egress" ? [own, other] : [other, own];
  return evaluate(known, { src, dst, traffic: point }, profile).allowed;
}

function withNamespaces(snapshot: Snapshot, people: readonly Someone[]): Snapshot {
  const missing = people.filter(({ namespace }) => !snapshot.namespaces.has(namespace.name));
  return missing.length === 0 ? snapshot : snapshot.with(missing.map(({ namespace }) => ({ put: { fact: "namespace" as const, value: namespace } })));
}

/** Some connection of the flow is allowed now, and was not before when there is a before. */
export function opens(question: FlowCase): boolean {
  for (const subject of subjects(question)) if (isOpened(question, subject)) return true;
  return false;
}

function isOpened(question: FlowCase, subject: Someone): boolean {
  const { before, after, flow } = question;
  for (const target of flow.anyOf) {
    for (const end of target.peers.flatMap((peer) => endsOf(question, peer))) {
      for (const point of points(target, flow, { subject, end })) {
        const attempt = { subject, end, point };
        if (isNone(attempt) || !connects({ ...question, snapshot: after, time: "now" }, attempt)) continue;
        if (!before || !connects({ ...question, snapshot: before, time: "was" }, attempt)) return true;
      }
    }
  }
  return false;
}

interface IsolationCase extends Case {
  readonly space: PodSpace;
  readonly direction: Direction;
}

/** Some pod of the space is not isolated now, and was before when there is a before. */
export function escapes(question: IsolationCase): boolean {
  for (const one of everyone(question.space, question, "subject")) {
    if (isIsolated(question, withNamespaces(question.after, [one]), one.now)) continue;
    if (!question.before || isIsolated(question, withNamespaces(question.before, [one]), one.was)) return true;
  }
  return false;
}

const STRANGER: Pod = { namespace: "(any other namespace)", name: "stranger", labels: {}, addresses: [], ports: [], hostNetwork: false, finished: false, origin: "hypothetical" };

/** A NetworkPolicy isolates it, or no stranger is accepted by default. */
export function isIsolated({ direction, profile }: IsolationCase, snapshot: Snapshot, pod: Pod): boolean {
  const { labels } = snapshot.namespace(pod.namespace);
  for (const policy of snapshot.policies()) {
    if (policy.isolates[direction] && policy.tier.defaultAction === "Deny" && policy.subject.namespaces.matches(labels) && policy.subject.pods.matches(pod.labels)) return true;
  }
  const own: Endpoint = { kind: "pod", pod };
  const strangers: Endpoint[] = [{ kind: "pod", pod: STRANGER }, ...addressesIn(IpSet.ALL).map((address): Endpoint => ({ kind: "address", address }))];
  return !strangers.some((stranger) => {
    const [src, dst] = direction === "egress" ? [own, stranger] : [stranger, own];
    return pointsIn(ALL_TRAFFIC).some((traffic) => evaluateEnd(snapshot, { src, dst, traffic }, { ...profile, direction }).reason === "default");
  });
}

