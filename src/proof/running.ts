import { isLive, type ContainerPort, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import type { TrafficSet } from "../model/traffic.js";
import { IntervalSet, type Whole } from "../sets/interval-set.js";
import { IpSet, type Address } from "../sets/ip-set.js";
import { isFuture } from "./inquiry.js";
import { numberOf } from "./number-of.js";
import { familyOf } from "./party.js";
import type { PodSpace } from "./question.js";
import { Memory } from "../model/memory.js";

/** Running pods in groups that a question cannot tell apart, so that a thousand replicas cost one. */

/** What is known at once of the live pods of one namespace. */
export interface Crowd {
  /** Pods by equal labels. */
  readonly kinds: readonly (readonly Pod[])[];
  /** Every label key that one of them has. */
  readonly keys: ReadonlySet<string>;
  /** The address families that single pods have: some of `46`, `4`, `6` and, for pods without an address, none. */
  readonly families: ReadonlySet<string>;
  /** From the lowest to the highest address, in each family. */
  readonly span: IpSet;
}

const crowds = new Memory<ReadonlyMap<string, Pod>, Crowd>();
const NOBODY: Crowd = { kinds: [], keys: new Set(), families: new Set(), span: IpSet.EMPTY };

/** The pods of a space's namespace, worked out once for the snapshots that share them. */
export function crowdOf(snapshot: Snapshot, { namespace }: PodSpace): Crowd {
  const pods = isFuture(namespace) ? undefined : snapshot.namespaces.get(namespace.name)?.pods;
  if (!pods) return NOBODY;
  let crowd = crowds.get(pods);
  if (!crowd) crowds.set(pods, (crowd = gather([...pods.values()].filter(isLive))));
  return crowd;
}

/** The running pods of a space that policies can select. */
export function runningPods(snapshot: Snapshot, space: PodSpace): readonly Pod[] {
  return crowdOf(snapshot, space).kinds.filter(([pod]) => space.pods.matches((pod as Pod).labels)).flat();
}

function gather(pods: readonly Pod[]): Crowd {
  const kinds = new Map<string, Pod[]>();
  for (const pod of pods) {
    const key = JSON.stringify(pod.labels);
    const same = kinds.get(key);
    if (same) same.push(pod);
    else kinds.set(key, [pod]);
  }
  const addresses = pods.flatMap((pod) => pod.addresses);
  const v4 = addresses.filter((address) => typeof address === "number");
  const v6 = addresses.filter((address) => typeof address === "bigint");
  return { kinds: [...kinds.values()], keys: keysOf(kinds.values()), families: new Set(pods.map(familyText)), span: new IpSet(spanOf(v4), spanOf(v6)) };
}

function keysOf(kinds: Iterable<readonly Pod[]>): ReadonlySet<string> {
  const keys = new Set<string>();
  for (const [pod] of kinds) for (const key of Object.keys((pod as Pod).labels)) keys.add(key);
  return keys;
}

function spanOf<T extends Whole>(points: readonly T[]): IntervalSet<T> {
  const [first] = points;
  if (first === undefined) return IntervalSet.empty();
  return IntervalSet.of(points.reduce((low, point) => (point < low ? point : low), first), points.reduce((high, point) => (point > high ? point : high), first));
}

/** What a question can see of a pod besides its being there. */
export interface Sight {
  /** Label keys that rules read, of those that some pod has. */
  readonly keys: ReadonlySet<string>;
  /** Blocks of addresses that rules of other ends name. */
  readonly blocks: readonly IpSet[];
  /** True when the names of its ports matter. */
  readonly ports: boolean;
  /** Traffic that depends on what the pod serves. */
  readonly serves: readonly ((pod: Pod) => TrafficSet)[];
  /** True when the node it runs on matters. */
  readonly node: boolean;
}

/** Groups of pods that look the same. */
export type Groups = readonly (readonly [Pod, ...Pod[]])[];

const groupings = new Memory<Crowd, Map<string, Groups>>();
/** Questions are few; a crowd changes before there are as many. */
const MAX_GROUPINGS = 200;

/** All running pods of a space in groups, worked out once for the questions that see the same of them. */
export function runningGroups(snapshot: Snapshot, space: PodSpace, sight: Sight): Groups {
  const crowd = crowdOf(snapshot, space);
  const known = groupings.get(crowd) ?? new Map<string, Groups>();
  if (known.size === 0) groupings.set(crowd, known);
  const key = `${space.pods.key} ${sightText(sight)}`;
  let groups = known.get(key);
  if (!groups) {
    if (known.size >= MAX_GROUPINGS) known.clear();
    known.set(key, (groups = groupBySight(runningPods(snapshot, space), sight, () => false)));
  }
  return groups;
}

function sightText({ keys, blocks, ports, serves, node }: Sight): string {
  const ranges = blocks.map(({ v4, v6 }) => `${v4.ranges.join(";")}/${v6.ranges.join(";")}`);
  return JSON.stringify([[...keys], ranges, ports, serves.map(numberOf), node]);
}

/** `alone` names those that are looked at one by one. */
export function groupBySight(pods: readonly Pod[], sight: Sight, alone: (pod: Pod) => boolean): Groups {
  const groups = new Map<string, [Pod, ...Pod[]]>();
  for (const pod of pods) {
    const key = alone(pod) ? `alone ${pod.name}` : looks(pod, sight);
    const group = groups.get(key);
    if (group) group.push(pod);
    else groups.set(key, [pod]);
  }
  return [...groups.values()];
}

/** Address families of a pod: `46`, `4`, `6`, or none while it has no address. */
export function familyText({ addresses }: Pod): string {
  const has = (family: string): boolean => addresses.some((address) => familyOf(address) === family);
  return `${has("v4") ? "4" : ""}${has("v6") ? "6" : ""}`;
}

export function isIn(block: IpSet, { addresses }: { readonly addresses: readonly Address[] }): boolean {
  return addresses.some((address) => block.contains(address));
}

export function portsText(ports: readonly ContainerPort[]): string {
  return ports.map(({ name, port, protocol }) => `${name ?? ""}:${protocol}${port}`).join(",");
}

function looks(pod: Pod, { keys, blocks, ports, serves, node }: Sight): string {
  // A selector can read as many keys as a pod can have labels: the labels are gone through, not the keys.
  const labels = Object.keys(pod.labels).filter((key) => keys.has(key)).sort().map((key) => `${key}=${pod.labels[key]}`);
  const inBlocks = blocks.map((block) => (["v4", "v6"] as const).map((family) => Number(isIn(block, { addresses: pod.addresses.filter((a) => familyOf(a) === family) }))).join(""));
  const served = serves.map((trafficOf) => trafficOf(pod).ranges.join(";"));
  return [...labels, familyText(pod), ...inBlocks, ...served, ports ? portsText(pod.ports) : "", node ? (pod.nodeName ?? "") : ""].join(" ");
}
