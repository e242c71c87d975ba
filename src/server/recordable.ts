import type { AdmissionRequest } from "../model/admission.js";
import { nodeObject } from "../model/endpoint.js";
import { isRecord, kindKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { Change } from "../model/snapshot.js";

/** Where people put what nobody else may read; no rule about who reaches whom asks for it. */
const SECRET_FIELDS: ReadonlySet<string> = new Set(["env", "envFrom", "command", "args", "stringData"]);
const SECRET_KINDS: ReadonlySet<string> = new Set(["Secret", "ConfigMap"]);
const LAST_APPLIED = "kubectl.kubernetes.io/last-applied-configuration";

/** A request as it may be written down: without what is secret, and without copies of it. */
export function recordableRequest(request: AdmissionRequest): AdmissionRequest {
  const { object, oldObject } = request;
  return { ...request, ...(object && { object: recordable(object) }), ...(oldObject && { oldObject: recordable(oldObject) }) };
}

/** A change of the state as it may be written down. */
export function recordableChange(change: Change): object | undefined {
  if ("remove" in change) return change;
  const { put } = change;
  const object = put.fact === "node" ? nodeObject(put.value) : put.fact === "object" ? put.value : put.value.object;
  return object && { put: recordable(object) };
}

export function recordable(object: KubeObject): KubeObject {
  const { metadata, ...rest } = object;
  const { managedFields: _managed, annotations, ...kept } = metadata as KubeObject["metadata"] & { readonly managedFields?: unknown };
  const { [LAST_APPLIED]: _copy, ...others } = annotations ?? {};
  const body = Object.fromEntries(Object.entries(rest).flatMap(([name, value]) => (isSecretPart(object, name) ? [] : [[name, withoutSecrets(value)]])));
  return { ...body, apiVersion: object.apiVersion, kind: object.kind, metadata: { ...kept, ...(annotations && { annotations: others }) } };
}

function isSecretPart(object: KubeObject, field: string): boolean {
  return field === "stringData" || ((field === "data" || field === "binaryData") && SECRET_KINDS.has(kindKey(refOf(object))));
}

function withoutSecrets(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(withoutSecrets);
  if (!isRecord(value)) return value;
  return Object.fromEntries(Object.entries(value).flatMap(([name, part]) => (SECRET_FIELDS.has(name) ? [] : [[name, withoutSecrets(part)]])));
}
