import { isPolicyKind, readObject } from "../dialects/index.js";
import type { AdmissionRequest } from "../model/admission.js";
import { groupOf, kindKey, nameKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import type { Change as Edit, Snapshot } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { isDeepStrictEqual } from "./equal.js";
import type { CelVariables, Change, Controller } from "../rules/rule.js";
import { questionsAbout } from "./questions.js";

/** The change a request makes, and what of its object could not be read. */
export interface Reading {
  readonly change: Change;
  readonly problems: readonly Problem[];
}

/**
 * The snapshot before and after the request. "The state before an UPDATE or DELETE is the request's `oldObject`"
 * (admission.md): the watch may lag behind what the API server knows.
 */
export function readChange(request: AdmissionRequest, snapshot: Snapshot, packs: CompiledPacks): Reading {
  const stored = storedObject(request, snapshot);
  const object = request.operation === "DELETE" || !request.object ? undefined : named(request.object, request);
  const reading = object ? readObject(object) : { facts: [], problems: [] };
  const before = snapshot.with(earlier(stored, object).filter((edit) => !isKnown(edit, snapshot)));
  const after = before.with(object ? reading.facts.map((put) => ({ put })) : stored ? [{ remove: refOf(stored) }] : []);
  const asked = { ...request, ...(object && { object }), ...(request.oldObject ? {} : stored && { oldObject: stored }) };
  const { namespace } = request;
  const change: Change = { request: asked, before, after, touches: whatIsTouched(request), ...(namespace !== undefined && { namespace }), cel: celVariables(asked, { before, after }, packs) };
  return { change, problems: reading.problems };
}

/** An object as it stands, asked about as if it were written now: nothing changes. `oldObject` in the request: it was there before. */
export function standingChange(request: AdmissionRequest, snapshot: Snapshot, packs: CompiledPacks): Change {
  const { namespace } = request;
  return { request, before: snapshot, after: snapshot, touches: whatIsTouched(request), ...(namespace !== undefined && { namespace }), cel: celVariables(request, { before: snapshot, after: snapshot }, packs) };
}

/** The object that is changed or deleted. The API server always sends it; for a review written by hand that leaves it out, it is what the snapshot has. */
function storedObject(request: AdmissionRequest, snapshot: Snapshot): KubeObject | undefined {
  const { operation, oldObject, kind: { group, kind }, name, namespace } = request;
  if (oldObject) return named(oldObject, request);
  if (operation !== "UPDATE" && operation !== "DELETE") return undefined;
  const ref = { group, kind, name, ...(namespace !== undefined && { namespace }) };
  if (isPolicyKind(ref)) return snapshot.policy(ref)?.object;
  if (kindKey(ref) === "Pod") return snapshot.pod(namespace ?? "", name)?.object;
  return kindKey(ref) === "Namespace" ? snapshot.namespaces.get(name)?.namespace.object : snapshot.objectsOf(group, kind).get(nameKey(ref));
}

/** What the snapshot has to learn to be the state before: the stored object, or that there is none yet. */
function earlier(stored: KubeObject | undefined, object: KubeObject | undefined): readonly Edit[] {
  if (stored) return readObject(stored).facts.map((put) => ({ put }));
  return object ? [{ remove: refOf(object) }] : [];
}

/** A policy that the snapshot has, word for word, is the same one: what is remembered of it stays. */
export function isKnown(edit: Edit, snapshot: Snapshot): boolean {
  if (!("put" in edit) || edit.put.fact !== "policy") return false;
  const known = snapshot.policy(edit.put.value.ref);
  return known !== undefined && isDeepStrictEqual(known.object.spec, edit.put.value.object.spec) && isDeepStrictEqual(known.problems, edit.put.value.problems);
}

/** A pod of a ReplicaSet has only `generateName` in the mutating phase (A3). */
function named(object: KubeObject, { name, namespace }: AdmissionRequest): KubeObject {
  const { metadata } = object;
  if (metadata.name !== undefined && (metadata.namespace !== undefined || namespace === undefined)) return object;
  const fallback = metadata.name ?? (name !== "" ? name : `${metadata.generateName ?? ""}(new)`);
  const place = object.kind !== "Namespace" && metadata.namespace === undefined && namespace !== undefined ? { namespace } : {};
  return { ...object, metadata: { ...metadata, name: fallback, ...place } };
}

function whatIsTouched({ kind }: AdmissionRequest): Change["touches"] {
  if (isPolicyKind(kind)) return "policy";
  if (kind.group === "" && kind.kind === "Pod") return "pod";
  if (kind.group === "" && kind.kind === "Namespace") return "namespace";
  return "other";
}

function celVariables(request: AdmissionRequest, states: { readonly before: Snapshot; readonly after: Snapshot }, { profile, watches }: CompiledPacks): CelVariables {
  const snapshot = states.before;
  const { object, oldObject, operation, name, namespace, userInfo, dryRun, kind } = request;
  const namespaceObject = snapshot.namespaces.get(namespace ?? name)?.namespace.object;
  return {
    object,
    oldObject,
    request: { operation, name, namespace: namespace ?? "", userInfo, dryRun, kind },
    namespaceObject,
    controller: controllerOf(object ?? oldObject, snapshot),
    oldController: controllerOf(oldObject, snapshot),
    namesakes: watches.filter((watch) => snapshot.objectsOf(watch.group, watch.kind).has(namespace ?? name)).map(kindKey),
    params: {},
    profile,
    cluster: questionsAbout(states, { cidrSelectsPods: profile["cidrSelectsPods"] !== false }),
  };
}

function controllerOf(object: KubeObject | undefined, snapshot: Snapshot): Controller {
  const owners = object?.metadata.ownerReferences;
  const owner = Array.isArray(owners) ? owners.find((o) => o?.controller === true) : undefined;
  if (!owner || typeof owner.apiVersion !== "string") return { group: "", kind: "", name: "", exists: false };
  const group = groupOf(owner.apiVersion);
  const objects = snapshot.objectsOf(group, owner.kind);
  const found = objects.get(owner.name) ?? objects.get(`${object?.metadata.namespace ?? ""}/${owner.name}`);
  return { group, kind: owner.kind, name: owner.name, exists: found !== undefined && found.metadata.uid === owner.uid };
}
