import type { Facts } from "../../src/doctor/facts.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { customResourceDefinitions } from "../../src/packs/crd.js";
import { webhookConfigurations } from "../../src/review/webhooks.js";
import type { Held } from "../../src/upkeep/certificate-plan.js";
import { secretOf } from "../../src/upkeep/certificate-secret.js";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import { shippedPacks, snapshotOf } from "../review/world.js";

/** Everything as it is where all is well: two replicas behind a Service, one of which leads. */

export const NOW = Date.parse("2026-11-21T12:00:00Z");
const DIGEST = "sha256:0123456789abcdef";
export const packs = shippedPacks();
const service = { namespace: "sluice-system", name: "sluice" };
const certSecret = { namespace: "sluice-system", name: "sluice-certificates" };

export const ca = await issueCa(new Date(NOW));
const leaf = await issueLeaf({ ca, names: ["sluice.sluice-system.svc"], now: new Date(NOW) });
export const held: Held = { cas: [ca.certificate], caKey: ca.key, certificate: leaf.certificate, key: leaf.key };

export function secret(from: Held = held): KubeObject {
  return secretOf(from, { apiVersion: "v1", resource: "secrets", ...certSecret });
}

/** The configurations that the packs ask for, trusting these CAs. */
export function wanted(bundle: string = ca.certificate, mode: Facts["mode"] = "enforce"): readonly KubeObject[] {
  const made = webhookConfigurations(packs, { at: service, mode, caBundle: bundle });
  if (!made.ok) throw new Error("the shipped packs can be sent everything");
  return made.value;
}

export function object(apiVersion: string, kind: string, name: string, fields: object = {}): KubeObject {
  return { apiVersion, kind, metadata: { name, namespace: "sluice-system" }, ...fields };
}

export function lease(age: number, annotations: Record<string, string> = {}): KubeObject {
  const made = object("coordination.k8s.io/v1", "Lease", certSecret.name, { spec: { holderIdentity: "sluice-1_0b0b0b0b-0000-4000-8000-000000000000", renewTime: new Date(NOW - age).toISOString() } });
  return { ...made, metadata: { ...made.metadata, annotations } };
}

export function replica(name: string, digest = DIGEST, more = ""): { name: string; ready: boolean; text: string } {
  return { name, ready: more === "", text: `[+]packs ok: baseline, kf (${digest})\n${more}readyz check ${more === "" ? "passed" : "failed"}\n` };
}

export function replicaPod(name: string, image = "sluice:1"): KubeObject {
  const made = object("v1", "Pod", name, { spec: { containers: [{ name: "sluice", image }] } });
  return { ...made, metadata: { ...made.metadata, labels: { "app.kubernetes.io/name": "sluice" } } };
}

export function endpointSlice(...ready: boolean[]): KubeObject {
  return object("discovery.k8s.io/v1", "EndpointSlice", "sluice-x", { endpoints: ready.map((one) => ({ addresses: ["10.0.0.1"], conditions: { ready: one } })), ports: [{ port: 8443 }] });
}

export const HEALTHY: Facts = {
  server: "https://10.0.0.1",
  version: { value: "v1.33.1" },
  clocks: { value: { here: NOW + 900, there: NOW } },
  now: NOW,
  service,
  certSecret,
  namespaces: { value: ["sluice-system", "kube-system", "default"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } })) },
  serviceObject: { value: object("v1", "Service", "sluice") },
  slices: { value: [endpointSlice(true, true)] },
  pods: { value: [replicaPod("sluice-1"), replicaPod("sluice-2")] },
  replicas: { value: [replica("sluice-1"), replica("sluice-2")] },
  own: { value: wanted() },
  others: { value: [] },
  secret: { value: secret() },
  lease: { value: lease(2_000) },
  definitions: { value: customResourceDefinitions() },
  permissions: { value: [{ permission: { group: "", resource: "pods", verb: "list" }, allowed: true }] },
  account: { namespace: "sluice-system", name: "sluice" },
  probe: { value: { status: 403, message: 'admission webhook "packs.sluice.dev" denied the request: [sluice/packs] ...' } },
  packs: { value: { packs, digest: DIGEST, inState: packs.profile, detections: { value: [] }, chosen: new Set(), refused: [] } },
  snapshot: { value: snapshotOf() },
  mode: "enforce",
};
