import { policyKinds } from "../dialects/index.js";
import { groupOf, isRecord, kindKey, nameKey, recordsIn, refOf, type KubeObject } from "../model/kubernetes.js";
import { ClusterError, type ClusterConnection } from "./connection.js";

/** The name under which the API server remembers what Sluice wrote. */
const FIELD_MANAGER = "sluice";

/** A write that takes longer has an API server in distress behind it, or a webhook of somebody else: the longest webhook call is 30 s. */
const WRITE_MS = 35_000;

/** What came of one write. */
export interface Written {
  readonly result:
    | "written"
    /** An object of that name is somebody else's: left as it is. */
    | "foreign"
    /** Somebody else owns a field that would change (409): left as it is. */
    | "conflict"
    /** Not allowed, or not acceptable (400, 403, 422): it will not be otherwise in a moment. */
    | "refused"
    | "failed";
  readonly detail?: string;
  /** The API server's `Retry-After`. */
  readonly retryAfterMs?: number;
}

/**
 * Writes policies by server-side apply without force, so that fields of others stay theirs. "Never overwrites": an object
 * that exists without our label and our field manager is not touched.
 */
export function policyWriter(connection: ClusterConnection, label: { readonly key: string; readonly value: string }): (policy: KubeObject, stopping: AbortSignal) => Promise<Written> {
  return async (policy, stopping) => {
    const path = pathOf(policy);
    if (path === undefined) return { result: "refused", detail: `objects of kind \`${kindKey(refOf(policy))}\` cannot be written` };
    const signal = AbortSignal.any([stopping, AbortSignal.timeout(WRITE_MS)]);
    try {
      const stored = await storedAt(path, connection, signal);
      if (stored && !isOurs(stored, label)) return { result: "foreign", detail: `\`${nameKey(refOf(policy))}\` exists and is not Sluice's` };
      const { body } = await connection.send(`${path}?fieldManager=${FIELD_MANAGER}`, { method: "PATCH", contentType: "application/apply-patch+yaml", body: policy }, signal);
      // Apply has no "only when absent": who made it between the two requests keeps every field it set, or there would be a conflict.
      if (!stored && managers(body).some(({ manager }) => manager !== FIELD_MANAGER)) return { result: "foreign", detail: `\`${nameKey(refOf(policy))}\` was made by somebody else at the same time` };
      return { result: "written" };
    } catch (error) {
      return fromError(error);
    }
  };
}

function pathOf(policy: KubeObject): string | undefined {
  const { group, kind, namespace, name } = refOf(policy);
  const known = policyKinds.find((one) => one.group === group && one.kind === kind && one.namespaced);
  if (!known || namespace === undefined) return undefined;
  return `/apis/${groupOf(policy.apiVersion)}/${policy.apiVersion.slice(group.length + 1)}/namespaces/${encodeURIComponent(namespace)}/${known.resource}/${encodeURIComponent(name)}`;
}

async function storedAt(path: string, connection: ClusterConnection, signal: AbortSignal): Promise<unknown> {
  try {
    return await connection.get(path, signal);
  } catch (error) {
    if (error instanceof ClusterError && error.status === 404) return undefined;
    throw error;
  }
}

/** The label alone could be anybody's. */
function isOurs(stored: unknown, { key, value }: { readonly key: string; readonly value: string }): boolean {
  const { labels } = metadataOf(stored);
  return isRecord(labels) && labels[key] === value && managers(stored).some(({ manager, operation }) => manager === FIELD_MANAGER && operation === "Apply");
}

function managers(object: unknown): readonly Record<string, unknown>[] {
  return recordsIn(metadataOf(object)["managedFields"]);
}

function metadataOf(object: unknown): Record<string, unknown> {
  return isRecord(object) && isRecord(object["metadata"]) ? object["metadata"] : {};
}

const REFUSALS: ReadonlySet<number> = new Set([400, 403, 405, 415, 422]);

function fromError(error: unknown): Written {
  const detail = error instanceof Error ? error.message : String(error);
  if (!(error instanceof ClusterError)) return { result: "failed", detail };
  const { status, retryAfterMs } = error;
  if (status === 409) return { result: "conflict", detail };
  // A 403 too, and no refusal: the watch is about to say that the namespace goes.
  const isGoing = detail.includes("because it is being terminated");
  return { result: REFUSALS.has(status) && !isGoing ? "refused" : "failed", detail, ...(retryAfterMs !== undefined && { retryAfterMs }) };
}
