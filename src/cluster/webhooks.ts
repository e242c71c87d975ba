import { isRecord, recordsIn } from "../model/kubernetes.js";
import type { ClusterConnection } from "./connection.js";
import { clusterObjects } from "./objects.js";

/** How one webhook of a configuration calls its server. */
export interface WebhookCall {
  /** Of the configuration. */
  readonly name: string;
  readonly host: string;
  /** PEM. */
  readonly caBundle: string;
}

export interface NamedConfiguration {
  readonly kind: "MutatingWebhookConfiguration" | "ValidatingWebhookConfiguration";
  readonly name: string;
}

const READ_MS = 2_000;

/** How the API server is told to call, by these configurations; webhooks without a `caBundle` are left out, and configurations that do not exist. */
export async function webhookCalls(connection: ClusterConnection, configurations: readonly NamedConfiguration[]): Promise<readonly WebhookCall[]> {
  const objects = clusterObjects(connection);
  const signal = AbortSignal.timeout(READ_MS);
  const calls = configurations.map(async ({ kind, name }) => {
    const stored = await objects.read({ apiVersion: "admissionregistration.k8s.io/v1", resource: `${kind.toLowerCase()}s`, name }, signal);
    const called = recordsIn(stored?.["webhooks"]).flatMap(({ clientConfig }) => (isRecord(clientConfig) ? callOf(name, clientConfig) : []));
    return [...new Map(called.map((call) => [`${call.host} ${call.caBundle}`, call])).values()];
  });
  return (await Promise.all(calls)).flat();
}

function callOf(name: string, { url, service, caBundle }: Record<string, unknown>): readonly WebhookCall[] {
  if (typeof caBundle !== "string" || caBundle === "") return [];
  const host = isRecord(service) ? `${String(service["name"])}.${String(service["namespace"])}.svc` : typeof url === "string" && URL.canParse(url) ? new URL(url).hostname.replace(/^\[|\]$/g, "") : undefined;
  return host === undefined ? [] : [{ name, host, caBundle: Buffer.from(caBundle, "base64").toString("utf8") }];
}
