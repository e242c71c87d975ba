import type { AdmissionRequest } from "../model/admission.js";
import type { Snapshot } from "../model/snapshot.js";
import { policyKey } from "../model/snapshot.js";
import { packsIn, type CompiledPacks } from "../packs/compile.js";
import { readChange } from "./change.js";
import { scopeName } from "./findings.js";
import type { PendingChange } from "./pending-change.js";

/**
 * What a change could alter: each rule in each of its scopes. A rule of one scope that only one of two changes could alter is
 * as right with both as it is with that one, so changes without a common part cannot be wrong together.
 */
export function footprintOf(request: AdmissionRequest, snapshot: Snapshot, packs: CompiledPacks): ReadonlySet<string> {
  const { rules } = packsIn(packs, snapshot);
  const { change } = readChange(request, snapshot, packs);
  const parts = new Set<string>();
  for (const [index, { behaviour }] of rules.entries()) {
    for (const scope of behaviour.protect?.scopes(change) ?? []) parts.add(`${index} ${scopeName(scope) ?? "future"}`);
  }
  return parts;
}

/** Could these two be wrong together? A change of labels may make anything concern anything. */
export function mayConcern(request: AdmissionRequest, other: PendingChange, { snapshot, packs }: { readonly snapshot: Snapshot; readonly packs: CompiledPacks }): boolean {
  if (request.kind.kind === "Namespace" || other.ref.kind === "Namespace") return true;
  const own = footprintOf(request, snapshot, packs);
  for (const part of footprintOf(asRequest(other, snapshot), snapshot, packs)) if (own.has(part)) return true;
  return false;
}

/** The request that would make this change to what the snapshot holds. */
function asRequest({ id, ref, object }: PendingChange, snapshot: Snapshot): AdmissionRequest {
  const policies = ref.namespace === undefined ? snapshot.clusterPolicies : snapshot.namespaces.get(ref.namespace)?.policies;
  const oldObject = policies?.get(policyKey(ref))?.object;
  const { group, kind, name, namespace } = ref;
  return {
    uid: id,
    kind: { group, version: "", kind },
    resource: { group, version: "", resource: "" },
    name,
    ...(namespace !== undefined && { namespace }),
    operation: object ? (oldObject ? "UPDATE" : "CREATE") : "DELETE",
    userInfo: { username: "", groups: [] },
    ...(object && { object }),
    ...(oldObject && { oldObject }),
    dryRun: false,
  };
}
