import type { Endpoint, Node, Pod } from "../model/endpoint.js";
import { isLive } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { parseAddress, type Address } from "../sets/ip-set.js";
import { Memory } from "../model/memory.js";

/** Who has an address: at most one live pod, and the nodes (hostNetwork pods share their node's address). */
interface AddressIndex {
  readonly pods: ReadonlyMap<Address, Pod>;
  readonly nodes: ReadonlyMap<Address, readonly Node[]>;
}

const indexes = new Memory<Snapshot, AddressIndex>();

/**
 * The endpoint a person names: `namespace/pod`, or an IP address. The address of a live pod is that pod; any other address
 * stands for itself. Undefined for a pod the snapshot does not have and for text that is neither.
 */
export function endpointOf(snapshot: Snapshot, text: string): Endpoint | undefined {
  const address = parseAddress(text);
  if (address !== undefined) return endpointAt(snapshot, address);
  const [namespace = "", name = "", ...rest] = text.split("/");
  const pod = rest.length === 0 ? snapshot.pod(namespace, name) : undefined;
  return pod && { kind: "pod", pod };
}

/** The live pod with this address, or the address itself. */
export function endpointAt(snapshot: Snapshot, address: Address): Endpoint {
  const pod = indexOf(snapshot).pods.get(address);
  return pod ? { kind: "pod", pod, address } : { kind: "address", address };
}

/** The nodes that have this address. */
export function nodesAt(snapshot: Snapshot, address: Address): readonly Node[] {
  return indexOf(snapshot).nodes.get(address) ?? [];
}

function indexOf(snapshot: Snapshot): AddressIndex {
  const known = indexes.get(snapshot);
  if (known) return known;
  const index = { pods: podsByAddress(snapshot), nodes: nodesByAddress(snapshot) };
  indexes.set(snapshot, index);
  return index;
}

/** A finished pod's address may be another pod's by now (edge case 29). Two live pods with one address: the first by name. */
function podsByAddress(snapshot: Snapshot): ReadonlyMap<Address, Pod> {
  const pods = new Map<Address, Pod>();
  for (const pod of snapshot.pods()) {
    if (!isLive(pod)) continue;
    for (const address of pod.addresses) {
      const other = pods.get(address);
      if (!other || fullName(pod) < fullName(other)) pods.set(address, pod);
    }
  }
  return pods;
}

function nodesByAddress(snapshot: Snapshot): ReadonlyMap<Address, readonly Node[]> {
  const nodes = new Map<Address, Node[]>();
  for (const node of snapshot.nodes.values()) {
    for (const address of node.addresses) {
      const same = nodes.get(address);
      if (same) same.push(node);
      else nodes.set(address, [node]);
    }
  }
  return nodes;
}

function fullName({ namespace, name }: Pod): string {
  return `${namespace}/${name}`;
}
