import { isDeepStrictEqual } from "node:util";
import type { KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";

const RESOURCES: Readonly<Record<string, string>> = { MutatingWebhookConfiguration: "mutatingwebhookconfigurations", ValidatingWebhookConfiguration: "validatingwebhookconfigurations" };

/**
 * Makes the stored configurations what they are wanted to be. Answers true when all of them are, without a write: then they were so
 * for at least as long as the API server took to answer. Labels and annotations of others stay.
 */
export async function keepConfigurations(wanted: readonly KubeObject[], { store, log }: { readonly store: ObjectStore; readonly log: Log }, signal: AbortSignal): Promise<boolean> {
  let isTrue = true;
  for (const configuration of wanted) {
    const at = placeOf(configuration);
    const stored = await store.read(at, signal);
    if (stored && says(stored, configuration)) continue;
    isTrue = false;
    const written = await store.write(at, stored ? over(stored, configuration) : configuration, signal);
    if (written !== "conflict") log.info({ configuration: `${configuration.kind}/${at.name}` }, stored ? "a webhook configuration was put right" : "a webhook configuration was made");
  }
  return isTrue;
}

function placeOf({ apiVersion, kind, metadata: { name = "" } }: KubeObject): ObjectAt {
  return { apiVersion, resource: RESOURCES[kind] ?? "", name };
}

/** What the API server fills in is written out in what is wanted, so equal means equal. */
function says(stored: KubeObject, wanted: KubeObject): boolean {
  const { labels, ownerReferences } = wanted.metadata;
  const hasLabels = Object.entries(labels ?? {}).every(([key, value]) => stored.metadata.labels?.[key] === value);
  const hasOwner = (ownerReferences ?? []).every(({ uid }) => stored.metadata.ownerReferences?.some((owner) => owner.uid === uid));
  return hasLabels && hasOwner && isDeepStrictEqual(stored["webhooks"] ?? [], wanted["webhooks"]);
}

function over(stored: KubeObject, wanted: KubeObject): KubeObject {
  const { labels, ownerReferences } = wanted.metadata;
  const owners = new Map([...(stored.metadata.ownerReferences ?? []), ...(ownerReferences ?? [])].map((owner) => [owner.uid, owner]));
  return { ...stored, metadata: { ...stored.metadata, labels: { ...stored.metadata.labels, ...labels }, ownerReferences: [...owners.values()] }, webhooks: wanted["webhooks"] };
}
