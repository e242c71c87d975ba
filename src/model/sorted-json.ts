import { isRecord } from "./kubernetes.js";

/** JSON in which the order of fields says nothing: equal texts for equal values. Lists keep their order. */
export function sortedJson(value: unknown): string {
  return JSON.stringify(value, (_, inner: unknown) => (isRecord(inner) ? Object.fromEntries(Object.entries(inner).sort(([a], [b]) => (a < b ? -1 : 1))) : inner));
}
