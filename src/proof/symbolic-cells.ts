import { portRange, type TrafficSet } from "../model/traffic.js";
import { elementary, type Range } from "../sets/interval-set.js";
import { IpSet, type Address } from "../sets/ip-set.js";
import { familyOf, nodesByAddress, nodesOf, portsOf, type Party } from "./party.js";
import type { End } from "./view.js";

/** Cuts traffic and addresses into cells in which every rule matches all or nothing, and keeps one cell of each sort. */

/** So few points are not worth cutting. */
const FEW = 4;

/** One point of each sort of traffic, as far as the rules of the ends can tell. `dsts`: the destination as each state has it, whose ports the names mean. */
export function trafficPoints(traffic: TrafficSet, ends: readonly End[], dsts: readonly Party[]): readonly number[] {
  const count = traffic.ranges.reduce((sum, [low, high]) => sum + high - low + 1, 0);
  if (count <= FEW) return traffic.ranges.flatMap(([low, high]) => Array.from({ length: high - low + 1 }, (_, i) => low + i));
  const rules = ends.flatMap((end) => end.rules);
  const named = ends.some((end) => end.namesPorts) ? dsts.flatMap(portsOf).map(({ protocol, port }) => portRange(protocol, port, port)) : [];
  const cuts = [...new Map([...rules.map((rule) => rule.traffic.ports), ...named].map((ports) => [ports.ranges.join(";"), ports])).values()];
  return sorts(elementary(traffic, cuts), { ends, cost: cuts.length, sortOf: (point) => cuts.map((ports) => Number(ports.contains(point))).join("") });
}

/** One address of each sort, as far as the rules of one pod's ends can tell: by their blocks, the nodes they name, and the pod's own node. */
export function addressPoints(addresses: IpSet, ends: readonly End[]): readonly Address[] {
  const cuts = ends.flatMap((end) => [...end.blocks.map((block) => block.addresses), ...nodeAddresses(end)]);
  const sortOf = (address: Address): string => ends.map((end) => sortFor(end, address)).join(" ");
  const cost = ends.reduce((sum, { blocks, nodes }) => sum + blocks.length + nodes.length, 0);
  const v4 = sorts(elementary(addresses.v4, cuts.map((cut) => cut.v4)), { ends, cost, sortOf });
  const v6 = sorts(elementary(addresses.v6, cuts.map((cut) => cut.v6)), { ends, cost, sortOf });
  return [...v4, ...v6];
}

function sortFor({ view, blocks, nodes, party }: End, address: Address): string {
  const at = nodesOf(view.snapshot, { kind: "address", address }, familyOf(address));
  const own = party.kind === "pod" && at.some((node) => node.name === party.pod.nodeName);
  return [...blocks.map((block) => block.addresses.contains(address)), ...nodes.map((box) => at.some((node) => box.matches(node.labels))), own].map(Number).join("");
}

function nodeAddresses({ view, nodes, party }: End): readonly IpSet[] {
  if (nodes.length > 0) return [...nodesByAddress(view.snapshot).keys()].map((address) => IpSet.of(address));
  const own = party.kind === "pod" ? view.snapshot.nodes.get(party.pod.nodeName ?? "") : undefined;
  return own?.addresses.map((address) => IpSet.of(address)) ?? [];
}

interface Sorting<T> {
  readonly ends: readonly End[];
  /** Steps for each point beside one. */
  readonly cost: number;
  readonly sortOf: (point: T) => string;
}

/** The first point of the first range of each sort. */
function sorts<T extends number | bigint>(ranges: readonly Range<T>[], { ends, cost, sortOf }: Sorting<T>): readonly T[] {
  const first = new Map<string, T>();
  for (const [low] of ranges) {
    const { meter } = (ends[0] as End).view.inquiry;
    meter.spend(1 + cost);
    if (meter.exhausted) break;
    const sort = sortOf(low);
    if (!first.has(sort)) first.set(sort, low);
  }
  return [...first.values()];
}
