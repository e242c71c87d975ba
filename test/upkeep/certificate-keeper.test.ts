import { X509Certificate } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import forge from "node-forge";
import { afterEach, beforeEach, describe, expect, test } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { SUSPENDED, suspensionOf } from "../../src/model/suspension.js";
import { CertificateKeeper } from "../../src/upkeep/certificate-keeper.js";
import type { Held } from "../../src/upkeep/certificate-plan.js";
import { heldIn, SecretCertificate, secretOf } from "../../src/upkeep/certificate-secret.js";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import { MemoryObjects } from "./memory-objects.js";
import { keptLog } from "../server/small-app.js";

const SECRET = { apiVersion: "v1", resource: "secrets", namespace: "sluice-system", name: "certificates" };
const LEASE = { apiVersion: "coordination.k8s.io/v1", resource: "leases", namespace: "sluice-system", name: "lease" };
const NOW = new Date("2026-11-21T12:00:00Z");
const TIMING = { lookMs: 20, stepMs: 1, spreadMs: 120 };

let objects: MemoryObjects;
let now: Date;
let stop: () => Promise<void>;
let kept: ReturnType<typeof keptLog>;
let served: SecretCertificate | undefined;

beforeEach(() => {
  objects = new MemoryObjects();
  objects.put({ apiVersion: "v1", resource: "namespaces", name: "sluice-system" }, { apiVersion: "v1", kind: "Namespace", metadata: { name: "sluice-system", uid: "u-1" } });
  [now, kept, stop, served] = [NOW, keptLog(), async () => undefined, undefined];
});
afterEach(async () => {
  await stop();
  served?.stop();
});

const configuration = (caBundle: string): KubeObject => ({
  apiVersion: "admissionregistration.k8s.io/v1",
  kind: "ValidatingWebhookConfiguration",
  metadata: { name: "deny", labels: { "app.kubernetes.io/name": "sluice" } },
  webhooks: [{ name: "deny.sluice.dev", clientConfig: { caBundle: Buffer.from(caBundle).toString("base64") } }],
});

function lead(name = "a", changed: (held: Held) => void = () => undefined): CertificateKeeper {
  const { store } = objects.client(name);
  const isSuspended = async (signal: AbortSignal): Promise<boolean> => suspensionOf(await store.read(LEASE, signal)) !== undefined;
  const keeper = new CertificateKeeper({ store, secret: SECRET, isSuspended, names: ["sluice.sluice-system.svc"], owner: "sluice-system", configurations: (ca) => [configuration(ca)], changed, log: kept.log, now: () => now, timing: TIMING });
  const leading = new AbortController();
  const running = keeper.run(leading.signal);
  const before = stop;
  stop = async () => {
    leading.abort(new Error("no longer"));
    await running;
    await before();
  };
  return keeper;
}

const held = (): Held => heldIn(objects.get("certificates"));
const trusted = (): string => Buffer.from((objects.get("deny")?.["webhooks"] as { clientConfig: { caBundle: string } }[] | undefined)?.[0]?.clientConfig.caBundle ?? "", "base64").toString();
const settled = (test: () => boolean) => expect.poll(test, { interval: 5, timeout: 15_000 }).toBe(true);
const isTrue = (): boolean => held().certificate !== undefined && trusted() === held().cas.join("");
const signedBy = (index: number): boolean => new X509Certificate(held().certificate ?? "").verify(new X509Certificate(held().cas[index] ?? "").publicKey);
/** Moves the clock to the time of each new leaf before the CA is due. */
async function renewLeaves(): Promise<void> {
  for (const days of [61, 122, 183]) {
    const { certificate } = held();
    now = daysOn(days);
    await settled(() => held().certificate !== certificate && isTrue());
  }
}
const daysOn = (days: number): Date => new Date(NOW.getTime() + days * 86_400_000);

