import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { ClusterError } from "./connection.js";
import { asObject, type WatchedKind } from "./list.js";

/** One line of a watch. A bookmark only says how far the watch has come. */
export interface WatchEvent {
  readonly type: "put" | "remove" | "bookmark";
  readonly object: KubeObject;
  readonly resourceVersion: string;
}

/** What came is no event: nothing after it can be trusted, so the kind is listed anew. */
export class GarbageEvent extends Error {}

const TYPES: Readonly<Record<string, WatchEvent["type"]>> = { ADDED: "put", MODIFIED: "put", DELETED: "remove", BOOKMARK: "bookmark" };

/** Reads one line. Throws a `ClusterError` for the server's own errors, 410 above all, and `GarbageEvent` for what is no event. */
export function readEvent(line: string, kind: WatchedKind): WatchEvent {
  const event = parse(line);
  if (event["type"] === "ERROR") throw errorIn(event["object"]);
  const type = TYPES[String(event["type"])];
  const object = asObject(event["object"], kind);
  const resourceVersion = object?.metadata.resourceVersion;
  if (type === undefined || object === undefined || typeof resourceVersion !== "string") throw new GarbageEvent(`a watch event of ${kind.resource} makes no sense`);
  if (type !== "bookmark" && typeof object.metadata.name !== "string") throw new GarbageEvent(`a watch event of ${kind.resource} names no object`);
  return { type, object, resourceVersion };
}

function parse(line: string): Record<string, unknown> {
  try {
    const event: unknown = JSON.parse(line);
    if (isRecord(event)) return event;
  } catch {
    // The parser's message quotes the line, which may hold anything.
  }
  throw new GarbageEvent("a watch event is no JSON object");
}

/** `{"type":"ERROR","object":{"kind":"Status","code":410,...}}` */
function errorIn(status: unknown): ClusterError {
  const { code, message } = isRecord(status) ? status : {};
  return new ClusterError(typeof code === "number" ? code : 500, `the watch ended with an error: ${typeof message === "string" ? message : "no reason given"}`);
}
