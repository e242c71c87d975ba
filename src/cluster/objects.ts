import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";
import { ClusterError, type ClusterConnection } from "./connection.js";
import { listPages, type Selection, type WatchedKind } from "./list.js";
import { DEFAULT_TIMING } from "./timing.js";

/** Single objects of a cluster, by compare-and-swap. */
export function clusterObjects(connection: ClusterConnection): ObjectStore {
  return {
    read: async (at, signal) => {
      try {
        return asObject(await connection.get(pathOf(at, at.name), signal));
      } catch (error) {
        if (error instanceof ClusterError && error.status === 404) return undefined;
        throw error;
      }
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

function pathOf({ apiVersion, namespace, resource, subresource }: ObjectAt, name: string | undefined): string {
  const root = apiVersion.includes("/") ? `/apis/${apiVersion}` : `/api/${apiVersion}`;
  const within = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${resource}${name === undefined ? "" : `/${encodeURIComponent(name)}${subresource === undefined ? "" : `/${subresource}`}`}`;
}

function asObject(value: unknown): KubeObject {
  if (!isRecord(value) || !isRecord(value["metadata"])) throw new Error("the answer of the API server is no object");
  return value as KubeObject;
}
