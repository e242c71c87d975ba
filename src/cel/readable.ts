import { isRecord } from "../model/kubernetes.js";
import { Memory } from "../model/memory.js";

/** What is known of the objects of the API server and of requests, which stay as they are. */
const known = new Memory<object, unknown>();

/**
 * The same value for the library, which tells a map by its `constructor`: a label, an annotation or a field may be called so,
 * and the record that has it is given as a Map then. Anything else is returned as it is.
 */
export function readable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  let made = known.get(value);
  if (made === undefined) known.set(value, (made = isReadable(value) ? value : converted(value)));
  return made;
}

function isReadable(value: unknown): boolean {
  if (typeof value !== "object" || value === null) return true;
  if (Array.isArray(value)) return value.every(isReadable);
  for (const key in value) if (key === "constructor" || !isReadable((value as Record<string, unknown>)[key])) return false;
  return true;
}

function converted(value: unknown): unknown {
  if (Array.isArray(value)) return value.map(converted);
  if (!isRecord(value)) return value;
  const entries = Object.entries(value).map(([key, inner]): [string, unknown] => [key, converted(inner)]);
  return Object.hasOwn(value, "constructor") ? new Map(entries) : Object.fromEntries(entries);
}

/** What `readable` has made a Map of, as a record again; empty for anything that is no map. */
export function asRecord(value: unknown): Record<string, unknown> {
  return value instanceof Map ? (Object.fromEntries(value) as Record<string, unknown>) : isRecord(value) ? value : {};
}
