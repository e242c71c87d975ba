import { kindKey, type KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";

/** How people name an object: `Kind` or `Kind.group`; a namespaced one without a namespace is in `default`. */
export interface ObjectName {
  readonly kind: string;
  readonly namespace?: string;
  readonly name: string;
}

/** The object of a snapshot that a person names; undefined when there is none, or when only its contents tell of it. */
export function storedObject(snapshot: Snapshot, { kind, namespace, name }: ObjectName): KubeObject | undefined {
  if (kind === "Namespace") return snapshot.namespaces.get(name)?.namespace.object;
  if (kind === "Pod") return snapshot.pod(namespace ?? "default", name)?.object;
  const places = namespace === undefined ? [undefined, "default"] : [namespace];
  return places.map((place) => policyOf(snapshot, { kind, name }, place) ?? otherOf(snapshot, { kind, name }, place)).find((found) => found !== undefined);
}

function policyOf(snapshot: Snapshot, { kind, name }: ObjectName, namespace: string | undefined): KubeObject | undefined {
  const policies = namespace === undefined ? snapshot.clusterPolicies : snapshot.namespaces.get(namespace)?.policies;
  return [...(policies?.values() ?? [])].find(({ ref }) => ref.name === name && isCalled(kindKey(ref), kind))?.object;
}

function otherOf({ objects }: Snapshot, { kind, name }: ObjectName, namespace: string | undefined): KubeObject | undefined {
  const key = namespace === undefined ? name : `${namespace}/${name}`;
  return [...objects].filter(([known]) => isCalled(known, kind)).flatMap(([, ofKind]) => ofKind.get(key) ?? [])[0];
}

/** Is `Kind.group` meant by `Kind`, or by itself? */
function isCalled(known: string, kind: string): boolean {
  return known === kind || known.startsWith(`${kind}.`);
}
