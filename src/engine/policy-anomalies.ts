import type { Pod } from "../model/endpoint.js";
import type { PodClass, Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { anomaliesOf, type Anomaly } from "./anomalies.js";
import { workloads } from "./workloads.js";
import { Memory } from "../model/memory.js";

/** Anomalies of one policy of a snapshot, without looking at the others' own. Cost: the pods, once per snapshot, and the policies of its tier. */
export function anomaliesOfPolicy(policy: Policy, snapshot: Snapshot): readonly Anomaly[] {
  return [...anomaliesOf(policy, snapshot, (pods) => isSomeone(pods, snapshot))];
}

function isSomeone({ namespaces, pods }: PodClass, snapshot: Snapshot): boolean {
  for (const [name, inIt] of podsByNamespace(snapshot)) {
    if (namespaces.matches(snapshot.namespace(name).labels) && inIt.some((pod) => pods.matches(pod.labels))) return true;
  }
  return false;
}

const remembered = new Memory<Snapshot, ReadonlyMap<string, readonly Pod[]>>();

/** Running pods, and templates of workloads that have none. */
function podsByNamespace(snapshot: Snapshot): ReadonlyMap<string, readonly Pod[]> {
  const known = remembered.get(snapshot);
  if (known) return known;
  const byNamespace = new Map<string, Pod[]>();
  for (const pod of workloads(snapshot).flatMap((workload) => workload.pods)) {
    const inIt = byNamespace.get(pod.namespace);
    if (inIt) inIt.push(pod);
    else byNamespace.set(pod.namespace, [pod]);
  }
  remembered.set(snapshot, byNamespace);
  return byNamespace;
}
