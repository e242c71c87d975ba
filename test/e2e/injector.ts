import { createServer } from "node:https";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import type { Cluster } from "./cluster-client.js";
import { installWebhooks } from "./cluster-webhooks.js";

/** Where the injector leaves its mark. */
export const INJECTED = "e2e.sluice.dev/injected";

/**
 * Somebody else's mutating webhook, as a mesh's sidecar injector: it annotates the new pods of one namespace, after Sluice
 * has had them (webhook configurations are asked in the order of their names). Returns what stops it.
 */
export async function startInjector(cluster: Cluster, namespace: string): Promise<() => Promise<void>> {
  const now = new Date();
  const ca = await issueCa(now);
  const { certificate, key } = await issueLeaf({ ca, names: [], now });
  const server = createServer({ cert: certificate, key }, (request, response) => {
    void text(request).then((body) => response.setHeader("content-type", "application/json").end(JSON.stringify(answerTo(JSON.parse(body) as Review))));
  });
  await new Promise<void>((resolve) => void server.listen(0, "127.0.0.1", () => resolve()));
  const url = `https://127.0.0.1:${(server.address() as AddressInfo).port}`;
  const remove = await installWebhooks(cluster, [configuration(namespace)], { url, ca: ca.certificate });
  return async () => {
    await remove();
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  };
}

interface Review {
  readonly request: { readonly uid: string; readonly object: { readonly metadata: { readonly annotations?: object } } };
}

function answerTo({ request: { uid, object } }: Review): object {
  const mark = object.metadata.annotations ? { path: `/metadata/annotations/${INJECTED.replace("/", "~1")}`, value: "yes" } : { path: "/metadata/annotations", value: { [INJECTED]: "yes" } };
  const patch = Buffer.from(JSON.stringify([{ op: "add", ...mark }])).toString("base64");
  return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid, allowed: true, patchType: "JSONPatch", patch } };
}

function configuration(namespace: string): object {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind: "MutatingWebhookConfiguration",
    metadata: { name: `zz-injector-${namespace}` },
    webhooks: [{
      name: "injector.e2e.sluice.dev",
      admissionReviewVersions: ["v1"],
      sideEffects: "None",
      failurePolicy: "Fail",
      rules: [{ apiGroups: [""], apiVersions: ["v1"], resources: ["pods"], operations: ["CREATE"], scope: "Namespaced" }],
      namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": namespace } },
      clientConfig: { service: { namespace: "none", name: "none", path: "/inject" } },
    }],
  };
}
