import { isPolicyKind, readObject } from "../dialects/index.js";
import type { AdmissionRequest } from "../model/admission.js";
import { kindKey, nameKey, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import { isAfter, reaches } from "../model/resource-version.js";
import { policyKey, type Change as Edit, type Snapshot } from "../model/snapshot.js";
import { isDeepStrictEqual } from "./equal.js";

/** An admitted change that may be stored or not: no watch has told yet. Plain data, because replicas tell each other of it. */
export interface PendingChange {
  /** Of the review that admitted it. */
  readonly id: string;
  readonly ref: ObjectRef;
  /** Of the object. Empty only in reviews written by hand. */
  readonly uid: string;
  /** The `resourceVersion` that the write replaces: it cannot replace another one. Absent for a CREATE. */
  readonly base?: string;
  /** What the object becomes; absent when it goes. */
  readonly object?: KubeObject;
  /** It becomes something that was too long to be told of. */
  readonly untold?: true;
}

/** What is known of the cluster. Each kind is known whole as it was at one `resourceVersion`, or later. */
export interface View {
  readonly snapshot: Snapshot;
  /** By `kindKey`. A kind that is being listed has none. */
  readonly versions: Readonly<Record<string, string>>;
  /** Namespaces of which a consistent read was made: what is not there does not exist. */
  readonly fresh?: ReadonlySet<string>;
}

/**
 * What an admitted request may leave behind that could break something together with another one; undefined for all else:
 * dry runs, pods, new namespaces, what changes neither `spec` nor a namespace's labels, and what goes with its namespace.
 */
export function pendingOf(request: AdmissionRequest, snapshot: Snapshot): PendingChange | undefined {
  const { uid: id, operation, oldObject, namespace } = request;
  if (request.dryRun || operation === "CONNECT" || request.subResource !== undefined) return undefined;
  if (namespace !== undefined && snapshot.namespace(namespace).terminating) return undefined;
  const object = operation === "DELETE" ? undefined : request.object;
  const subject = object ?? oldObject;
  if (!subject || !changesReach(request)) return undefined;
  const ref = { ...refOf(subject), ...(namespace !== undefined && !isNamespace(request.kind) && { namespace }) };
  // Without a version (a review written by hand) nothing tells what became of it: it ends by time alone.
  const base = operation === "CREATE" ? undefined : (oldObject?.metadata.resourceVersion ?? "");
  return { id, ref, uid: subject.metadata.uid ?? "", ...(base !== undefined && { base }), ...(object && { object }) };
}

function changesReach({ kind, operation, object, oldObject }: AdmissionRequest): boolean {
  // A namespace that comes has no pods yet, and one that goes takes its pods along.
  if (isNamespace(kind)) return operation === "UPDATE" && !isDeepStrictEqual(object?.metadata.labels ?? {}, oldObject?.metadata.labels ?? {});
  return isPolicyKind(kind) && (operation !== "UPDATE" || !isDeepStrictEqual(object?.spec, oldObject?.spec));
}

function isNamespace({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
  return group === "" && kind === "Namespace";
}

/**
 * Does the view show what became of the write? It was made on one version of its object, and the API server stores it on no other
 * one (it asks again instead). So any later version tells: this write was stored, or another one in its place.
 */
export function isDecided({ ref, uid, base }: PendingChange, view: View): boolean {
  const stored = storedAt(ref, view.snapshot);
  if (base === undefined) return stored !== undefined && uid !== "" && stored.metadata.uid === uid;
  if (stored) return isAfter(stored.metadata.resourceVersion, base);
  // It was there at `base`: where the view has come as far as that, it has gone since.
  return isFresh(ref, view) || reaches(view.versions[kindKey(ref)], base);
}

/** Those of which the view does not know what became. A CREATE is known to be stored when a later change was made to what it made. */
export function openIn(changes: readonly PendingChange[], view: View): readonly PendingChange[] {
  const settled = new Set(changes.filter(({ base, uid }) => base !== undefined && uid !== "").filter((change) => isDecided(change, view)).map(({ ref, uid }) => `${keyOf(ref)} ${uid}`));
  return changes.filter((change) => !isDecided(change, view) && !(change.base === undefined && settled.has(`${keyOf(change.ref)} ${change.uid}`)));
}

/** From which version of its kind on every view shows what this one does; undefined when this one does not know. */
export function decidedAt({ ref }: PendingChange, { snapshot, versions }: View): string | undefined {
  return storedAt(ref, snapshot)?.metadata.resourceVersion ?? versions[kindKey(ref)];
}

/** The change, once it is stored. */
export function editsOf({ ref, object }: PendingChange): readonly Edit[] {
  return object ? readObject(object).facts.map((put) => ({ put })) : [{ remove: ref }];
}

/** Policies that were deleted and wait for a finalizer: nothing can keep them from going any more. */
export function goingIn(snapshot: Snapshot): readonly PendingChange[] {
  const going: PendingChange[] = [];
  for (const { ref, object } of snapshot.policies()) {
    if (object.metadata.deletionTimestamp === undefined || (ref.namespace !== undefined && snapshot.namespace(ref.namespace).terminating)) continue;
    going.push({ id: `going ${keyOf(ref)}`, ref, uid: object.metadata.uid ?? "", base: object.metadata.resourceVersion ?? "" });
  }
  return going;
}

/** In words, for messages: `DELETE demo/allow-dns`. */
export function describePending({ ref, base, object, untold }: PendingChange): string {
  const verb = object || untold ? (base === undefined ? "CREATE" : "UPDATE") : "DELETE";
  return `${verb} of ${ref.kind} \`${nameKey(ref)}\``;
}

/** One text per object. */
export function keyOf(ref: ObjectRef): string {
  return `${kindKey(ref)} ${nameKey(ref)}`;
}

function isFresh({ group, kind, namespace, name }: ObjectRef, { fresh }: View): boolean {
  if (!fresh) return false;
  return isNamespace({ group, kind }) ? fresh.has(name) : namespace === undefined || fresh.has(namespace);
}

function storedAt(ref: ObjectRef, snapshot: Snapshot): KubeObject | undefined {
  if (isNamespace(ref)) return snapshot.namespaces.get(ref.name)?.namespace.object;
  const inPlace = ref.namespace === undefined ? snapshot.clusterPolicies : snapshot.namespaces.get(ref.namespace)?.policies;
  return inPlace?.get(policyKey(ref))?.object ?? snapshot.objectsOf(ref.group, ref.kind).get(nameKey(ref));
}
