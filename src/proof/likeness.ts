import { isLive, NAME_LABEL, type Pod } from "../model/endpoint.js";
import type { Peer, PodClass, Policy, PolicyRule } from "../model/policy.js";
import { DIRECTIONS } from "../model/policy.js";
import { Tally } from "../model/layered-map.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import type { LabelBox } from "../sets/label-box.js";
import { valueSetKey } from "../sets/value-set.js";
import { familyText } from "./running.js";
import { Memory } from "../model/memory.js";

/** Namespaces that a proof cannot tell apart but by their names have the same number: as alike as the Spaces of one template. */
export interface Likeness {
  readonly number: number;
  /** Names of other namespaces that its policies speak of. */
  readonly mentions: ReadonlySet<string>;
}

const NOWHERE: Likeness = { number: 0, mentions: new Set() };

/**
 * What a *proof* that a flow holds rests on in one namespace: its labels, its policies, and what running pods have that
 * hypothetical ones lack (ports they declare, families of their addresses). Where cluster-scoped policies are in force, which can deny
 * addresses, each state is like itself only.
 */
export function likenessOf(snapshot: Snapshot, name: string): Likeness {
  const state = snapshot.namespaces.get(name);
  if (!state) return NOWHERE;
  const known = byState.get(state);
  if (known?.cluster === snapshot.clusterPolicies) return known.likeness;
  const likeness = snapshot.clusterPolicies.size > 0 ? unique() : sharedLikeness(state);
  byState.set(state, { cluster: snapshot.clusterPolicies, likeness });
  return likeness;
}

const byState = new Memory<NamespaceState, { readonly cluster: Snapshot["clusterPolicies"]; readonly likeness: Likeness }>();

let last = 0;

function unique(): Likeness {
  return { number: ++last, mentions: NOWHERE.mentions };
}

function sharedLikeness({ namespace, policies, pods }: NamespaceState): Likeness {
  const { [NAME_LABEL]: _name, ...labels } = namespace.labels;
  const own = writtenIn(policies);
  return { number: numberOf(`${JSON.stringify(Object.entries(labels).sort())} ${own.number} ${kindsOf(pods)}`), mentions: own.mentions };
}

const byPolicies = new Memory<NamespaceState["policies"], Likeness>();

/** What the policies of a namespace say: alike ones have the same number. */
function writtenIn(policies: NamespaceState["policies"]): Likeness {
  let known = byPolicies.get(policies);
  if (!known) {
    const own = [...policies.values()].map(textOf);
    known = { number: numberOf(`policies ${JSON.stringify(own.map((policy) => policy.text).sort())}`), mentions: new Set(own.flatMap((policy) => policy.mentions)) };
    byPolicies.set(policies, known);
  }
  return known;
}

/** Past so many different texts they are forgotten: namespaces seen later are then like none seen before, and are asked about again. */
const MAX_TEXTS = 20_000;
const numbers = new Map<string, number>();

function numberOf(text: string): number {
  let number = numbers.get(text);
  if (number === undefined) {
    if (numbers.size >= MAX_TEXTS) numbers.clear();
    numbers.set(text, (number = ++last));
  }
  return number;
}

type Pods = ReadonlyMap<string, Pod>;
const kinds = new Tally(kindOf);
const kindByPod = new Memory<Pod, string>();

/** What its live pods have that a hypothetical one has not, as text: each sort once. */
function kindsOf(pods: Pods): string {
  return kinds.of(pods).sort().join("\n");
}

/** Undefined: it does not run, and nothing can tell that it is there. */
function kindOf(pod: Pod): string | undefined {
  if (!isLive(pod)) return undefined;
  let text = kindByPod.get(pod);
  if (text === undefined) {
    const ports = pod.ports.map(({ name, port, protocol, container }) => [name ?? "", port, protocol, container]);
    kindByPod.set(pod, (text = JSON.stringify([familyText(pod), ports])));
  }
  return text;
}

interface PolicyText {
  readonly text: string;
  readonly mentions: readonly string[];
}

const texts = new Memory<Policy, PolicyText>();

/** The normal form as text, with "its own namespace" in place of the namespace's name. */
function textOf(policy: Policy): PolicyText {
  let known = texts.get(policy);
  if (!known) texts.set(policy, (known = new PolicyWriter(policy.ref.namespace ?? "").write(policy)));
  return known;
}

class PolicyWriter {
  private readonly own: string;
  private readonly mentions: string[] = [];

  constructor(own: string) {
    this.own = own;
  }

  write({ tier, order, subject, isolates, rules }: Policy): PolicyText {
    const parts = DIRECTIONS.map((direction) => [isolates[direction], rules[direction].map((rule) => this.rule(rule))]);
    return { text: JSON.stringify([tier.name, tier.order, tier.defaultAction, order, this.podClass(subject), parts]), mentions: this.mentions };
  }

  private rule({ action, peers, traffic }: PolicyRule): unknown {
    return [action, peers === "everyone" ? peers : peers.map((peer) => this.peer(peer)), traffic.ports.ranges, traffic.named];
  }

  private peer(peer: Peer): unknown {
    switch (peer.kind) {
      case "pods":
        return this.podClass(peer);
      case "addresses":
        return [peer.addresses.v4.ranges, peer.addresses.v6.ranges.map((range) => range.map(String))];
      case "nodes":
        return ["nodes", peer.labels.key];
      case "symbolic":
        return ["symbolic", peer.name];
    }
  }

  private podClass({ namespaces, pods }: PodClass): unknown {
    return [this.box(namespaces), pods.key];
  }

  /** `kubernetes.io/metadata.name`: the one label in which namespaces alike differ. */
  private box(box: LabelBox): unknown {
    const name = box.constraints.get(NAME_LABEL);
    if (!name) return box.key;
    const values = [...name.values].map((value) => (value === this.own ? "" : value));
    this.mentions.push(...values.filter((value) => value !== ""));
    const others = [...box.constraints].filter(([key]) => key !== NAME_LABEL).map(([key, set]) => [key, valueSetKey(set)]).sort();
    return [{ ...name, values: values.sort() }, others];
  }
}
