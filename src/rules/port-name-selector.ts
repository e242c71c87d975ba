import type { Flow, FlowPeer, FlowTarget, PodSpace } from "../proof/question.js";
import type { ContainerPort } from "../model/endpoint.js";
import { DIRECTIONS, type NamedPort } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { portsOf, PROTOCOLS, type TrafficSet } from "../model/traffic.js";

/**
 * A named port "resolves on the destination pod" (S10), and a pod that could be may give any of its ports that name. Of a
 * flow that must never be possible, every destination that could be is therefore taken to declare each name that policies
 * mention, on a port of the flow.
 */
export function withPortNames(flow: Flow, snapshot: Snapshot): Flow {
  const names = namesFor(flow, snapshot);
  if (names.length === 0) return flow;
  if (flow.direction === "egress") return { ...flow, anyOf: flow.anyOf.map((target) => ({ ...target, peers: target.peers.map((peer) => declaring(peer, target, names)) })) };
  const ports = flow.anyOf.flatMap((target) => declared(target, names));
  return { ...flow, subject: { ...flow.subject, ports: [...flow.subject.ports, ...ports] } };
}

function declaring(peer: FlowPeer, target: FlowTarget, names: readonly NamedPort[]): FlowPeer {
  return peer.kind === "space" ? { ...peer, ports: [...peer.ports, ...declared(target, names)] } : peer;
}

/** What a pod serves, where that decides the traffic, is what the pack says it serves. */
function declared({ traffic }: FlowTarget, names: readonly NamedPort[]): ContainerPort[] {
  if (typeof traffic === "function") return [];
  return names.flatMap(({ name, protocol }) =>
    PROTOCOLS.filter((one) => protocol === undefined || protocol === one).flatMap((one) => firstPort(traffic, one).map((port) => ({ name, port, protocol: one, container: "" }))),
  );
}

function firstPort(traffic: TrafficSet, protocol: (typeof PROTOCOLS)[number]): number[] {
  const [first] = portsOf(traffic, protocol);
  return first ? [first[0]] : [];
}

/** The names in policies of the namespaces at both ends, each once. */
function namesFor({ subject, anyOf }: Flow, snapshot: Snapshot): NamedPort[] {
  const spaces: readonly PodSpace["namespace"][] = [subject.namespace, ...anyOf.flatMap(({ peers }) => peers.flatMap((peer) => (peer.kind === "space" ? [peer.namespace] : [])))];
  const namespaces = new Set(spaces.flatMap((namespace) => ("name" in namespace ? [namespace.name] : [])));
  const policies = [...[...namespaces].flatMap((name) => [...(snapshot.namespaces.get(name)?.policies.values() ?? [])]), ...snapshot.clusterPolicies.values()];
  const named = policies.flatMap(({ rules }) => DIRECTIONS.flatMap((direction) => rules[direction].flatMap(({ traffic }) => traffic.named)));
  return [...new Map(named.map((port) => [`${port.name} ${port.protocol ?? ""}`, port])).values()];
}
