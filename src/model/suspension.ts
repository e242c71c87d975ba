import type { KubeObject } from "./kubernetes.js";

/**
 * Annotation on the Lease of the leader: while it is there, whatever it says, nobody makes the webhook configurations or puts them
 * right. Only the CA that they trust goes on being renewed in them.
 */
export const SUSPENDED = "sluice.dev/suspended";

/** Why the webhook configurations are not kept; undefined while they are. */
export function suspensionOf(lease: KubeObject | undefined): string | undefined {
  return lease?.metadata.annotations?.[SUSPENDED];
}
