import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import type { ObjectAt } from "../model/object-store.js";
import { CONFIGURATION_NAMES } from "../review/webhooks.js";

/** Webhook configurations as the API server has them, read with nothing taken for granted. */

/** Names of Sluice's own, by kind. */
const OWN: readonly (readonly [kind: string, name: string])[] = [
  ["MutatingWebhookConfiguration", CONFIGURATION_NAMES.mutating],
  ["ValidatingWebhookConfiguration", CONFIGURATION_NAMES.deny],
  ["ValidatingWebhookConfiguration", CONFIGURATION_NAMES.warn],
];

/** Where Sluice's own configurations lie. */
export const OWN_CONFIGURATIONS: readonly ObjectAt[] = OWN.map(([kind, name]) => ({ apiVersion: "admissionregistration.k8s.io/v1", resource: `${kind.toLowerCase()}s`, name }));

export function isOwn({ kind, metadata }: KubeObject): boolean {
  return OWN.some(([ownKind, name]) => kind === ownKind && metadata.name === name);
}

export function webhooksOf(configuration: KubeObject): readonly Record<string, unknown>[] {
  return recordsIn(configuration["webhooks"]);
}

/** How a webhook's server is found: by a Service, or by a URL. */
export interface CalledAt {
  readonly service?: { readonly namespace: string; readonly name: string; readonly port: number };
  readonly url?: string;
  /** PEM; empty: the CAs of the system. */
  readonly caBundle: string;
}

export function calledAt({ clientConfig }: Readonly<Record<string, unknown>>): CalledAt {
  const { service, url, caBundle } = isRecord(clientConfig) ? clientConfig : {};
  return {
    caBundle: typeof caBundle === "string" ? Buffer.from(caBundle, "base64").toString("utf8") : "",
    ...(isRecord(service) && { service: { namespace: String(service["namespace"]), name: String(service["name"]), port: Number(service["port"] ?? 443) } }),
    ...(typeof url === "string" && { url }),
  };
}

/** `deny.sluice.dev` */
export function nameOf({ name }: Readonly<Record<string, unknown>>): string {
  return typeof name === "string" ? name : "";
}
