import { isUtf8 } from "node:buffer";
import type { AdmissionRequest, Operation, UserInfo } from "../model/admission.js";
import { isRecord, type KubeObject, type ObjectMeta } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import { Fields } from "./fields.js";
import { uidFromHead } from "./uid-from-head.js";

/** A request, or the problems that kept it from being read; the uid whenever one could be read, so that the answer can echo it. */
export type Decoded =
  | { readonly ok: true; readonly request: AdmissionRequest }
  | { readonly ok: false; readonly uid?: string; readonly problems: readonly Problem[] };

const API_VERSION = "admission.k8s.io/v1";
const UTF8 = new TextDecoder();
const OPERATIONS: readonly string[] = ["CREATE", "UPDATE", "DELETE", "CONNECT"] satisfies Operation[];

/** The request of one AdmissionReview body. Total: whatever the bytes are, it answers and does not throw. */
export function decode(body: Uint8Array): Decoded {
  if (body.byteLength === 0) return unreadable(body, "request/empty", "the body is empty");
  if (!isUtf8(body)) return unreadable(body, "request/not-utf8", "the body is not UTF-8 text");
  try {
    return decodeValue(JSON.parse(UTF8.decode(body)));
  } catch (error) {
    return unreadable(body, "request/not-json", `the body is not JSON${placeOf(error, body.byteLength)}`);
  }
}

/** The same for an AdmissionReview that is parsed already. */
export function decodeValue(value: unknown): Decoded {
  const problems: Problem[] = [];
  const review = Fields.of(value, "", problems);
  const uid = review && uidOf(review);
  if (review) checkEnvelope(review, problems);
  const fields = review && (review.value("request") === undefined ? review.missing("request") : review.child("request"));
  const request = fields && readRequest(fields);
  if (request && problems.length === 0) return { ok: true, request };
  return { ok: false, ...(uid ? { uid } : {}), problems };
}

/** Read apart from the rest, so that it is known however wrong the rest is. */
function uidOf(review: Fields): string | undefined {
  const request = review.value("request");
  const uid = isRecord(request) && Object.hasOwn(request, "uid") ? request["uid"] : undefined;
  return typeof uid === "string" ? uid : undefined;
}

function checkEnvelope(review: Fields, problems: Problem[]): void {
  for (const [field, wanted] of [["kind", "AdmissionReview"], ["apiVersion", API_VERSION]] as const) {
    const got = review.needed(field);
    if (got !== "" && got !== wanted) problems.push({ code: "request/wrong-kind", path: field, message: `must be \`${wanted}\`, not \`${short(got)}\`` });
  }
}

function readRequest(fields: Fields): AdmissionRequest {
  const operation = readOperation(fields);
  const object = readObject(fields, "object");
  const oldObject = readObject(fields, "oldObject");
  if ((operation === "CREATE" || operation === "UPDATE") && fields.value("object") === undefined) fields.missing("object");
  const namespace = fields.text("namespace") || namespaceOf(object ?? oldObject);
  const { group, version, name: kind } = readType(fields, "kind");
  for (const [field, sent] of [["object", object], ["oldObject", oldObject]] as const) checkNamespace(fields, `${field}.metadata.namespace`, [sent, namespace]);
  const resource = readType(fields, "resource");
  return {
    uid: fields.needed("uid"),
    kind: { group, version, kind },
    resource: { group: resource.group, version: resource.version, resource: resource.name },
    ...optional("subResource", fields.text("subResource") || undefined),
    name: fields.text("name") || nameOf(object ?? oldObject),
    ...optional("namespace", namespace),
    operation,
    userInfo: readUser(fields),
    ...optional("object", object),
    ...optional("oldObject", oldObject),
    dryRun: fields.flag("dryRun"),
  };
}

/** Absent fields stay absent: the types know no `undefined` in their place. */
function optional<K extends string, V>(name: K, value: V | undefined): { readonly [name in K]?: V } {
  return value === undefined ? {} : ({ [name]: value } as { readonly [name in K]: V });
}

