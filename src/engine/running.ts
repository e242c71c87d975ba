import { isLive, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import type { TrafficSet } from "../model/traffic.js";
import type { IpSet } from "../sets/ip-set.js";
import { isFuture } from "./inquiry.js";
import { familyOf } from "./party.js";
import type { PodSpace } from "./question.js";

/** Running pods in groups that a question cannot tell apart, so that a thousand replicas cost one. */

/** The running pods of a space that policies can select. */
export function runningPods(snapshot: Snapshot, { namespace, pods }: PodSpace): readonly Pod[] {
  if (isFuture(namespace)) return [];
  const state = snapshot.namespaces.get(namespace.name);
  return state ? kindsOf(state.pods).filter(([pod]) => pods.matches((pod as Pod).labels)).flat() : [];
}

/** What a question can see of a pod besides its being there. */
export interface Sight {
  /** Label keys that rules read. */
  readonly keys: readonly string[];
  /** Blocks of addresses that rules of other ends name. */
  readonly blocks: readonly IpSet[];
  /** True when the names of its ports matter. */
  readonly ports: boolean;
  /** Traffic that depends on what the pod serves. */
  readonly serves: readonly ((pod: Pod) => TrafficSet)[];
  /** True when the node it runs on matters. */
  readonly node: boolean;
}

/** Groups of pods that look the same. `alone` names those that are looked at one by one. */
export function groupBySight(pods: readonly Pod[], sight: Sight, alone: (pod: Pod) => boolean): readonly (readonly [Pod, ...Pod[]])[] {
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

function looks(pod: Pod, { keys, blocks, ports, serves, node }: Sight): string {
  const labels = keys.map((key) => (Object.hasOwn(pod.labels, key) ? `=${pod.labels[key]}` : ""));
  const inBlocks = blocks.map((block) => (["v4", "v6"] as const).map((family) => Number(pod.addresses.some((a) => familyOf(a) === family && block.contains(a)))).join(""));
  const served = serves.map((trafficOf) => trafficOf(pod).ranges.join(";"));
  return [...labels, familyText(pod), ...inBlocks, ...served, ports ? portsText(pod) : "", node ? (pod.nodeName ?? "") : ""].join(" ");
}

function portsText({ ports }: Pod): string {
  return ports.map(({ name, port, protocol, container }) => `${name ?? ""}:${protocol}${port}@${container}`).join(",");
}

const kinds = new WeakMap<ReadonlyMap<string, Pod>, readonly (readonly Pod[])[]>();

/** The live pods of a namespace by equal labels, worked out once for the snapshots that share them. */
function kindsOf(pods: ReadonlyMap<string, Pod>): readonly (readonly Pod[])[] {
  const known = kinds.get(pods);
  if (known) return known;
  const byLabels = new Map<string, Pod[]>();
  for (const pod of pods.values()) {
    if (!isLive(pod)) continue;
    const key = JSON.stringify(pod.labels);
    const same = byLabels.get(key);
    if (same) same.push(pod);
    else byLabels.set(key, [pod]);
  }
  const list = [...byLabels.values()];
  kinds.set(pods, list);
  return list;
}
