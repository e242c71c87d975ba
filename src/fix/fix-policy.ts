import { NAME_LABEL } from "../model/endpoint.js";
import { NETWORK_POLICY_TIER, type Direction, type Peer, type Policy } from "../model/policy.js";
import type { KubeObject } from "../model/kubernetes.js";
import { ALL_PORTS, portsOf, PROTOCOLS, type TrafficSet } from "../model/traffic.js";
import type { Snapshot } from "../model/snapshot.js";
import type { IpSet } from "../sets/ip-set.js";
import { LabelBox } from "../sets/label-box.js";
import { oneOf, type ValueSet } from "../sets/value-set.js";
import { ipBlocksOf } from "./fix-addresses.js";

/** What one new NetworkPolicy allows in one direction. */
export interface Allowance {
  readonly namespace: string;
  readonly pods: LabelBox;
  readonly direction: Direction;
  readonly peers: readonly AllowedPeer[];
  readonly traffic: TrafficSet;
}

export type AllowedPeer = { readonly kind: "pods"; readonly namespaces: LabelBox; readonly pods: LabelBox } | { readonly kind: "addresses"; readonly addresses: IpSet };

/** A NetworkPolicy as it means and as a person would write it. */
export interface WrittenPolicy {
  readonly policy: Policy;
  readonly object: KubeObject;
}

/** The namespaces of one name: "the policy's own namespace", or another that exists. */
export function namespaceNamed(name: string): LabelBox {
  return LabelBox.from([[NAME_LABEL, oneOf([name])]]);
}

/** What a flow is called as part of a policy's name: `DNS of apps` as `dns-of-apps`. */
export function wordsOf(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "").slice(0, 40);
}

/** The name, with a number when the namespace has a policy of that name, or `isTaken` says so. */
export function freeName(snapshot: Snapshot, namespace: string, stem: string, isTaken: (name: string) => boolean = () => false): string {
  const isKnown = (name: string): boolean => isTaken(name) || snapshot.policy({ group: "networking.k8s.io", kind: "NetworkPolicy", namespace, name }) !== undefined;
  let free = stem;
  for (let i = 2; isKnown(free); i++) free = `${stem}-${i}`;
  return free;
}

/** Writes allowances of one namespace and one selector as one policy. Undefined when a selector or some traffic cannot be written. */
export function writePolicy(name: string, allowances: readonly [Allowance, ...Allowance[]]): WrittenPolicy | undefined {
  const [{ namespace, pods }] = allowances;
  const podSelector = selectorOf(pods);
  const rules = allowances.map((allowance) => [allowance.direction, writeRule(allowance)] as const);
  if (!podSelector || rules.some(([, rule]) => rule === undefined)) return undefined;
  const types = allowances.map(({ direction }) => (direction === "ingress" ? "Ingress" : "Egress")).sort().reverse();
  const object: KubeObject = {
    apiVersion: "networking.k8s.io/v1",
    kind: "NetworkPolicy",
    metadata: { name, namespace },
    spec: { podSelector, policyTypes: types, ...Object.fromEntries(rules.map(([direction, rule]) => [direction, [rule]])) },
  };
  return { object, policy: meaning(object, allowances) };
}

function meaning(object: KubeObject, allowances: readonly [Allowance, ...Allowance[]]): Policy {
  const [{ namespace, pods }] = allowances;
  const inDirection = (direction: Direction): readonly Allowance[] => allowances.filter((allowance) => allowance.direction === direction);
  const rulesOf = (direction: Direction): Policy["rules"][Direction] =>
    inDirection(direction).map(({ peers, traffic }, i) => ({ action: "Accept", peers: peers.map((peer): Peer => peer), traffic: { ports: traffic, named: [] }, path: `spec.${direction}[${i}]` }));
  return {
    ref: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace, name: object.metadata.name ?? "" },
    tier: NETWORK_POLICY_TIER,
    order: 0,
    subject: { namespaces: namespaceNamed(namespace), pods },
    isolates: { ingress: inDirection("ingress").length > 0, egress: inDirection("egress").length > 0 },
    rules: { ingress: rulesOf("ingress"), egress: rulesOf("egress") },
    problems: [],
    object,
  };
}

