import type { Snapshot } from "../../src/model/snapshot.js";

/** All that a snapshot holds, whatever the order and the layers that it came in. */
export function plain({ namespaces, clusterPolicies, nodes, objects }: Snapshot): object {
  const sorted = <V, W>(map: ReadonlyMap<string, V>, value: (one: V) => W) => [...map.entries()].sort(([a], [b]) => (a < b ? -1 : 1)).map(([key, one]) => [key, value(one)] as const);
  const same = <V>(one: V): V => one;
  return {
    namespaces: sorted(namespaces, ({ namespace, pods, policies }) => ({ namespace, pods: sorted(pods, same), policies: sorted(policies, same) })),
    clusterPolicies: sorted(clusterPolicies, same),
    nodes: sorted(nodes, same),
    objects: sorted(objects, (ofKind) => sorted(ofKind, same)),
  };
}
