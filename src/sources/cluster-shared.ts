import { isRecord } from "../model/kubernetes.js";
import { ClusterError, type ClusterConnection } from "./cluster-connection.js";

/** A text and the version to replace it by. */
export interface SharedValue {
  readonly text: string;
  readonly version: string;
}

const KEY = "changes";

/**
 * A text in a ConfigMap, replaced by compare-and-swap: the API server refuses an update of another `resourceVersion` (409). The ConfigMap is made when
 * there is none. Rejects with the connection's error; then nothing is known of what was written.
 */
export function sharedConfigMap(connection: ClusterConnection, { namespace, name }: { readonly namespace: string; readonly name: string }) {
  const folder = `/api/v1/namespaces/${encodeURIComponent(namespace)}/configmaps`;
  const object = (text: string, resourceVersion?: string) => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) }, data: { [KEY]: text } });
  const send = async (method: "POST" | "PUT", path: string, body: unknown, signal: AbortSignal): Promise<SharedValue> => valueOf((await connection.send(path, { method, contentType: "application/json", body }, signal)).body);
  return {
    async read(signal: AbortSignal): Promise<SharedValue> {
      const stored = await unless(404, async () => valueOf(await connection.get(`${folder}/${name}`, signal)));
      // 409: another replica has made it in between.
      return stored ?? (await unless(409, () => send("POST", folder, object(""), signal))) ?? valueOf(await connection.get(`${folder}/${name}`, signal));
    },
    async swap(version: string, text: string, signal: AbortSignal): Promise<string | undefined> {
      const swapped = await unless(409, () => unless(404, () => send("PUT", `${folder}/${name}`, object(text, version), signal)));
      return swapped?.version;
    },
  };
}

/** Undefined for an answer of this status. */
async function unless<T>(status: number, ask: () => Promise<T>): Promise<T | undefined> {
  try {
    return await ask();
  } catch (error) {
    if (error instanceof ClusterError && error.status === status) return undefined;
    throw error;
  }
}

function valueOf(object: unknown): SharedValue {
  const metadata = isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
  const data = isRecord(object) && isRecord(object["data"]) ? object["data"] : {};
  const [version, text] = [metadata["resourceVersion"], data[KEY] ?? ""];
  if (typeof version !== "string" || typeof text !== "string") throw new Error("the answer for a ConfigMap is none");
  return { text, version };
}