describe("the keeper", () => {
  test("makes CA, leaf and configurations where there are none, and then writes nothing more", async () => {
    lead();
    await settled(isTrue);
    const leaf = new X509Certificate(held().certificate ?? "");
    expect([leaf.checkHost("sluice.sluice-system.svc"), signedBy(0), held().cas.length]).toEqual(["sluice.sluice-system.svc", true, 1]);
    expect(objects.get("deny")?.metadata.ownerReferences).toEqual([{ apiVersion: "v1", kind: "Namespace", name: "sluice-system", uid: "u-1" }]);
    const { length } = objects.writes;
    await sleep(200);
    expect(objects.writes.slice(length)).toEqual([]);
    expect(kept.text()).not.toContain("PRIVATE KEY");
  });

  test("tells every client of a new CA before the leaf is its own, and forgets the old one when it has ended", async () => {
    lead();
    await settled(isTrue);
    const [first] = held().cas;
    await renewLeaves();
    now = daysOn(244);
    await settled(() => held().cas.length === 2 && held().cas[1] === first);
    await settled(() => signedBy(0));
    // As stored, one write after the other: whoever trusts what the configuration said at any time trusts the leaf of that time.
    let [bundle, leaf] = ["", ""];
    for (const { object } of objects.writes) {
      if (object.kind === "Secret") leaf = heldIn(object).certificate ?? "";
      else bundle = Buffer.from((object["webhooks"] as { clientConfig: { caBundle: string } }[])[0]?.clientConfig.caBundle ?? "", "base64").toString();
      if (bundle !== "" && leaf !== "") expect((bundle.match(/-----BEGIN[\s\S]*?END CERTIFICATE-----/g) ?? []).some((ca) => new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey))).toBe(true);
    }
    now = daysOn(305);
    await settled(() => Date.parse(new X509Certificate(held().certificate ?? "").validTo) > daysOn(380).getTime());
    now = daysOn(366);
    await settled(() => held().cas.length === 1 && isTrue());
    expect(held().cas[0]).not.toBe(first);
  });

  test("does what a person asks for by taking a key out of the Secret", async () => {
    lead();
    await settled(isTrue);
    const before = held();
    const without = (...keys: string[]) => objects.edit("certificates", (secret) => ({ ...secret, data: Object.fromEntries(Object.entries(secret["data"] as object).filter(([key]) => !keys.includes(key))) }));
    without("tls.crt");
    await settled(() => held().certificate !== undefined && held().certificate !== before.certificate && isTrue());
    expect(held().cas).toEqual(before.cas);
    without("ca.key");
    await settled(() => held().cas.length === 2 && isTrue() && signedBy(0));
    expect(held().cas[1]).toBe(before.cas[0]);
  });

  test("puts right what somebody changed, and leaves labels and owners of others", async () => {
    lead();
    await settled(isTrue);
    objects.edit("deny", (one) => ({ ...one, metadata: { ...one.metadata, labels: { team: "x" }, ownerReferences: [] }, webhooks: [] }));
    await settled(() => isTrue() && objects.get("deny")?.metadata.ownerReferences?.length === 1);
    expect(objects.get("deny")?.metadata.labels).toEqual({ team: "x", "app.kubernetes.io/name": "sluice" });
    objects.delete("deny");
    await settled(isTrue);
  });

  test("while it is suspended it makes nothing and puts nothing right, but the configurations trust every new CA; then all is as before", async () => {
    const suspend = (annotations: Record<string, string>): void => objects.put(LEASE, { apiVersion: LEASE.apiVersion, kind: "Lease", metadata: { name: LEASE.name, namespace: LEASE.namespace, annotations } });
    lead();
    await settled(isTrue);
    suspend({ [SUSPENDED]: "by a test" });
    const ignoring = (one: KubeObject): KubeObject => ({ ...one, webhooks: (one["webhooks"] as object[]).map((webhook) => ({ ...webhook, failurePolicy: "Ignore" })) });
    objects.edit("deny", ignoring);
    const policy = (): unknown => (objects.get("deny")?.["webhooks"] as { failurePolicy?: string }[])[0]?.failurePolicy;
    const [first] = held().cas;
    await renewLeaves();
    now = daysOn(244);
    await settled(() => held().cas.length === 2 && held().cas[1] === first && isTrue() && signedBy(0));
    expect(policy()).toBe("Ignore");
    objects.delete("deny");
    const { length } = objects.writes;
    await sleep(200);
    expect([objects.get("deny"), objects.writes.length]).toEqual([undefined, length]);
    suspend({});
    await settled(isTrue);
    expect(policy()).toBeUndefined();
  });

  test("two that both believe they lead end with one CA, one leaf, and configurations that trust it", async () => {
    lead("a");
    lead("b");
    await settled(isTrue);
    await renewLeaves();
    now = daysOn(244);
    await settled(() => held().cas.length === 2 && signedBy(0) && isTrue());
    await sleep(200);
    const { length } = objects.writes;
    await sleep(200);
    expect([objects.writes.length - length, held().cas.length, signedBy(0)]).toEqual([0, 2, true]);
  });

  test("makes nothing while its clock is years behind", async () => {
    lead();
    await settled(isTrue);
    const before = held();
    now = new Date("1970-01-01T00:01:00Z");
    await sleep(2 * TIMING.spreadMs);
    expect(held()).toEqual(before);
  });

  test("does not write over somebody else's certificate that came without its CA", async () => {
    const ca = await issueCa(NOW);
    const leaf = await issueLeaf({ ca, names: [], now: NOW });
    const stranger = forge.pki.certificateFromPem(leaf.certificate);
    stranger.setIssuer([{ name: "commonName", value: "somebody's CA" }]);
    stranger.sign(forge.pki.privateKeyFromPem(ca.key), forge.md.sha256.create());
    const certificate = forge.pki.certificateToPem(stranger);
    objects.put(SECRET, secretOf({ cas: [], certificate, key: leaf.key }, SECRET));
    lead();
    await settled(() => kept.text().includes("holds a certificate that Sluice did not make"));
    expect(held()).toEqual({ cas: [], certificate, key: leaf.key });
  });

  test("does not sign with somebody else's CA, nor overwrite it", async () => {
    const other = await issueCa(NOW);
    const foreign = other.certificate.replaceAll("\r", "");
    objects.put(SECRET, secretOf({ cas: [new X509Certificate(foreign).toString()], caKey: other.key }, SECRET));
    // Made by the same code, so only its name could give it away: a leaf is no CA of ours.
    const leafCa = { certificate: (await import("../../src/upkeep/certificates.js")).issueLeaf({ ca: other, names: [], now: NOW }) };
    objects.put(SECRET, secretOf({ cas: [(await leafCa.certificate).certificate], caKey: other.key }, SECRET));
    lead();
    await settled(() => kept.text().includes("holds a certificate that Sluice did not make"));
    expect(objects.writes).toEqual([]);
  });
});

describe("a replica that serves what is in the Secret", () => {
  test("is not ready until there is one, then takes every change, and keeps the last good one", async () => {
    const { store } = objects.client("reader");
    served = await SecretCertificate.open({ store, at: SECRET, log: kept.log, now: () => now, pollMs: 10 });
    const told: string[] = [];
    served.start(({ fingerprint }) => told.push(fingerprint));
    expect(served.condition()).toEqual({ name: "certificate", ok: false, detail: "waiting for the one in Secret `sluice-system/certificates`: the Secret holds no certificate with its key" });
    lead();
    await settled(() => served?.condition().ok === true);
    const good = served.served;
    expect([good.ca, told]).toEqual([held().cas.join(""), [good.fingerprint]]);
    await stop();
    stop = async () => undefined;
    objects.edit("certificates", (secret) => ({ ...secret, data: { "tls.crt": "AAAA", "tls.key": "AAAA" } }));
    await settled(() => served?.condition().detail.includes("the last good one is kept") === true);
    expect([served.served, served.condition().ok]).toEqual([good, true]);
    now = daysOn(91);
    expect(served.condition()).toMatchObject({ ok: false, detail: expect.stringContaining("expired, ends 2027-02-19") });
  });
});
