import { isLive, type Pod } from "../model/endpoint.js";
import type { Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Isolation } from "../model/views.js";

/** How many of some pods a policy isolates, by direction. Pods that no policy selects (hostNetwork) count as not isolated. */
export function isolationOf(snapshot: Snapshot, pods: readonly Pod[]): Readonly<Record<Direction, Isolation>> {
  return { ingress: amount(snapshot, pods, "ingress"), egress: amount(snapshot, pods, "egress") };
}

function amount(snapshot: Snapshot, pods: readonly Pod[], direction: Direction): Isolation {
  const isolated = pods.filter((pod) => isIsolated(snapshot, pod, direction)).length;
  if (isolated === 0) return "none";
  return isolated === pods.length ? "all" : "some";
}

/** "A pod is isolated for direction X iff some NP selects it and lists X" (S2). */
function isIsolated(snapshot: Snapshot, pod: Pod, direction: Direction): boolean {
  if (!isLive(pod)) return false;
  const { labels } = snapshot.namespace(pod.namespace);
  const policies = [...(snapshot.namespaces.get(pod.namespace)?.policies.values() ?? []), ...snapshot.clusterPolicies.values()];
  return policies.some(({ isolates, subject }) => isolates[direction] && subject.namespaces.matches(labels) && subject.pods.matches(pod.labels));
}
