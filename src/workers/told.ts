import { readObject } from "../dialects/index.js";
import { nodeObject } from "../model/endpoint.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { Change, Fact, Removal, Snapshot } from "../model/snapshot.js";

/** Changes as plain data: objects, which whoever hears of them reads again. What was made of them does not survive being copied. */
export type Told = readonly ({ readonly put: KubeObject } | Removal)[];

export function toldOf(changes: readonly Change[]): Told {
  const told: Told[number][] = [];
  let last: KubeObject | undefined;
  for (const change of changes) {
    const object = "put" in change ? objectOf(change.put) : undefined;
    // One object may be several facts, which stand together.
    if (object && object !== last) told.push({ put: object });
    if ("remove" in change) told.push(change);
    last = object;
  }
  return told;
}

/** The changes that were told of. */
export function changesOf(told: Told): readonly Change[] {
  return told.flatMap((one): readonly Change[] => ("remove" in one ? [one] : readObject(one.put).facts.map((put) => ({ put }))));
}

/** A whole state, in pieces of so many objects. */
export function* piecesOf(snapshot: Snapshot, length: number): Iterable<Told> {
  const seen = new Set<KubeObject>();
  let piece: Told[number][] = [];
  for (const object of objectsIn(snapshot)) {
    if (!object || seen.has(object)) continue;
    seen.add(object);
    piece.push({ put: object });
    if (piece.length < length) continue;
    yield piece;
    piece = [];
  }
  yield piece;
}

function* objectsIn({ namespaces, nodes, clusterPolicies, objects }: Snapshot): Iterable<KubeObject | undefined> {
  for (const { namespace, pods, policies } of namespaces.values()) {
    yield namespace.object;
    for (const { object } of pods.values()) yield object;
    for (const { object } of policies.values()) yield object;
  }
  for (const { object } of clusterPolicies.values()) yield object;
  for (const node of nodes.values()) yield nodeObject(node);
  for (const ofKind of objects.values()) yield* ofKind.values();
}

function objectOf({ fact, value }: Fact): KubeObject | undefined {
  if (fact === "node") return nodeObject(value);
  return fact === "object" ? value : value.object;
}
