import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { ClusterConnection } from "./connection.js";
import { limited, type Timing } from "./timing.js";

/** A kind to read from the API server; `group` is empty for the core group. */
export interface WatchedKind {
  readonly group: string;
  readonly version: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly kind: string;
  /** Do its objects lie in namespaces? */
  readonly namespaced: boolean;
}

export interface Reader {
  readonly connection: ClusterConnection;
  readonly timing: Timing;
}

export interface Page {
  readonly items: readonly KubeObject[];
  readonly resourceVersion: string;
}

export interface Selection {
  readonly namespace?: string;
  /** Only the object of this name. */
  readonly name?: string;
}

// kubectl and client-go ask for as many; it bounds what one answer holds in memory.
const PAGE_SIZE = 500;

/** The objects of a kind, page by page. Without a `resourceVersion` in the question the API server answers from a consistent read. */
export async function* listPages({ connection, timing }: Reader, kind: WatchedKind, selection: Selection & { readonly signal: AbortSignal }): AsyncGenerator<Page> {
  let next = "";
  do {
    const path = pathOf(kind, selection, { limit: String(PAGE_SIZE), ...(next && { continue: next }), ...(selection.name && { fieldSelector: `metadata.name=${selection.name}` }) });
    const limit = { parent: selection.signal, ms: timing.pageMs, message: `no page of ${kind.resource} within ${timing.pageMs} ms` };
    const list = readList(await limited(limit, (signal) => connection.get(path, signal)), kind);
    yield list;
    next = list.next;
  } while (next !== "");
}

/** Where a watch of the kind begins: after `resourceVersion`, for `seconds`. */
export function watchPath(kind: WatchedKind, resourceVersion: string, seconds: number): string {
  return pathOf(kind, {}, { watch: "1", allowWatchBookmarks: "true", resourceVersion, timeoutSeconds: String(Math.max(1, Math.round(seconds))) });
}

/** An object as its kind says: items of a list do not repeat apiVersion and kind. Undefined when it is no object with a name. */
export function asObject(value: unknown, { group, version, kind }: WatchedKind): KubeObject | undefined {
  if (!isRecord(value) || !isRecord(value["metadata"])) return undefined;
  return { ...value, apiVersion: group === "" ? version : `${group}/${version}`, kind } as KubeObject;
}

function pathOf({ group, version, resource }: WatchedKind, { namespace }: Selection, query: Record<string, string>): string {
  const root = group === "" ? `/api/${version}` : `/apis/${group}/${version}`;
  const within = namespace === undefined ? "" : `/namespaces/${encodeURIComponent(namespace)}`;
  return `${root}${within}/${resource}?${new URLSearchParams(query).toString()}`;
}

function readList(value: unknown, kind: WatchedKind): Page & { readonly next: string } {
  const metadata = isRecord(value) ? value["metadata"] : undefined;
  const items = isRecord(value) ? (value["items"] ?? []) : undefined;
  // Every list tells its version. What does not (a Status has `metadata` too) would count as an empty cluster.
  const resourceVersion = isRecord(metadata) ? textOf(metadata["resourceVersion"]) : "";
  if (!isRecord(metadata) || resourceVersion === "" || !Array.isArray(items)) throw new Error(`the answer for ${kind.resource} is no list`);
  const objects = items.map((item) => asObject(item, kind));
  if (!objects.every((object) => object !== undefined)) throw new Error(`the list of ${kind.resource} holds something that is no object`);
  return { items: objects, resourceVersion, next: textOf(metadata["continue"]) };
}

function textOf(value: unknown): string {
  return typeof value === "string" ? value : "";
}
