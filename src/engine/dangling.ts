import { NAME_LABEL } from "../model/endpoint.js";
import { DIRECTIONS, type Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { LabelBox } from "../sets/label-box.js";

/** A namespace selector that no namespace fits, because of one label that none carries. */
export interface DanglingLabel {
  readonly path: string;
  readonly label: string;
  /** The namespace that the label's value names, when there is one: most likely what was meant. */
  readonly meant?: string;
}

/** Labels in a policy's namespace selectors that nothing carries: Kubernetes itself sets only `kubernetes.io/metadata.name` (S8). */
export function danglingNamespaceLabels(policy: Policy, snapshot: Snapshot): DanglingLabel[] {
  const rules = DIRECTIONS.flatMap((direction) => policy.rules[direction]);
  return rules.flatMap(({ peers, path }) =>
    peers === "everyone" ? [] : peers.flatMap((peer) => (peer.kind === "pods" ? danglingIn(peer.namespaces, path, snapshot) : [])),
  );
}

function danglingIn(box: LabelBox, path: string, snapshot: Snapshot): DanglingLabel[] {
  return [...box.constraints].flatMap(([key, values]) => {
    if (key === NAME_LABEL || values.absent || values.allBut) return [];
    const carried = [...snapshot.namespaces.values()].some(({ namespace }) => values.values.has(namespace.labels[key] ?? ""));
    if (carried) return [];
    return [...values.values].map((value) => ({ path, label: `${key}=${value}`, ...(snapshot.namespaces.has(value) && { meant: value }) }));
  });
}
