import type { Peer, PodClass, PolicyRule, TrafficMatch } from "../model/policy.js";
import type { LabelBox } from "../sets/label-box.js";
import { ANYTHING, complementValues, intersectValues, isNothing } from "../sets/value-set.js";

/** True iff every label map of `inner` lies in `outer`. Exact: boxes are compared key by key. */
export function boxCovers(outer: LabelBox, inner: LabelBox): boolean {
  if (inner.isEmpty) return true;
  if (outer.isEmpty) return false;
  return [...outer.constraints].every(([key, values]) => isNothing(intersectValues(inner.constraints.get(key) ?? ANYTHING, complementValues(values))));
}

/** True iff every pod of `inner`, running or not, is one of `outer`. */
export function classCovers(outer: PodClass, inner: PodClass): boolean {
  if (inner.namespaces.isEmpty || inner.pods.isEmpty) return true;
  return boxCovers(outer.namespaces, inner.namespaces) && boxCovers(outer.pods, inner.pods);
}

/**
 * True only if `outer` matches all that `inner` matches. Sufficient, not necessary: each peer must lie within one peer, and
 * port names are compared as names.
 */
export function ruleCovers(outer: PolicyRule, inner: PolicyRule): boolean {
  return trafficCovers(outer.traffic, inner.traffic) && peersCover(outer.peers, inner.peers);
}

function trafficCovers(outer: TrafficMatch, inner: TrafficMatch): boolean {
  const names = inner.named.every(({ name, protocol }) => outer.named.some((port) => port.name === name && (port.protocol === undefined || port.protocol === protocol)));
  return names && outer.ports.covers(inner.ports);
}

function peersCover(outer: PolicyRule["peers"], inner: PolicyRule["peers"]): boolean {
  if (outer === "everyone") return true;
  return inner !== "everyone" && inner.every((peer) => outer.some((other) => peerCovers(other, peer)));
}

function peerCovers(outer: Peer, inner: Peer): boolean {
  if (outer.kind === "pods" && inner.kind === "pods") return classCovers(outer, inner);
  if (outer.kind === "addresses" && inner.kind === "addresses") return outer.addresses.covers(inner.addresses);
  if (outer.kind === "nodes" && inner.kind === "nodes") return boxCovers(outer.labels, inner.labels);
  return outer.kind === "symbolic" && inner.kind === "symbolic" && outer.name === inner.name;
}
