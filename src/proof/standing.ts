import type { Snapshot } from "../model/snapshot.js";
import type { LabelBox } from "../sets/label-box.js";
import { likenessOf } from "./likeness.js";
import { isFuture, type ProofContext } from "./inquiry.js";
import { numberOf } from "./number-of.js";
import { holds } from "./prove.js";
import type { Flow, FlowPeer, FlowTarget, PodSpace } from "./question.js";
import { Memory } from "../model/memory.js";

/**
 * Remembers the proofs of one flow by all that they rest on, so that nothing remembered is ever stale: the likeness of the
 * namespaces of both ends, who runs as a peer, addresses and traffic. Namespaces made alike share their proofs, and a change asks again
 * only about the ends it touches.
 */
export class StandingFlow {
  private readonly context: ProofContext;
  private world: World | undefined;
  /** By the subject's end and traffic, then by the other end. */
  private groups = new Map<string, Map<string | number, boolean>>();
  private size = 0;

  constructor(context: ProofContext) {
    this.context = context;
  }

  /** Is the flow proven on the snapshot? False: it is broken, or not proven within the budget. */
  isProven(snapshot: Snapshot, flow: Flow): boolean {
    this.enter(snapshot);
    const [target, ...others] = flow.anyOf;
    if (!target) return true;
    // Without alternatives every peer counts for itself.
    if (others.length === 0 && target.some !== true) return this.isEachProven(flow, target, snapshot);
    const keys = flow.anyOf.map((one) => `${one.some === true ? "some " : ""}${one.peers.map((peer) => keyOfPeer(flow, { target: one, peer, snapshot })).join()}`);
    return this.isPartProven(this.group(""), { key: keys.join(" or "), flow }, snapshot);
  }

  private isEachProven(flow: Flow, target: FlowTarget, snapshot: Snapshot): boolean {
    const own = endOf(flow.subject.namespace, snapshot, flow.runningOnly);
    const group = this.group(`${own.like} on ${trafficText(target)}`);
    return target.peers.every((peer) => {
      const key = alikeOf(own, peer, snapshot) ?? keyOfPeer(flow, { target, peer, snapshot });
      return this.isPartProven(group, { key, flow: { ...flow, anyOf: [{ ...target, peers: [peer] }] } }, snapshot);
    });
  }

  private isPartProven(group: Map<string | number, boolean>, { key, flow }: { readonly key: string | number; readonly flow: Flow }, snapshot: Snapshot): boolean {
    let isProven = group.get(key);
    if (isProven === undefined) {
      isProven = holds(snapshot, flow, this.context).answer === "proven";
      if (++this.size > MAX_PROOFS) this.forget();
      group.set(key, isProven);
    }
    return isProven;
  }

  private group(name: string): Map<string | number, boolean> {
    let group = this.groups.get(name);
    if (!group) this.groups.set(name, (group = new Map<string | number, boolean>()));
    return group;
  }

  private forget(): void {
    [this.groups, this.size] = [new Map(), 0];
  }

  private enter({ nodes, clusterPolicies }: Snapshot): void {
    if (this.world?.nodes === nodes && this.world.clusterPolicies === clusterPolicies) return;
    this.world = { nodes, clusterPolicies };
    this.forget();
  }
}

const MAX_PROOFS = 50_000;

type World = Pick<Snapshot, "nodes" | "clusterPolicies">;

/** The usual peer: any pod of another namespace, where neither end speaks of the other by name. Its likeness says it all. */
function alikeOf(own: End, peer: FlowPeer, snapshot: Snapshot): number | undefined {
  if (peer.kind !== "space" || isFuture(peer.namespace) || own.name === undefined) return undefined;
  const { name } = peer.namespace;
  const { number, mentions } = likenessOf(snapshot, name);
  return number === 0 || own.name === name || own.mentions.has(name) || mentions.has(own.name) ? undefined : number;
}

interface OtherEnd {
  readonly target: FlowTarget;
  readonly peer: FlowPeer;
  readonly snapshot: Snapshot;
}

/** All that a proof about one peer rests on. The flow's boxes and its direction are always the same. */
function keyOfPeer({ subject, runningOnly }: Flow, { target, peer, snapshot }: OtherEnd): string {
  const own = endOf(subject.namespace, snapshot, runningOnly);
  const traffic = trafficText(target);
  if (peer.kind === "addresses") return `${own.like} to ${rangesText(peer)} on ${traffic}`;
  const other = endOf(peer.kind === "pod" ? snapshot.namespace(peer.pod.namespace) : peer.namespace, snapshot);
  const isSame = own.name !== undefined && own.name === other.name;
  const who = peer.kind === "pod" ? `pod ${numberOf(peer.pod)}` : "space";
  return `${own.like}${named(own, other, snapshot)} to ${who} in ${isSame ? "same" : `${other.like}${named(other, own, snapshot)}`} on ${traffic}`;
}

function trafficText({ traffic }: FlowTarget): string {
  return typeof traffic === "function" ? `f${numberOf(traffic)}` : textFor(traffic, () => traffic.ranges.join(";"));
}

/** Sets that packs write are the same objects each time. */
const texts = new Memory<object, string>();

function textFor(value: object, write: () => string): string {
  let text = texts.get(value);
  if (text === undefined) texts.set(value, (text = write()));
  return text;
}

interface End {
  readonly like: string;
  readonly name: string | undefined;
  readonly mentions: ReadonlySet<string>;
}

const NOTHING: ReadonlySet<string> = new Set();

/** `runningOnly`: the question is about the very pods that run. */
function endOf(namespace: PodSpace["namespace"], snapshot: Snapshot, runningOnly = false): End {
  if (isFuture(namespace)) return { like: futureText(namespace, snapshot), name: undefined, mentions: NOTHING };
  const { name } = namespace;
  const state = snapshot.namespaces.get(name);
  const { number, mentions } = likenessOf(snapshot, name);
  return { like: !state ? `no ${name}` : runningOnly ? `${number} pods ${numberOf(state.pods)}` : String(number), name, mentions };
}

/** Cluster-scoped policies may speak of any name, and one that is free again is one that a future namespace may have. */
function futureText({ future }: { readonly future: LabelBox }, { namespaces, clusterPolicies }: Snapshot): string {
  return `future ${future.key}${clusterPolicies.size > 0 ? ` beside ${numberOf(namespaces)}` : ""}`;
}

/** An end's name matters where the other end's policies speak of it; a future namespace may have each of those names that is free. */
function named({ name }: End, { mentions }: End, { namespaces }: Snapshot): string {
  if (mentions.size === 0) return "";
  if (name === undefined) return `(but ${[...mentions].filter((one) => namespaces.has(one)).sort().join()})`;
  return mentions.has(name) ? `(${name})` : "";
}

function rangesText({ addresses }: Extract<FlowPeer, { kind: "addresses" }>): string {
  return textFor(addresses, () => `${addresses.v4.ranges.join(";")} ${addresses.v6.ranges.join(";")}`);
}
