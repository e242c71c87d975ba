import { isDeepStrictEqual } from "./equal.js";
import type { AdmissionRequest } from "../model/admission.js";
import type { Snapshot } from "../model/snapshot.js";

/**
 * Controllers that clean up: "a denied NetworkPolicy DELETE by the namespace controller wedges the namespace in
 * Terminating; by the garbage collector it loops. Both must be let through" (A5). The last name is theirs when the
 * controller manager runs without `--use-service-account-credentials`.
 */
export const CLEANERS: ReadonlySet<string> = new Set([
  "system:serviceaccount:kube-system:namespace-controller",
  "system:serviceaccount:kube-system:generic-garbage-collector",
  "system:kube-controller-manager",
]);

/** Requests that are never refused, whatever the rules say; each branch with its reason. */
export function isAlwaysAdmitted(request: AdmissionRequest, snapshot: Snapshot): boolean {
  // Status and other subresources do not change who can reach whom.
  if (request.operation === "CONNECT" || request.subResource) return true;
  if (request.operation === "DELETE") return isAdmittedDelete(request, snapshot);
  return request.operation === "UPDATE" && isFinalizerRemoval(request);
}

function isAdmittedDelete({ kind, userInfo, oldObject, namespace }: AdmissionRequest, snapshot: Snapshot): boolean {
  // A pod or a namespace that goes takes no flow from the pods that stay.
  if (kind.group === "" && (kind.kind === "Pod" || kind.kind === "Namespace")) return true;
  if (CLEANERS.has(userInfo.username) || oldObject?.metadata.deletionTimestamp !== undefined) return true;
  return namespace !== undefined && snapshot.namespace(namespace).terminating;
}

/**
 * "UPDATE with metadata.deletionTimestamp set (finalizer removal) must never be denied, else the object cannot go" (A6).
 * An UPDATE of its spec is no finalizer removal.
 */
function isFinalizerRemoval({ object, oldObject }: AdmissionRequest): boolean {
  return object?.metadata.deletionTimestamp !== undefined && isDeepStrictEqual(object.spec, oldObject?.spec);
}
