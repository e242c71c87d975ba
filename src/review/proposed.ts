import { readObject } from "../dialects/index.js";
import type { AdmissionRequest, UserInfo } from "../model/admission.js";
import { groupOf, isRecord, nameKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { Fact, Snapshot } from "../model/snapshot.js";
import { sortedJson } from "../model/sorted-json.js";

/** One manifest as the request that `kubectl apply` would make of it. */
export interface Proposed {
  /** As the file has it: what places are looked up by. */
  readonly manifest: KubeObject;
  readonly request: AdmissionRequest;
  /** The manifest is a workload, and this is a pod of its template. */
  readonly template: boolean;
}

/**
 * The requests for a manifest: CREATE where the state does not have the object, UPDATE where it has another one, none where it has
 * the same. A workload is followed by a pod of its template, because that is what its controller will ask for.
 */
export function requestsFor(manifest: KubeObject, state: Snapshot, user: UserInfo): readonly Proposed[] {
  const [fact] = readObject(manifest).facts;
  if (!fact) return [];
  const object = withNamespace(manifest, namespaceOf(fact));
  const old = storedIn(state, fact);
  const own = old && sameContent(old, object) ? [] : [{ manifest, request: requestOf(object, user, old), template: false }];
  const pod = podOf(object);
  return pod ? [...own, { manifest, request: requestOf(pod, CONTROLLER), template: true }] : own;
}

/** Where a workload has the template of its pods; a CronJob has it within that of its Jobs. */
export function templatePath({ spec }: KubeObject): string {
  return recordAt(spec, "jobTemplate") ? "spec.jobTemplate.spec.template" : "spec.template";
}

/** Who makes the change: nobody that any pack exempts, unless `--as` says otherwise. */
export function userInfo(name: string | undefined): UserInfo {
  const account = /^system:serviceaccount:([^:]+):[^:]+$/.exec(name ?? "");
  const groups = account ? ["system:serviceaccounts", `system:serviceaccounts:${account[1] ?? ""}`] : [];
  return { username: name ?? "", groups: name === undefined ? [] : [...groups, "system:authenticated"] };
}

const CONTROLLER = userInfo("system:serviceaccount:kube-system:replicaset-controller");

/** The deletion of a stored object. */
export function deletionOf(stored: KubeObject, user: UserInfo): AdmissionRequest {
  const { object: _none, ...request } = requestOf(stored, user);
  return { ...request, operation: "DELETE", oldObject: stored };
}

/** CREATE of an object, or UPDATE where `oldObject` is what is stored. */
export function requestOf(object: KubeObject, user: UserInfo, oldObject?: KubeObject): AdmissionRequest {
  const { apiVersion, kind, metadata } = object;
  const [group, version] = [groupOf(apiVersion), apiVersion.slice(apiVersion.indexOf("/") + 1)];
  const namespace = kind === "Namespace" && group === "" ? metadata.name : metadata.namespace;
  const name = metadata.name ?? "";
  return {
    uid: `check-${kind}-${namespace ?? ""}-${name || (metadata.generateName ?? "")}`,
    kind: { group, version, kind },
    resource: { group, version, resource: plural(kind) },
    name,
    ...(namespace === undefined ? {} : { namespace }),
    operation: oldObject ? "UPDATE" : "CREATE",
    userInfo: user,
    object,
    ...(oldObject ? { oldObject } : {}),
    dryRun: false,
  };
}

/** English plurals are what Kubernetes' built-in resources have. */
function plural(kind: string): string {
  const name = kind.toLowerCase();
  if (name === "endpoints") return name;
  if (name.endsWith("y")) return `${name.slice(0, -1)}ies`;
  return /(?:s|x|ch)$/.test(name) ? `${name}es` : `${name}s`;
}

/** The dialects know what "no namespace" means for each kind. */
function namespaceOf({ fact, value }: Fact): string | undefined {
  if (fact === "pod") return value.namespace;
  if (fact === "policy") return value.ref.namespace;
  return fact === "object" ? value.metadata.namespace : undefined;
}

function withNamespace(object: KubeObject, namespace: string | undefined): KubeObject {
  if (namespace === undefined || object.metadata.namespace === namespace) return object;
  return { ...object, metadata: { ...object.metadata, namespace } };
}

function storedIn(state: Snapshot, { fact, value }: Fact): KubeObject | undefined {
  if (fact === "namespace") return state.namespaces.get(value.name)?.namespace.object;
  if (fact === "pod") return state.pod(value.namespace, value.name)?.object;
  if (fact === "policy") return state.policy(value.ref)?.object;
  if (fact === "node") return undefined;
  return state.objectsOf(groupOf(value.apiVersion), value.kind).get(nameKey(refOf(value)));
}

/** What a person writes: the API server's own fields do not count. */
function sameContent(stored: KubeObject, object: KubeObject): boolean {
  const written = ({ metadata: { labels, annotations, ownerReferences }, spec, status: _status, ...rest }: KubeObject): string => sortedJson({ ...rest, labels, annotations, ownerReferences, spec });
  return written(stored) === written(object);
}

/** The pod that a workload's controller will create. */
function podOf(workload: KubeObject): KubeObject | undefined {
  const template = templateOf(workload);
  if (!template) return undefined;
  const { apiVersion, kind, metadata } = workload;
  const name = metadata.name ?? "";
  const owner = { apiVersion, kind, name, uid: metadata.uid ?? "", controller: true };
  const identity = { generateName: `${name}-`, namespace: metadata.namespace ?? "default", ownerReferences: [owner] };
  return { apiVersion: "v1", kind: "Pod", metadata: { ...recordAt(template, "metadata"), ...identity }, spec: recordAt(template, "spec") };
}

function templateOf({ kind, spec }: KubeObject): Record<string, unknown> | undefined {
  const holder = recordAt(recordAt(spec, "jobTemplate"), "spec") ?? spec;
  const template = kind === "Pod" ? undefined : recordAt(holder, "template");
  return Array.isArray(recordAt(template, "spec")?.["containers"]) ? template : undefined;
}

function recordAt(value: unknown, field: string): Record<string, unknown> | undefined {
  const inner = isRecord(value) ? value[field] : undefined;
  return isRecord(inner) ? inner : undefined;
}
