import { nameKey, refOf, type KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";

/** What came of one write to the cluster; `sources/` tells the same of its requests. */
export interface Written {
  readonly result: "written" | "foreign" | "conflict" | "refused" | "failed";
  readonly detail?: string;
  readonly retryAfterMs?: number;
}

/** Writes one policy; never rejects. */
export type WritePolicy = (policy: KubeObject, stopping: AbortSignal) => Promise<Written>;

export interface WriteParts {
  readonly write: WritePolicy;
  readonly log: Log;
  readonly count: (result: Written["result"]) => void;
  readonly stopping: AbortSignal;
}

/**
 * Writes the policies of one namespace in their order, and stops at the first that could not be written: a deny without
 * its allowances would be worse than none. What is somebody else's stays as it is and stops nothing.
 */
export async function writeInOrder(policies: readonly KubeObject[], { write, log, count, stopping }: WriteParts): Promise<Written> {
  const names: string[] = [];
  for (const policy of policies) {
    const written = await write(policy, stopping);
    if (stopping.aborted) return written;
    count(written.result);
    if (written.result === "refused" || written.result === "failed") return written;
    if (written.result === "written") names.push(refOf(policy).name);
    else log.warn({ policy: nameKey(refOf(policy)), reason: written.detail }, "a policy of the baseline is left as it is");
  }
  if (names.length > 0) log.info({ namespace: policies[0]?.metadata.namespace, policies: names }, "baseline provided");
  return { result: "written" };
}
