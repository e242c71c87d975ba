import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { differingKeys } from "../model/layered-map.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { Change } from "../rules/rule.js";
import { standingChange } from "./change.js";
import { isDeepStrictEqual } from "./equal.js";
import { requestOf, userInfo } from "./proposed.js";
import type { ReviewContext } from "./review.js";

/** What became otherwise between two snapshots, as far as an audit can tell it. */
export interface Difference {
  /** Cluster-scoped policies or nodes: anything may be otherwise. */
  readonly everywhere: boolean;
  /** Namespaces in which anything is otherwise. */
  readonly namespaces: readonly string[];
  /** Objects beside pods, namespaces and policies, as they were and as they are. */
  readonly objects: readonly ObjectDifference[];
}

export interface ObjectDifference {
  readonly was: KubeObject | undefined;
  readonly is: KubeObject | undefined;
}

/** Cost: what changed, where the snapshots grew from one another. */
export function differenceBetween(before: Snapshot, after: Snapshot): Difference {
  return {
    everywhere: before.clusterPolicies !== after.clusterPolicies || before.nodes !== after.nodes,
    namespaces: differingKeys(before.namespaces, after.namespaces),
    objects: [...new Set([...before.objects.keys(), ...after.objects.keys()])].flatMap((kind) => objectsBetween(before.objects.get(kind) ?? NONE, after.objects.get(kind) ?? NONE)),
  };
}

const NONE: ReadonlyMap<string, KubeObject> = new Map();

function objectsBetween(before: ReadonlyMap<string, KubeObject>, after: ReadonlyMap<string, KubeObject>): readonly ObjectDifference[] {
  return differingKeys(before, after).map((key) => ({ was: before.get(key), is: after.get(key) }));
}

/** Can pods of other namespaces feel what changed in this one? Not what only its objects say of themselves. */
export function isFeltElsewhere(was: NamespaceState | undefined, is: NamespaceState | undefined): boolean {
  if (!was || !is) return true;
  if (was.policies !== is.policies || was.namespace.terminating !== is.namespace.terminating || !isDeepStrictEqual(was.namespace.labels, is.namespace.labels)) return true;
  if (was.namespace !== is.namespace && !isDeepStrictEqual(was.namespace.object?.metadata.ownerReferences, is.namespace.object?.metadata.ownerReferences)) return true;
  return differingKeys(was.pods, is.pods).some((name) => {
    const [{ object: _was, ...one } = { object: undefined }, { object: _is, ...other } = { object: undefined }] = [was.pods.get(name), is.pods.get(name)];
    return !isDeepStrictEqual(one, other);
  });
}

/** A change of policies somewhere in a namespace, as protections are asked about it. */
export function changeIn(namespace: string, before: Snapshot, { snapshot, packs }: ReviewContext): Change {
  const request = requestOf({ apiVersion: "v1", kind: "Namespace", metadata: { name: namespace } }, userInfo(undefined));
  return { ...standingChange(request, snapshot, packs), before, touches: "policy" };
}

/** The rules whose peers are told by one of these objects. */
export function readersOf(objects: readonly ObjectDifference[], rules: readonly CompiledRule[]): readonly CompiledRule[] {
  if (objects.length === 0) return [];
  const all = objects.flatMap(({ was, is }) => [was, is].filter((object) => object !== undefined));
  return rules.filter(({ behaviour: { protect } }) => protect?.reads && all.some((object) => protect.reads?.(object)));
}

/** Does the object look to those it owns as if it had come, gone, or become another one? */
export function isAnother({ was, is }: ObjectDifference): boolean {
  return was?.metadata.uid !== is?.metadata.uid || !was || !is;
}

/** The namespaces in which something has one of these owners, one namespace at each step. */
export function* ownedIn(owners: readonly KubeObject[], { namespaces, objects }: Snapshot): Generator<string | undefined> {
  for (const [name, { namespace, pods, policies }] of namespaces) {
    const within = [namespace, ...pods.values(), ...policies.values()];
    yield within.some(({ object }) => owners.some((owner) => isOwned(object, owner))) ? name : undefined;
  }
  for (const all of objects.values()) {
    for (const object of all.values()) if (owners.some((owner) => isOwned(object, owner))) yield object.metadata.namespace ?? "";
  }
}

function isOwned(object: KubeObject | undefined, { kind, metadata: { name } }: KubeObject): boolean {
  const owners: unknown = object?.metadata.ownerReferences;
  return Array.isArray(owners) && owners.some((owner: unknown) => isRecord(owner) && owner["kind"] === kind && owner["name"] === name);
}
