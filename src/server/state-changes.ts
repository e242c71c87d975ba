import type { AdmissionRequest } from "../model/admission.js";
import { isRecord, refOf, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import type { Change, Fact } from "../model/snapshot.js";

// Subresources whose reviews carry the object itself; those of others (binding, eviction, exec, scale) carry another kind (facts/admission.md 6).
const WHOLE_OBJECT: ReadonlySet<string> = new Set(["status", "finalize", "ephemeralcontainers", "resize"]);

/** What an admitted request leaves behind in a cluster that is only files: an object more, another one, or one less. Removing what is gone is no error. */
export function stateChanges(request: AdmissionRequest, read: (object: KubeObject) => readonly Fact[]): readonly Change[] {
  const { operation, subResource, oldObject } = request;
  if (operation === "CONNECT" || (subResource !== undefined && !WHOLE_OBJECT.has(subResource))) return [];
  if (operation === "DELETE") return [{ remove: oldObject ? inItsNamespace(refOf(oldObject), request) : refOfRequest(request) }];
  const object = request.object && placed(request.object, request);
  if (!object || refOf(object).name === "") return [];
  return isGone(object, oldObject) ? [{ remove: refOf(object) }] : read(object).map((put) => ({ put }));
}

/** The last finalizer of an object that is being deleted was taken off: no DELETE review follows (facts/admission.md 4). */
function isGone(object: KubeObject, oldObject: KubeObject | undefined): boolean {
  return object.metadata.deletionTimestamp !== undefined && finalizersOf(object) === 0 && oldObject !== undefined && finalizersOf(oldObject) > 0;
}

/** Namespaces have theirs in `spec`. */
function finalizersOf({ metadata, spec }: KubeObject): number {
  const inSpec = isRecord(spec) && Array.isArray(spec["finalizers"]) ? spec["finalizers"].length : 0;
  return (metadata.finalizers ?? []).length + inSpec;
}

function placed(object: KubeObject, { namespace, name }: AdmissionRequest): KubeObject {
  const place = object.kind === "Namespace" || object.metadata.namespace !== undefined || namespace === undefined ? {} : { namespace };
  return { ...object, metadata: { ...object.metadata, name: object.metadata.name ?? name, ...place } };
}

function inItsNamespace(ref: ObjectRef, { namespace }: Pick<AdmissionRequest, "namespace">): ObjectRef {
  return ref.kind === "Namespace" || ref.namespace !== undefined || namespace === undefined ? ref : { ...ref, namespace };
}

function refOfRequest(request: AdmissionRequest): ObjectRef {
  const { kind, name } = request;
  return inItsNamespace({ group: kind.group, kind: kind.kind, name }, request);
}
