import { isRecord, recordsIn } from "../model/kubernetes.js";
import { ClusterError } from "./connection.js";
import type { Reader, WatchedKind } from "./list.js";
import { limited } from "./timing.js";

/**
 * Does the API server itself say that it has no such kind? A 404 may come from whoever stands in between, and a kind that is taken for
 * absent counts as one without objects. False when there is no telling.
 */
export async function isAbsent({ group, version, resource }: WatchedKind, { connection, timing }: Reader, signal: AbortSignal): Promise<boolean> {
  const get = (path: string): Promise<unknown> => limited({ parent: signal, ms: timing.pageMs, message: `no answer from ${path} within ${timing.pageMs} ms` }, (within) => connection.get(path, within));
  try {
    const known = await get(group === "" ? `/api/${version}` : `/apis/${group}/${version}`).catch(unlessMissing);
    if (known !== undefined) return namesIn(known, "resources")?.every(({ name }) => name !== resource) ?? false;
    const groups = namesIn(await get("/apis"), "groups");
    return group !== "" && (groups?.every(({ name, versions }) => name !== group || recordsIn(versions).every((one) => one["version"] !== version)) ?? false);
  } catch (error) {
    // Everybody may ask by default (`system:discovery`). Where that was taken away there is no more to be had than the 404.
    return error instanceof ClusterError && error.status === 403;
  }
}

function unlessMissing(error: unknown): undefined {
  if (error instanceof ClusterError && error.status === 404) return undefined;
  throw error;
}

/** An APIResourceList or an APIGroupList; undefined for anything else. */
function namesIn(value: unknown, field: "resources" | "groups"): readonly Record<string, unknown>[] | undefined {
  return isRecord(value) && Array.isArray(value[field]) ? recordsIn(value[field]) : undefined;
}
