import { isLive, type Endpoint, type Node, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Address } from "../sets/ip-set.js";
import { NOWHERE, type Classes, type EndClass, type NamespaceClass } from "./classes.js";
import type { Vocabulary } from "./vocabulary.js";
import { Memory } from "../model/memory.js";

/** One address family, or none: what an end is without its addresses. */
export type Family = 0 | 4 | 6;

/** The end of a connection, ready to be asked about. Its classes are worked out again when policies have taught the vocabulary more. */
export interface End {
  readonly endpoint: Endpoint;
  /** The pod that policies select; absent for addresses, hostNetwork and finished pods. */
  readonly subject?: Pod;
  /** Families of its addresses: 1 for IPv4, plus 2 for IPv6. */
  readonly families: number;
  /** Which of them an address that was named decides; 0 when none was. */
  readonly named: number;
  /** True when its class is the same in each family. */
  readonly uniform: boolean;
  classIn(family: Family): EndClass;
  /** The nodes it stands for. */
  nodesIn(family: Family): readonly Node[];
}

const NO_NODES: readonly Node[] = [];

/** Remembers the classes of an end as long as the vocabulary says what it said. */
abstract class KnownEnd {
  readonly endpoint: Endpoint;
  readonly families: number;
  readonly named: number;
  protected readonly registry: Registry;
  private version = -1;
  private none: EndClass | undefined;
  private v4: EndClass | undefined;
  private v6: EndClass | undefined;

  constructor(endpoint: Endpoint, addresses: readonly Address[], registry: Registry) {
    this.endpoint = endpoint;
    this.families = familiesOf(addresses);
    this.named = endpoint.address === undefined ? 0 : this.families;
    this.registry = registry;
  }

  classIn(family: Family): EndClass {
    if (this.version !== this.registry.vocabulary.version) {
      this.version = this.registry.vocabulary.version;
      this.none = this.v4 = this.v6 = undefined;
    }
    if (family === 0 || this.uniform) return (this.none ??= this.makeClass(0));
    return family === 4 ? (this.v4 ??= this.makeClass(4)) : (this.v6 ??= this.makeClass(6));
  }

  abstract get uniform(): boolean;
  protected abstract makeClass(family: Family): EndClass;
}

/** A pod that policies select. */
export class LivePodEnd extends KnownEnd implements End {
  readonly subject: Pod;
  readonly namespace: NamespaceClass;
  private readonly addresses: readonly Address[];

  /** `matchesAddresses` is the profile's `cidrSelectsPods`. */
  constructor(endpoint: Endpoint & { readonly kind: "pod" }, namespace: NamespaceClass, { registry, matchesAddresses }: LiveOptions) {
    const known = endpoint.address === undefined ? endpoint.pod.addresses : [endpoint.address];
    super(endpoint, known, registry);
    this.subject = endpoint.pod;
    this.namespace = namespace;
    this.addresses = matchesAddresses ? known : NO_ADDRESSES;
  }

  get uniform(): boolean {
    return this.addresses.length === 0;
  }

  nodesIn(): readonly Node[] {
    return NO_NODES;
  }

  protected override makeClass(family: Family): EndClass {
    const { vocabulary, classes } = this.registry;
    const around = this.uniform || family === 0 ? NOWHERE : { addressSets: setsWith(this.addresses, family, vocabulary), nodes: [] };
    return classes.ofPod(this.subject, this.namespace, around);
  }
}

/** An address, or a pod that no selector selects: it is matched by its addresses and by the nodes it stands for. */
export class OtherEnd extends KnownEnd implements End {
  private readonly addresses: readonly Address[];
  private readonly nodes: (family: Family) => readonly Node[];

  constructor(endpoint: Endpoint, { registry, addresses, nodes }: OtherOptions) {
    super(endpoint, addresses, registry);
    this.addresses = addresses;
    this.nodes = nodes;
  }

  get uniform(): boolean {
    return false;
  }

  nodesIn(family: Family): readonly Node[] {
    return this.nodes(family);
  }

  protected override makeClass(family: Family): EndClass {
    const { vocabulary, classes } = this.registry;
    return classes.ofOther({ addressSets: setsWith(this.addresses, family, vocabulary), nodes: this.nodes(family).map(({ labels }) => labels) });
  }
}

const NO_ADDRESSES: readonly Address[] = [];

/** What classes are made of and where they are kept. */
interface Registry {
  readonly vocabulary: Vocabulary;
  readonly classes: Classes;
}

interface LiveOptions {
  readonly registry: Registry;
  readonly matchesAddresses: boolean;
}

interface OtherOptions {
  readonly registry: Registry;
  readonly addresses: readonly Address[];
  readonly nodes: (family: Family) => readonly Node[];
}

/** The addresses that an end has that is no live pod. "A finished pod with its IP reused: ignored" (edge case 29). */
export function addressesOfOther(snapshot: Snapshot, endpoint: Endpoint): readonly Address[] {
  if (endpoint.address !== undefined) return [endpoint.address];
  if (endpoint.kind === "address" || endpoint.pod.finished) return [];
  // A hostNetwork pod that has not reported its address yet has its node's: "represent by node IP" (S15).
  return endpoint.pod.addresses.length > 0 ? endpoint.pod.addresses : snapshot.nodes.get(endpoint.pod.nodeName ?? "")?.addresses ?? [];
}

/** The nodes that such an end stands for: by address, or where a hostNetwork pod runs. */
export function nodesOfOther(snapshot: Snapshot, endpoint: Endpoint, family: Family): readonly Node[] {
  if (snapshot.nodes.size === 0 || (endpoint.kind === "pod" && (isLive(endpoint.pod) || endpoint.pod.finished))) return NO_NODES;
  const runsOn = endpoint.kind === "pod" ? snapshot.nodes.get(endpoint.pod.nodeName ?? "") : undefined;
  const index = nodesByAddress(snapshot.nodes);
  const at = addressesOfOther(snapshot, endpoint).filter((address) => isIn(family, address)).flatMap((address) => index.get(address) ?? []);
  return runsOn ? [runsOn, ...at] : at;
}

const nodeIndexes = new Memory<ReadonlyMap<string, Node>, ReadonlyMap<Address, readonly Node[]>>();

function nodesByAddress(nodes: ReadonlyMap<string, Node>): ReadonlyMap<Address, readonly Node[]> {
  const known = nodeIndexes.get(nodes);
  if (known) return known;
  const index = new Map<Address, readonly Node[]>();
  for (const node of nodes.values()) for (const address of node.addresses) index.set(address, [...(index.get(address) ?? []), node]);
  nodeIndexes.set(nodes, index);
  return index;
}

function setsWith(addresses: readonly Address[], family: Family, vocabulary: Vocabulary): readonly number[] {
  const [only, ...others] = addresses.filter((address) => isIn(family, address));
  if (only === undefined) return [];
  const sets = vocabulary.setsWith(only);
  return others.length === 0 ? sets : [...new Set([...sets, ...others.flatMap((address) => vocabulary.setsWith(address))])].sort((a, b) => a - b);
}

function isIn(family: Family, address: Address): boolean {
  return (typeof address === "bigint" ? 6 : 4) === family;
}

function familiesOf(addresses: readonly Address[]): number {
  return (addresses.some((address) => isIn(4, address)) ? 1 : 0) + (addresses.some((address) => isIn(6, address)) ? 2 : 0);
}
