import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import type { KindAt, ObjectAt, ObjectCollection, ObjectStore } from "../model/object-store.js";
import { ClusterError, type ClusterConnection } from "./connection.js";
import { listPages, type Selection, type WatchedKind } from "./list.js";
import { DEFAULT_TIMING } from "./timing.js";

/** Single objects of a cluster, by compare-and-swap. */
export function clusterObjects(connection: ClusterConnection): ObjectStore {
  return {
    read: async (at, signal) => {
      const found = await unlessGone(connection.get(pathOf(at, at.name), signal));
      return found === undefined ? undefined : asObject(found);
    },
    write: async (at, object, signal) => {
      const isNew = object.metadata.resourceVersion === undefined;
      try {
        const { body } = await connection.send(pathOf(at, isNew ? undefined : at.name), { method: isNew ? "POST" : "PUT", contentType: "application/json", body: object }, signal);
        return asObject(body);
      } catch (error) {
        // 409: another version, or already there. 404: the one to replace is gone.
        if (error instanceof ClusterError && (error.status === 409 || (error.status === 404 && !isNew))) return "conflict";
        throw error;
      }
    },
  };
}

/** All objects of a kind, or those of a namespace, read whole. */
export async function allObjects(connection: ClusterConnection, kind: WatchedKind, selection: Selection & { readonly signal: AbortSignal }): Promise<readonly KubeObject[]> {
  const found: KubeObject[] = [];
  for await (const { items } of listPages({ connection, timing: DEFAULT_TIMING }, kind, selection)) found.push(...items);
  return found;
}

/** All objects of a kind, page by page. */
export function clusterCollection(connection: ClusterConnection): ObjectCollection {
  return {
    isKnown: async (kind, signal) => (await unlessGone(connection.get(`${listPath(kind)}?limit=1`, signal))) !== undefined,
    async *list(kind, labels, signal) {
      const labelSelector = Object.entries(labels).map((pair) => pair.join("=")).join();
      let next = "";
      do {
        const query = new URLSearchParams({ limit: String(PAGE), labelSelector, ...(next && { continue: next }) });
        const page = await connection.get(`${listPath(kind)}?${query.toString()}`, signal);
        for (const item of isRecord(page) ? recordsIn(page["items"]) : []) yield asObject(item);
        const metadata = isRecord(page) && isRecord(page["metadata"]) ? page["metadata"] : {};
        next = typeof metadata["continue"] === "string" ? metadata["continue"] : "";
      } while (next !== "");
    },
    remove: async (at, signal) => void (await unlessGone(connection.send(pathOf(at, at.name), { method: "DELETE", contentType: "application/json", body: { apiVersion: "v1", kind: "DeleteOptions", propagationPolicy: "Background" } }, signal))),
  };
}

/** Objects may be large: reports are up to 256 KB. */
const PAGE = 50;

async function unlessGone<T>(answer: Promise<T>): Promise<T | undefined> {
  try {
    return await answer;
  } catch (error) {
    if (error instanceof ClusterError && error.status === 404) return undefined;
    throw error;
  }
}

function listPath({ apiVersion, resource }: KindAt): string {
  return pathOf({ apiVersion, resource, name: "" }, undefined);
}

function pathOf({ apiVersion, namespace, resource, subresource }: ObjectAt, name: string | undefined): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${resource}${name === undefined ? "" : `/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`}`;
}

function asObject(value: unknown): KubeObject {
  if (!isRecord(value) || !isRecord(value["metadata"])) throw new Error("the answer of the API server is no object");
  return value as KubeObject;
}
