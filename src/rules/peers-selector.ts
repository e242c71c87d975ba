import type { FlowPeer, FlowTarget } from "../proof/question.js";
import { nameKey } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { formatTraffic } from "../model/traffic.js";
import { formatRange, type IpSet } from "../sets/ip-set.js";
import { LabelBox } from "../sets/label-box.js";
import type { FlowSpec } from "./flow-selector.js";
import type { FlowPeers } from "./rule.js";

/** How many peers or ranges of one alternative are named. */
const NAMED = 3;

/** What the endpoint of a flow is on a snapshot, for people who ask which rules are in force. */
export function peersOf({ what, endpoint }: FlowSpec, snapshot: Snapshot): FlowPeers {
  if (endpoint.local) return { what, peers: ["pods of the same namespace"] };
  return { what, peers: endpoint.resolve(snapshot, { scope: { future: LabelBox.ALL }, reach: "running" }).map(targetText) };
}

function targetText({ peers, traffic }: FlowTarget): string {
  const texts = peers.flatMap(peerTexts);
  const named = [...texts.slice(0, NAMED), ...(texts.length > NAMED ? [`${texts.length - NAMED} more`] : [])].join(", ");
  return `${named} on ${typeof traffic === "function" ? "the ports that it serves" : formatTraffic(traffic)}`;
}

function peerTexts(peer: FlowPeer): string[] {
  if (peer.kind === "addresses") return rangeTexts(peer.addresses);
  if (peer.kind === "pod") return [peer.pod.origin === "hypothetical" ? `a pod that could be in ${peer.pod.namespace}` : nameKey(peer.pod)];
  return "future" in peer.namespace ? [] : [`such pods of ${peer.namespace.name}`];
}

function rangeTexts({ v4, v6 }: IpSet): string[] {
  return [...v4.ranges.map(formatRange), ...v6.ranges.map(formatRange)];
}
