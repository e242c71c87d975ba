import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";

/** An object of a document, or what keeps it from being one; `path` is where it stands in the document. */
export type Found =
  | { readonly path: string; readonly value: KubeObject; readonly problem?: undefined }
  | { readonly path: string; readonly value?: undefined; readonly problem: Problem };

/** The objects of one document: itself, or the items of a List (also one without a kind for its items, as `kubectl get -o json` may give). */
export function objectsIn(document: unknown): Found[] {
  if (Array.isArray(document)) return document.flatMap((item, i) => nested(item, `[${i}]`, {}));
  return nested(document, "", {});
}

interface Defaults {
  readonly apiVersion?: string;
  readonly kind?: string;
}

function nested(value: unknown, path: string, defaults: Defaults): Found[] {
  if (!isRecord(value)) return [{ path, problem: noObject("is not a Kubernetes object but a plain value") }];
  const { kind, items } = value;
  if (isList(kind) && (items === null || items === undefined)) return [];
  if (isList(kind) && Array.isArray(items)) {
    const inherited = itemDefaults(kind, value["apiVersion"]);
    return items.flatMap((item, i) => nested(item, path === "" ? `items[${i}]` : `${path}.items[${i}]`, inherited));
  }
  return [asObject(value, path, defaults)];
}

function isList(kind: unknown): kind is string {
  return typeof kind === "string" && kind.endsWith("List");
}

/** Items of a `NamespaceList` are Namespaces, though the API server leaves their kind out; those of a plain `List` say what they are. */
function itemDefaults(kind: string, apiVersion: unknown): Defaults {
  if (kind === "List" || typeof apiVersion !== "string") return {};
  return { apiVersion, kind: kind.slice(0, -"List".length) };
}

function asObject(value: Record<string, unknown>, path: string, defaults: Defaults): Found {
  const type = typeOf(value, defaults);
  if (!type) return { path, problem: noObject("has no `kind` and `apiVersion`, so it is no Kubernetes object") };
  const metadata = value["metadata"] ?? {};
  if (!isRecord(metadata)) return { path, problem: noObject("`metadata` is not an object") };
  const whole = value["kind"] === type.kind && value["apiVersion"] === type.apiVersion && value["metadata"] === metadata;
  return { path, value: whole ? (value as KubeObject) : { ...value, ...type, metadata } };
}

function typeOf(value: Record<string, unknown>, defaults: Defaults): { apiVersion: string; kind: string } | undefined {
  const apiVersion = value["apiVersion"] ?? defaults.apiVersion;
  const kind = value["kind"] ?? defaults.kind;
  if (typeof apiVersion === "string" && typeof kind === "string" && kind !== "") return { apiVersion, kind };
  return value["kind"] === undefined && value["apiVersion"] === undefined ? inferredType(value) : undefined;
}

/** Items that were cut out of a list have no kind; Namespaces and Pods are known by fields that only they have. */
function inferredType({ metadata, spec, status }: Record<string, unknown>): { apiVersion: string; kind: string } | undefined {
  if (!isRecord(metadata) || typeof metadata["name"] !== "string") return undefined;
  const phase = isRecord(status) ? status["phase"] : undefined;
  if ((isRecord(spec) && Array.isArray(spec["finalizers"])) || phase === "Active" || phase === "Terminating") return { apiVersion: "v1", kind: "Namespace" };
  return isRecord(spec) && Array.isArray(spec["containers"]) ? { apiVersion: "v1", kind: "Pod" } : undefined;
}

function noObject(message: string): Problem {
  return { code: "file/no-object", message, path: "" };
}
