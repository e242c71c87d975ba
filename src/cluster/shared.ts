import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { ClusterConnection } from "./connection.js";
import { clusterObjects } from "./objects.js";

/** A text and the version to replace it by. */
export interface SharedValue {
  readonly text: string;
  readonly version: string;
}

const KEY = "changes";

/** A text in a ConfigMap, replaced by compare-and-swap. The ConfigMap is made when there is none. Rejects with the connection's error; then nothing is known of what was written. */
export function sharedConfigMap(connection: ClusterConnection, { namespace, name }: { readonly namespace: string; readonly name: string }) {
  const objects = clusterObjects(connection);
  const at = { apiVersion: "v1", resource: "configmaps", namespace, name };
  const configMap = (text: string, resourceVersion?: string): KubeObject => ({ apiVersion: "v1", kind: "ConfigMap", metadata: { name, namespace, ...(resourceVersion !== undefined && { resourceVersion }) }, data: { [KEY]: text } });
  return {
    async read(signal: AbortSignal): Promise<SharedValue> {
      const stored = (await objects.read(at, signal)) ?? (await objects.write(at, configMap(""), signal));
      if (stored !== "conflict") return valueOf(stored);
      // Another replica has made it in between.
      const made = await objects.read(at, signal);
      if (!made) throw new Error(`the ConfigMap \`${namespace}/${name}\` comes and goes`);
      return valueOf(made);
    },
    async swap(version: string, text: string, signal: AbortSignal): Promise<string | undefined> {
      const swapped = await objects.write(at, configMap(text, version), signal);
      return swapped === "conflict" ? undefined : valueOf(swapped).version;
    },
  };
}

function valueOf({ metadata, ["data"]: data }: KubeObject): SharedValue {
  const text = isRecord(data) ? (data[KEY] ?? "") : "";
  if (metadata.resourceVersion === undefined || typeof text !== "string") throw new Error("the answer for a ConfigMap is none");
  return { text, version: metadata.resourceVersion };
}
