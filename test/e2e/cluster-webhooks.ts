import type { Cluster } from "./cluster-client.js";

interface WebhookConfiguration {
  readonly kind: string;
  readonly metadata: { readonly name: string };
  readonly webhooks?: readonly Webhook[];
}

interface Webhook {
  readonly clientConfig?: { readonly url?: string; readonly service?: { readonly path?: string } };
}

/** Where Sluice listens, `https://127.0.0.1:PORT`, and its CA certificate, PEM. */
export interface WebhookTarget {
  readonly url: string;
  readonly ca: string;
}

/**
 * Applies webhook configurations as they are shipped, but for their address: each webhook's path is kept and asked at the target.
 * They are in force some 30 ms later, not at once: a test waits for their first effect. Returns what removes them again.
 */
export async function installWebhooks(cluster: Cluster, configurations: readonly object[], target: WebhookTarget): Promise<() => Promise<void>> {
  const pointed = (configurations as readonly WebhookConfiguration[]).map((one) => pointAt(one, target));
  await cluster.apply(pointed);
  return async () => {
    for (const { kind, metadata } of pointed) await cluster.kubectl(["delete", kind, metadata.name, "--ignore-not-found"]);
  };
}

function pointAt(configuration: WebhookConfiguration, target: WebhookTarget): WebhookConfiguration {
  const caBundle = Buffer.from(target.ca).toString("base64");
  const webhooks = (configuration.webhooks ?? []).map((webhook) => ({ ...webhook, clientConfig: { url: `${target.url}${pathOf(webhook)}`, caBundle } }));
  return { ...configuration, webhooks };
}

function pathOf({ clientConfig }: Webhook): string {
  return clientConfig?.url ? new URL(clientConfig.url).pathname : (clientConfig?.service?.path ?? "/");
}