/** One rule as it is written; undefined when a peer or some traffic cannot be. */
export function writeRule({ namespace, direction, peers, traffic }: Omit<Allowance, "pods">): Record<string, unknown> | undefined {
  const written = peers.map((peer) => writePeer(peer, namespace));
  const ports = writePorts(traffic);
  if (!ports || written.includes(undefined)) return undefined;
  return { [direction === "ingress" ? "from" : "to"]: written.flatMap((peer) => peer ?? []), ...(ports.length > 0 ? { ports } : {}) };
}

function writePeer(peer: AllowedPeer, own: string): readonly Record<string, unknown>[] | undefined {
  if (peer.kind === "addresses") return ipBlocksOf(peer.addresses).map((ipBlock) => ({ ipBlock }));
  const [namespaceSelector, podSelector] = [selectorOf(peer.namespaces), selectorOf(peer.pods)];
  if (!namespaceSelector || !podSelector) return undefined;
  // "podSelector alone: own namespace only; both in one item: AND" (S6).
  if (peer.namespaces.key === namespaceNamed(own).key) return [{ podSelector }];
  return [{ namespaceSelector, ...(peer.pods.isAll ? {} : { podSelector }) }];
}

/** Items of `ports`; none for everything, undefined when protocols without ports would have to be named. */
function writePorts(traffic: TrafficSet): readonly Record<string, unknown>[] | undefined {
  if (traffic.covers(ALL_PORTS)) return [];
  if (!ALL_PORTS.covers(traffic)) return undefined;
  return PROTOCOLS.flatMap((protocol) => portsOf(traffic, protocol).map(([low, high]) => {
    if (low === 1 && high === 65_535) return { protocol };
    return low === high ? { protocol, port: low } : { protocol, port: low, endPort: high };
  }));
}

/** A LabelSelector for a box; undefined for what no selector can say, "absent or one of these". */
export function selectorOf(box: LabelBox): Record<string, unknown> | undefined {
  const matchLabels: Record<string, string> = {};
  const matchExpressions: Record<string, unknown>[] = [];
  for (const [key, set] of [...box.constraints].sort(([a], [b]) => (a < b ? -1 : 1))) {
    const only = exactly(set);
    const expressions = only === undefined ? expressionsOf(key, set) : [];
    if (!expressions) return undefined;
    if (only !== undefined) matchLabels[key] = only;
    matchExpressions.push(...expressions);
  }
  return box.isEmpty ? undefined : { ...(Object.keys(matchLabels).length > 0 ? { matchLabels } : {}), ...(matchExpressions.length > 0 ? { matchExpressions } : {}) };
}

function exactly({ allBut, values, absent }: ValueSet): string | undefined {
  return !allBut && !absent && values.size === 1 ? [...values][0] : undefined;
}

function expressionsOf(key: string, { allBut, values, absent }: ValueSet): readonly Record<string, unknown>[] | undefined {
  const sorted = [...values].sort();
  if (allBut) return [...(absent ? [] : [{ key, operator: "Exists" }]), ...(sorted.length > 0 ? [{ key, operator: "NotIn", values: sorted }] : [])];
  if (!absent) return [{ key, operator: "In", values: sorted }];
  return sorted.length === 0 ? [{ key, operator: "DoesNotExist" }] : undefined;
}

/** How much there is to read: objects, rules, peers, ports. */
export function sizeOf(policies: readonly WrittenPolicy[]): readonly number[] {
  const rules = policies.flatMap(({ object }) => Object.entries(object.spec as Record<string, unknown>).filter(([key]) => key === "ingress" || key === "egress").flatMap(([, list]) => list as Record<string, readonly unknown[] | undefined>[]));
  const count = (...fields: readonly string[]): number => rules.reduce((sum, rule) => sum + fields.reduce((all, field) => all + (rule[field]?.length ?? 0), 0), 0);
  return [policies.length, rules.length, count("from", "to"), count("ports")];
}
