import { readObject } from "../dialects/index.js";
import type { AdmissionRequest } from "../model/admission.js";
import { refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Change } from "../model/snapshot.js";

/** Subresources whose request carries the object itself; others carry a Scale, a Binding, an Eviction. */
const WHOLE_OBJECT: ReadonlySet<string> = new Set(["status", "finalize", "ephemeralcontainers", "resize"]);

/**
 * What an admitted request does to a state that has no API server to tell it: puts what was written, removes what is gone.
 * Removing what is not there is no error. A dry run does nothing.
 */
export function changesOf(request: AdmissionRequest): readonly Change[] {
  const { operation, subResource, dryRun, object, oldObject } = request;
  if (dryRun || operation === "CONNECT" || (subResource !== undefined && !WHOLE_OBJECT.has(subResource))) return [];
  if (operation === "DELETE") return isHeld(oldObject) ? [] : [{ remove: refOfRequest(request) }];
  if (!object) return [];
  if (object.metadata.deletionTimestamp !== undefined) return isHeld(object) ? [] : [{ remove: refOfRequest(request) }];
  return readObject(placed(object, request)).facts.map((put) => ({ put }));
}

/** An object with finalizers stays, and counts, until the last one is taken off; a Namespace's own finalizer only says that its contents go too. */
function isHeld(object: KubeObject | undefined): boolean {
  const finalizers = object?.metadata.finalizers;
  return Array.isArray(finalizers) && finalizers.length > 0;
}

function refOfRequest({ kind, name, namespace, object, oldObject }: AdmissionRequest): ObjectRef {
  const known = oldObject ?? object;
  if (known) return { ...refOf(known), name: known.metadata.name ?? name };
  const clusterScoped = namespace === undefined || kind.kind === "Namespace";
  return { group: kind.group, kind: kind.kind, name, ...(clusterScoped ? {} : { namespace }) };
}

/** A request may know the name and the namespace where the object leaves them out. */
function placed(object: KubeObject, { name, namespace }: AdmissionRequest): KubeObject {
  const { metadata } = object;
  const isNamespace = object.kind === "Namespace" && object.apiVersion === "v1";
  const place = isNamespace || metadata.namespace !== undefined || namespace === undefined ? {} : { namespace };
  return { ...object, metadata: { ...metadata, ...place, name: metadata.name ?? (name || `${metadata.generateName ?? ""}(new)`) } };
}
