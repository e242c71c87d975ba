import { isRecord } from "../model/kubernetes.js";

/** What is known of the objects of the API server and of requests, which stay as they are. */
const known = new WeakMap<object, unknown>();

/**
 * The same value for the library, which tells a map by its `constructor`: a label, an annotation or a field may be called so,
 * and the record that has it is given as a Map then. Anything else is returned as it is.
 */
export function readable(value: unknown): unknown {
  if (typeof value !== "object" || value === null) return value;
  const before = known.get(value);
  if (before !== undefined) return before;
  const made = Array.isArray(value) ? readableList(value) : isRecord(value) ? readableRecord(value) : value;
  known.set(value, made);
  return made;
}

function readableList(list: readonly unknown[]): readonly unknown[] {
  const inner = list.map(readable);
  return inner.some((item, i) => item !== list[i]) ? inner : list;
}

function readableRecord(record: Record<string, unknown>): unknown {
  let changed: [string, unknown][] | undefined;
  for (const key of Object.keys(record)) {
    const inner = readable(record[key]);
    if (inner !== record[key]) (changed ??= []).push([key, inner]);
  }
  const copy = changed ? { ...record, ...Object.fromEntries(changed) } : record;
  return Object.hasOwn(record, "constructor") ? new Map(Object.entries(copy)) : copy;
}

/** What `readable` has made a Map of, as a record again; empty for anything that is no map. */
export function asRecord(value: unknown): Record<string, unknown> {
  return value instanceof Map ? (Object.fromEntries(value) as Record<string, unknown>) : isRecord(value) ? value : {};
}
