import type { KubeObject } from "../model/kubernetes.js";
import { isRecord } from "../model/kubernetes.js";
import type { ObjectAt } from "../model/object-store.js";

/** What a coordination.k8s.io/v1 Lease says. */
export interface LeaseRecord {
  /** Empty: nobody holds it. */
  readonly holder: string;
  readonly durationMs: number;
  readonly transitions: number;
  readonly acquireTime?: string;
}

/** Undefined for what is no Lease that anybody holds. */
export function readLease(object: KubeObject, defaultMs: number): LeaseRecord {
  const spec = isRecord(object["spec"]) ? object["spec"] : {};
  const { holderIdentity, leaseDurationSeconds, leaseTransitions, acquireTime } = spec;
  return {
    holder: typeof holderIdentity === "string" ? holderIdentity : "",
    durationMs: typeof leaseDurationSeconds === "number" && leaseDurationSeconds > 0 ? leaseDurationSeconds * 1_000 : defaultMs,
    transitions: typeof leaseTransitions === "number" ? leaseTransitions : 0,
    ...(typeof acquireTime === "string" && { acquireTime }),
  };
}

/** The Lease as `holder` writes it; over the stored one, when there is one, so that a write by anybody else since makes it fail. */
export function writeLease(at: ObjectAt, record: LeaseRecord, { stored, now }: { readonly stored?: KubeObject; readonly now: Date }): KubeObject {
  const renewTime = microTime(now);
  const spec = {
    holderIdentity: record.holder,
    leaseDurationSeconds: Math.max(1, Math.round(record.durationMs / 1_000)),
    leaseTransitions: record.transitions,
    acquireTime: record.acquireTime ?? renewTime,
    renewTime,
  };
  const metadata = stored ? stored.metadata : { name: at.name, ...(at.namespace !== undefined && { namespace: at.namespace }) };
  return { apiVersion: at.apiVersion, kind: "Lease", metadata, spec };
}

/** `metav1.MicroTime`: six digits after the point, no more and no fewer. */
function microTime(now: Date): string {
  return now.toISOString().replace(/Z$/, "000Z");
}
