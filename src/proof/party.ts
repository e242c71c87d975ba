import { isLive, type ContainerPort, type Node, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Address, IpSet } from "../sets/ip-set.js";
import type { PodSpace } from "./question.js";
import { Memory } from "../model/memory.js";

/** One end of the connections a proof looks at. */
export type Party =
  | { readonly kind: "pod"; readonly pod: Pod; readonly addresses: readonly Address[] }
  /** A pod that does not exist yet: its labels are unknowns, named after `id`; it has no address. */
  | { readonly kind: "space"; readonly id: string; readonly space: PodSpace }
  | { readonly kind: "address"; readonly address: Address }
  /** All of these addresses at once: a block matches them when it covers them. Only for ends whose rules do nothing but accept. */
  | { readonly kind: "range"; readonly addresses: IpSet };

/** "none": the ends have no family in common, or neither has an address: then no block of addresses matches a pod. */
export type Family = "v4" | "v6" | "none";

/** What a snapshot knows of a pod as an end of a connection; a hostNetwork pod without an address has its node's (S15). */
export function podParty(snapshot: Snapshot, pod: Pod): Party {
  if (pod.finished) return { kind: "pod", pod, addresses: [] };
  const borrowed = pod.addresses.length === 0 && pod.hostNetwork ? snapshot.nodes.get(pod.nodeName ?? "")?.addresses : undefined;
  return { kind: "pod", pod, addresses: borrowed ?? pod.addresses };
}

export function addressesOf(party: Party): readonly Address[] {
  if (party.kind === "space" || party.kind === "range") return [];
  return party.kind === "address" ? [party.address] : party.addresses;
}

/** The ports an end declares; an end that is no pod has none. */
export function portsOf(party: Party): readonly ContainerPort[] {
  return party.kind === "pod" ? party.pod.ports : party.kind === "space" ? party.space.ports : [];
}

/** True for ends that policies can select. */
export function isSubject(party: Party): boolean {
  return party.kind === "space" || (party.kind === "pod" && isLive(party.pod));
}

export function isSamePod(a: Party, b: Party): boolean {
  return a.kind === "pod" && b.kind === "pod" && a.pod.namespace === b.pod.namespace && a.pod.name === b.pod.name;
}

/** The families a connection may use: that of an address named as an end, else those both pods have; a pod without any address may use each. */
export function familiesOf(src: Party, dst: Party): readonly Family[] {
  const named = [src, dst].filter((party) => party.kind === "address").map(({ address }) => familyOf(address));
  if (named.length > 0) return named.every((family) => family === named[0]) ? named.slice(0, 1) : NONE;
  const [from, to] = [addressesOf(src), addressesOf(dst)];
  if (from.length === 0 && to.length === 0) return NONE;
  const common = BOTH.filter((family) => mayUse(from, family) && mayUse(to, family));
  return common.length > 0 ? common : NONE;
}

export function familyOf(address: Address): Family {
  return typeof address === "bigint" ? "v6" : "v4";
}

const NONE: readonly Family[] = ["none"];
const BOTH: readonly Family[] = ["v4", "v6"];

function mayUse(addresses: readonly Address[], family: Family): boolean {
  return addresses.length === 0 || addresses.some((address) => familyOf(address) === family);
}

/** The nodes an end stands for: by address, or where a hostNetwork pod runs. A pod with an address of its own is no node. */
export function nodesOf(snapshot: Snapshot, party: Party, family: Family): readonly Node[] {
  if (party.kind === "space" || party.kind === "range" || (party.kind === "pod" && (isLive(party.pod) || party.pod.finished))) return [];
  const runsOn = party.kind === "pod" ? snapshot.nodes.get(party.pod.nodeName ?? "") : undefined;
  const at = addressesOf(party).filter((address) => familyOf(address) === family).flatMap((address) => nodesByAddress(snapshot).get(address) ?? []);
  return runsOn ? [runsOn, ...at] : at;
}

const nodeIndexes = new Memory<ReadonlyMap<string, Node>, ReadonlyMap<Address, readonly Node[]>>();

/** Nodes by address, worked out once for the snapshots that share their nodes. */
export function nodesByAddress({ nodes }: Snapshot): ReadonlyMap<Address, readonly Node[]> {
  const known = nodeIndexes.get(nodes);
  if (known) return known;
  const index = new Map<Address, Node[]>();
  for (const node of nodes.values()) for (const address of node.addresses) index.set(address, [...(index.get(address) ?? []), node]);
  nodeIndexes.set(nodes, index);
  return index;
}
