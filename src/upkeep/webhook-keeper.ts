import { isDeepStrictEqual } from "node:util";
import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import type { Log } from "../log.js";
import type { ObjectAt, ObjectStore } from "../model/object-store.js";

const RESOURCES: Readonly<Record<string, string>> = { MutatingWebhookConfiguration: "mutatingwebhookconfigurations", ValidatingWebhookConfiguration: "validatingwebhookconfigurations" };

export interface Keeping {
  readonly store: ObjectStore;
  readonly log: Log;
  /** Has somebody said that the configurations be left as they are? */
  readonly isSuspended: (signal: AbortSignal) => Promise<boolean>;
}

/**
 * Makes the stored configurations what they are wanted to be. Answers true when all of them are, without a write: then they were so
 * for at least as long as the API server took to answer. Labels and annotations of others stay.
 */
export async function keepConfigurations(wanted: readonly KubeObject[], { store, log, isSuspended }: Keeping, signal: AbortSignal): Promise<boolean> {
  let isTrue = true;
  for (const configuration of wanted) {
    const at = placeOf(configuration);
    const stored = await store.read(at, signal);
    if (stored && says(stored, configuration)) continue;
    // Asked after the configuration was read: whoever suspends first and changes it then is never undone, for the version is another one.
    const due = (await isSuspended(signal)) ? stored && trusting(stored, configuration) : configuration;
    if (!due || (stored && says(stored, due))) continue;
    isTrue = false;
    const written = await store.write(at, stored ? over(stored, due) : due, signal);
    if (written !== "conflict") log.info({ configuration: `${configuration.kind}/${at.name}` }, stored ? "a webhook configuration was put right" : "a webhook configuration was made");
  }
  return isTrue;
}

/** As it is stored, but for whom it trusts: a certificate that nobody trusts would be an outage of its own. */
function trusting(stored: KubeObject, wanted: KubeObject): KubeObject {
  const [first] = recordsIn(wanted["webhooks"]);
  const caBundle = isRecord(first?.["clientConfig"]) ? first["clientConfig"]["caBundle"] : undefined;
  const webhooks = recordsIn(stored["webhooks"]).map((webhook) => ({ ...webhook, clientConfig: { ...(isRecord(webhook["clientConfig"]) && webhook["clientConfig"]), ...(caBundle !== undefined && { caBundle }) } }));
  return { ...stored, webhooks };
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