function readOperation(fields: Fields): Operation {
  const operation = fields.needed("operation");
  if (operation !== "" && !OPERATIONS.includes(operation)) fields.wrong("operation", `\`${short(operation)}\` is none of ${OPERATIONS.join(", ")}`);
  return operation as Operation;
}

/** A GroupVersionKind (`field` = `kind`) or GroupVersionResource (`resource`). The core group is empty. */
function readType(fields: Fields, field: "kind" | "resource"): { group: string; version: string; name: string } {
  const type = fields.value(field) === undefined ? fields.missing(field) : fields.child(field);
  return type ? { group: type.text("group") ?? "", version: type.needed("version"), name: type.needed(field) } : { group: "", version: "", name: "" };
}

function readUser(fields: Fields): UserInfo {
  const user = fields.child("userInfo");
  return { username: user?.text("username") ?? "", groups: user?.texts("groups") ?? [] };
}

/** deletecollection and generateName leave `request.name` out (A3). */
function nameOf(object: KubeObject | undefined): string {
  return object?.metadata.name ?? "";
}

/** The API server always sends it where there is one, for a Namespace its name; a review written by hand may not. */
function namespaceOf(object: KubeObject | undefined): string | undefined {
  const isNamespace = object?.kind === "Namespace" && object.apiVersion === "v1";
  return (isNamespace ? object.metadata.name : object?.metadata.namespace) || undefined;
}

/** An object with the part of its shape checked that its type promises. CONNECT options have no metadata: they get an empty one. */
function readObject(request: Fields, name: "object" | "oldObject"): KubeObject | undefined {
  const object = request.child(name);
  if (!object) return undefined;
  object.needed("apiVersion");
  object.needed("kind");
  const metadata = object.child("metadata");
  if (metadata) checkMetadata(metadata);
  const raw = request.value(name) as KubeObject;
  return metadata && !metadata.hasNulls ? raw : { ...raw, metadata: withoutNulls(raw.metadata) };
}

/** "metadata.namespace: 400" (facts/admission.md 2): the API server sends no other than the request's. Rules ask by both, so that an object elsewhere would be judged nowhere. */
function checkNamespace(fields: Fields, path: string, [sent, namespace]: readonly [KubeObject | undefined, string | undefined]): void {
  const own: unknown = sent?.metadata.namespace;
  if (typeof own !== "string" || own === "" || namespace === undefined || own === namespace) return;
  fields.wrong(path, `is \`${short(own)}\`, and the request is for namespace \`${short(namespace)}\``);
}

const METADATA_TEXTS = ["name", "generateName", "namespace", "uid", "resourceVersion", "deletionTimestamp"];

function checkMetadata(metadata: Fields): void {
  for (const field of METADATA_TEXTS) metadata.text(field);
  for (const field of ["labels", "annotations"]) metadata.textMap(field);
  metadata.texts("finalizers");
  for (const owner of metadata.children("ownerReferences")) {
    for (const field of ["apiVersion", "kind", "name", "uid"]) owner.needed(field);
    owner.flag("controller");
  }
}

/** `deletionTimestamp: null` must not look like a deletion. */
function withoutNulls(metadata: ObjectMeta | null | undefined): ObjectMeta {
  return Object.fromEntries(Object.entries(metadata ?? {}).filter(([, value]) => value !== null));
}

function unreadable(body: Uint8Array, code: string, message: string): Decoded {
  const uid = uidFromHead(body);
  return { ok: false, ...(uid ? { uid } : {}), problems: [{ code, path: "", message }] };
}

/** The parser's own message quotes the body, so only its position is taken. */
function placeOf(error: unknown, length: number): string {
  const message = error instanceof Error ? error.message : "";
  const position = /at position (\d+)/.exec(message)?.[1];
  if (position !== undefined) return `: unexpected text at position ${position}`;
  return message.includes("end of JSON") ? `: it ends too early, after ${length} bytes` : "";
}

function short(text: string): string {
  return text.length > 64 ? `${text.slice(0, 64)}...` : text;
}
