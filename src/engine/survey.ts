import type { Pod } from "../model/endpoint.js";
import type { Direction, Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_PORTS, NO_TRAFFIC, type TrafficSet } from "../model/traffic.js";
import { elementary, type Range } from "../sets/interval-set.js";
import { formatRange, IpSet, type Address } from "../sets/ip-set.js";
import type { End } from "./ends.js";
import { exposedPorts, INGRESS_CONTROLLER, ingressController } from "./ingress-controller.js";
import { reachability, type Reachability } from "./reachability.js";
import type { EngineProfile } from "./verdict.js";
import { workloads } from "./workloads.js";

export interface SurveyOptions {
  readonly profile: EngineProfile;
  /** `ipv4`: only IPv4 ranges stand for what is outside; `dual`: ranges of both families. */
  readonly addressFamilies: "ipv4" | "dual";
}

/** One end of a report's lines: a workload, a range of external addresses, or the ingress controller. */
export interface Party {
  readonly name: string;
  readonly kind: "workload" | "external" | "ingress-controller";
  /** What its members are to policies; those that are the same to all policies stand here once. */
  readonly ends: readonly End[];
}

/** A snapshot made ready for questions between workloads and ranges of external addresses. */
export interface Survey {
  readonly reach: Reachability;
  /** In order of their names. */
  readonly workloads: readonly Party[];
  /** Absent when no Ingress or Route leads anywhere. */
  readonly ingressController?: Party;
  /** The ports that one party can reach on another; none between two external ends. Equal sets are one object. */
  between(src: Party, dst: Party): TrafficSet;
  /** Workloads as one party: what one of them may do, all of them together may do. */
  joined(name: string, workloads: readonly Party[]): Party;
}

/** `previous` lets two surveys share their work, and makes their equal sets of traffic one object. */
export function survey(snapshot: Snapshot, { profile }: SurveyOptions, previous?: Survey): Survey {
  const reach = reachability(snapshot, profile, previous?.reach);
  const exposed = exposedPorts(snapshot);
  const drafts = workloads(snapshot).map(({ name, pods }) => ({ name, ends: pods.map((pod) => reach.end({ kind: "pod", pod })) }));
  // All ends are made before any class is asked for: by then every policy has taught the vocabulary.
  const parties = drafts.map(({ name, ends }): Party => ({ name, kind: "workload", ends: distinct(ends, (end) => exposedText(end, exposed)) }));
  const isExposed = parties.some(({ ends }) => ends.some((end) => exposedText(end, exposed) !== ""));
  const controller: Party = { name: INGRESS_CONTROLLER, kind: "ingress-controller", ends: [reach.end(ingressController)] };
  const joined = (name: string, members: readonly Party[]): Party => ({ name, kind: "workload", ends: distinct(members.flatMap(({ ends }) => ends), (end) => exposedText(end, exposed)) });
  return { reach, workloads: parties, ...(isExposed ? { ingressController: controller } : {}), between: trafficBetween(reach, exposed), joined };
}

function exposedText({ subject }: End, exposed: (pod: Pod) => TrafficSet): string {
  return subject ? exposed(subject).ranges.join() : "";
}

function trafficBetween(reach: Reachability, exposed: (pod: Pod) => TrafficSet): Survey["between"] {
  const portsOnly = memo((traffic: TrafficSet) => reach.intern(traffic.intersect(ALL_PORTS)));
  const join = (sets: readonly TrafficSet[]): TrafficSet => reach.intern(sets.reduce((all, set) => all.union(set), NO_TRAFFIC));
  return ({ kind, ends: from }, { kind: dstKind, ends: to }) => {
    const [src, dst] = [from[0] as End, to[0] as End];
    if (kind === "ingress-controller") return portsOnly(join(to.map((end) => reach.between(src, end).intersect(end.subject ? exposed(end.subject) : NO_TRAFFIC))));
    if (kind !== "workload" && dstKind !== "workload") return portsOnly(NO_TRAFFIC);
    if (from.length === 1 && to.length === 1) return portsOnly(reach.between(src, dst));
    return portsOnly(join(from.flatMap((a) => to.map((b) => reach.between(a, b)))));
  };
}

function memo(compute: (traffic: TrafficSet) => TrafficSet): (traffic: TrafficSet) => TrafficSet {
  const known = new Map<TrafficSet, TrafficSet>();
  return (traffic) => {
    let result = known.get(traffic);
    if (!result) known.set(traffic, (result = compute(traffic)));
    return result;
  };
}

/** One end of each class, as far as `traits` are the same too. */
function distinct(ends: readonly End[], traits: (end: End) => string): readonly End[] {
  if (ends.length === 1) return ends;
  const classOf = (end: End): string => (end.uniform ? `${end.classIn(0).id}` : `${end.families} ${end.classIn(4).id} ${end.classIn(6).id}`);
  return [...new Map(ends.map((end) => [`${classOf(end)} ${traits(end)}`, end])).values()];
}

/** Sets of addresses at whose boundaries the outside is cut, seen from one direction: of ingress rules for sources, of egress rules for destinations. */
export function cutsOf({ snapshot }: Reachability, direction: Direction): readonly IpSet[] {
  const cuts = new Map<string, IpSet>();
  for (const policy of snapshot.policies()) for (const set of setsIn(policy, direction, snapshot)) cuts.set(`${set.v4.ranges.join()}|${set.v6.ranges.join()}`, set);
  return [...cuts.values()];
}

/** A node's address is cut out only where policies tell nodes apart; else a range stands for addresses that no node has. */
function setsIn(policy: Policy, direction: Direction, snapshot: Snapshot): IpSet[] {
  const peers = policy.rules[direction].flatMap((rule) => (rule.peers === "everyone" ? [] : rule.peers));
  return peers.flatMap((peer) => {
    if (peer.kind === "addresses") return [peer.addresses];
    if (peer.kind !== "nodes") return [];
    return [...snapshot.nodes.values()].filter((node) => peer.labels.matches(node.labels)).flatMap((node) => node.addresses.map((address) => IpSet.of(address)));
  });
}

/** The ranges that the outside is cut into, in ascending order, IPv4 first. */
export function rangesOf(cuts: readonly IpSet[], { addressFamilies }: SurveyOptions): readonly (Range<number> | Range<bigint>)[] {
  const v4 = elementary(IpSet.ALL.v4, cuts.map((cut) => cut.v4));
  return addressFamilies === "ipv4" ? v4 : [...v4, ...elementary(IpSet.ALL.v6, cuts.map((cut) => cut.v6))];
}

export function externalParty(reach: Reachability, range: Range<number> | Range<bigint>): Party {
  const [low, high]: readonly [Address, Address] = range;
  const end = low === high ? reach.end({ kind: "address", address: low }) : reach.stranger(low);
  return { name: externalName(range), kind: "external", ends: [end] };
}

export function externalName(range: Range<number> | Range<bigint>): string {
  return `${formatRange(range)}[External]`;
}
