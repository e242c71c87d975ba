import { isLive, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import type { TrafficSet } from "../model/traffic.js";
import { IntervalSet } from "../sets/interval-set.js";
import { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import { namespaceNamed, type AllowedPeer } from "./fix-policy.js";
import { isFuture } from "../proof/inquiry.js";
import { addressesOf, podParty } from "../proof/party.js";
import type { Flow, FlowTarget, PodSpace } from "../proof/question.js";
import { runningPods } from "../proof/running.js";
import { hypotheticalPod } from "../proof/symbolic-flow.js";

/** A target's peers as a policy names them, each selector once. `boxOf` gives the selector of a pod. Undefined when one cannot be named. */
export function allowancePeers(snapshot: Snapshot, target: FlowTarget, boxOf: (snapshot: Snapshot, target: FlowTarget, pod: Pod) => LabelBox): readonly AllowedPeer[] | undefined {
  const peers = target.peers.map((peer): AllowedPeer | undefined => {
    if (peer.kind === "addresses") return peer;
    if (peer.kind === "space") return spacePeer(peer);
    if (isLive(peer.pod)) return { kind: "pods", namespaces: namespaceNamed(peer.pod.namespace), pods: boxOf(snapshot, target, peer.pod) };
    // "hostNetwork pods: only matched by ipBlock of node IPs" (S15).
    const addresses = addressesOf(podParty(snapshot, peer.pod)).reduce<IpSet>((all, address) => all.union(IpSet.of(address)), IpSet.EMPTY);
    return addresses.isEmpty ? undefined : { kind: "addresses", addresses };
  });
  return peers.every((peer) => peer !== undefined) ? [...new Map(peers.map((peer) => [keyOf(peer), peer])).values()] : undefined;
}

function keyOf(peer: AllowedPeer): string {
  return peer.kind === "pods" ? `${peer.namespaces.key} ${peer.pods.key}` : [...peer.addresses.v4.ranges, ...peer.addresses.v6.ranges].join(" ");
}

/** A space as the other end of a policy. */
export function spacePeer({ namespace, pods }: PodSpace): AllowedPeer {
  return { kind: "pods", namespaces: isFuture(namespace) ? namespace.future : namespaceNamed(namespace.name), pods };
}

/** The traffic of a target; when it depends on the destination, that of all destinations together. */
export function trafficOf(snapshot: Snapshot, { subject, direction }: Flow, { peers, traffic }: FlowTarget): TrafficSet {
  if (typeof traffic !== "function") return traffic;
  const spaces = direction === "ingress" ? [subject] : peers.filter((peer) => peer.kind === "space");
  const pods = direction === "ingress" ? [] : peers.flatMap((peer) => (peer.kind === "pod" ? [peer.pod] : []));
  const destinations = [...pods, ...spaces.flatMap((space) => [hypotheticalPod(space), ...runningPods(snapshot, space)])];
  return IntervalSet.from(destinations.flatMap((pod) => traffic(pod).ranges));
}
