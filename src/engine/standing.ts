import { differingKeys } from "../model/layered-map.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import { isSameGround } from "./ground.js";
import { isFuture, type ProofContext } from "./inquiry.js";
import { holds } from "./prove.js";
import type { Flow, FlowPeer, FlowTarget, PodSpace } from "./question.js";

/** One flow of one namespace, resolved on a snapshot only as far as it must be. */
export interface StandingQuestion {
  readonly namespace: PodSpace["namespace"];
  /** Undefined: it has no peer, and nothing is demanded. */
  whole(): Flow | undefined;
  /** Only the peers in one namespace; absent for flows with alternatives, which are one question. */
  within?(namespace: string): Flow | undefined;
}

/**
 * Remembers for which namespaces one flow is proven. A proof stays as long as what it rests on: the policies and labels of the
 * namespaces of its ends, nodes, cluster-scoped policies, and who its peers are. After a change only the peers that it concerns are
 * asked about again.
 */
export class StandingFlow {
  private readonly context: ProofContext;
  private readonly known = new WeakMap<object, Known>();

  constructor(context: ProofContext) {
    this.context = context;
  }

  /** Is the flow proven on the snapshot? False: it is broken, or not proven within the budget. */
  isProven(snapshot: Snapshot, question: StandingQuestion): boolean {
    const key = keyOf(question.namespace);
    const known = this.known.get(key);
    const world = worldOf(snapshot);
    if (known && isSameWorld(known.world, world)) return known.isProven;
    const { flow, open } = partsToAsk(known, world, question);
    const isProven = open.every((part) => holds(snapshot, part, this.context).answer === "proven");
    this.known.set(key, { world, isProven, anyOf: flow ? flow.anyOf.map(remembered) : (known?.anyOf ?? []) });
    return isProven;
  }
}

/** What a proof may look at of a snapshot. Other objects are known by number, so that old ones need not be kept. */
interface World extends Pick<Snapshot, "namespaces" | "nodes" | "clusterPolicies"> {
  readonly objects: number;
}

interface Known {
  /** The latest in which it was asked about. */
  readonly world: World;
  readonly isProven: boolean;
  readonly anyOf: readonly KnownTarget[];
}

/** A target without the pods and namespaces that `world` tells of. */
type KnownTarget = FlowTarget;

function remembered(target: FlowTarget): KnownTarget {
  return { ...target, peers: target.peers.filter((peer) => peer.kind === "addresses" || (peer.kind === "pod" && peer.pod.origin === "hypothetical")) };
}

const numbers = new WeakMap<Snapshot["objects"], number>();
let last = 0;

function worldOf({ namespaces, nodes, clusterPolicies, objects }: Snapshot): World {
  let number = numbers.get(objects);
  if (number === undefined) numbers.set(objects, (number = ++last));
  return { namespaces, nodes, clusterPolicies, objects: number };
}

function isSameWorld(a: World, b: World): boolean {
  return a.namespaces === b.namespaces && a.nodes === b.nodes && a.clusterPolicies === b.clusterPolicies && a.objects === b.objects;
}

function keyOf(namespace: PodSpace["namespace"]): object {
  return isFuture(namespace) ? namespace.future : namespace;
}

interface Parts {
  /** The flow, where it was resolved as a whole. */
  readonly flow?: Flow | undefined;
  /** What is not known to hold. */
  readonly open: readonly Flow[];
}

function partsToAsk(known: Known | undefined, world: World, { namespace, whole, within }: StandingQuestion): Parts {
  if (!known?.isProven || !isSameSubject(known.world, world, namespace)) return all(whole());
  if (within && known.world.objects === world.objects) return { open: openIn(differing(known.world, world).map(within), known, world) };
  const flow = whole();
  if (flow?.anyOf.length !== known.anyOf.length) return all(flow);
  const open = openIn([flow], known, world);
  // One alternative must hold in full: with several, all of it is asked again.
  return open.length > 0 && !within ? all(flow) : { flow, open };
}

function all(flow: Flow | undefined): Parts {
  return { flow, open: flow ? [flow] : [] };
}

function isSameSubject(was: World, world: World, namespace: PodSpace["namespace"]): boolean {
  if (was.nodes !== world.nodes || was.clusterPolicies !== world.clusterPolicies) return false;
  // A name that is free again is one that a future namespace may have.
  return isFuture(namespace) ? differing(was, world).every((name) => world.namespaces.has(name)) : isSame(was, world, namespace.name);
}

/** The parts of flows whose peers are new or stand on other ground. */
function openIn(flows: readonly (Flow | undefined)[], known: Known, world: World): readonly Flow[] {
  return flows.flatMap((flow) => (flow && openPart(flow, known, world)) ?? []);
}

function openPart(flow: Flow, { anyOf, world: was }: Known, world: World): Flow | undefined {
  const open = flow.anyOf.map((target, i) => {
    const known = anyOf[i];
    const peers = known && isSameTraffic(target, known) ? target.peers.filter((peer) => !isKnownPeer(peer, { known, was, world })) : target.peers;
    return { ...target, peers };
  });
  return open.some(({ peers }) => peers.length > 0) ? { ...flow, anyOf: open } : undefined;
}

interface Then {
  readonly known: KnownTarget;
  readonly was: World;
  readonly world: World;
}

function isKnownPeer(peer: FlowPeer, { known, was, world }: Then): boolean {
  if (peer.kind === "addresses") return known.peers.some((other) => other.kind === "addresses" && other.addresses.equals(peer.addresses));
  if (peer.kind === "space" && isFuture(peer.namespace)) return false;
  const name = peer.kind === "pod" ? peer.pod.namespace : nameOf(peer.namespace);
  const state = was.namespaces.get(name);
  const isThere = peer.kind === "space" ? state?.namespace === peer.namespace : state?.pods.get(peer.pod.name) === peer.pod || known.peers.some((other) => other.kind === "pod" && other.pod === peer.pod);
  return isThere && isSame(was, world, name);
}

function nameOf(namespace: PodSpace["namespace"]): string {
  return isFuture(namespace) ? "" : namespace.name;
}

/** Rules that accept addresses can only help a running pod; others are for cluster-scoped policies to have. */
function isSame(a: World, b: World, name: string): boolean {
  return isSameGround(a.namespaces.get(name), b.namespaces.get(name), b.clusterPolicies.size > 0);
}

let compared: { readonly a: World["namespaces"]; readonly b: World["namespaces"]; readonly names: readonly string[] } | undefined;

/** Many flows are asked about with the same two states one after the other. */
function differing({ namespaces: a }: World, { namespaces: b }: World): readonly string[] {
  if (compared?.a !== a || compared.b !== b) compared = { a, b, names: differingKeys<NamespaceState>(a, b) };
  return compared.names;
}

function isSameTraffic(a: FlowTarget, b: FlowTarget): boolean {
  if (a.some !== b.some) return false;
  return a.traffic === b.traffic || (typeof a.traffic !== "function" && typeof b.traffic !== "function" && a.traffic.equals(b.traffic));
}
