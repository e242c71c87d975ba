import { X509Certificate } from "node:crypto";
import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { afterAll, beforeAll, expect, it } from "vitest";
import { keeperTiming } from "../../src/upkeep/certificate-keeper.js";
import { apiOf, tokenOf } from "./api.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { startForwarder } from "./forwarder.js";
import { policy } from "./kf-world.js";
import { startProgram, type Program } from "./sluice.js";

/** Two replicas that share a Secret: one leads, writes the certificates and keeps the webhook configurations true. */

interface Secret {
  readonly data: Readonly<Record<string, string>>;
}
interface Configuration {
  readonly metadata: { readonly resourceVersion: string; readonly ownerReferences?: readonly { readonly kind: string; readonly uid: string }[] };
  readonly webhooks: readonly { readonly clientConfig: { readonly caBundle: string } }[];
}

describeWithCluster("two replicas and their leader", (cluster) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  const ports: number[] = [];
  let forwarder: Awaited<ReturnType<typeof startForwarder>>;
  let replicas: readonly Program[] = [];

  const start = async (): Promise<Program> => {
    const args = ["--cert-secret", "sluice-system/sluice-certificates", "--lease", "6", "--url", forwarder.url, "--own-namespace", "sluice-system"];
    const program = await startProgram(cluster, { certDir: directory, args });
    ports.push(program.port);
    return program;
  };
  beforeAll(async () => {
    forwarder = await startForwarder(ports);
    replicas = [await start(), await start()];
  });
  afterAll(async () => {
    await Promise.all(replicas.map((replica) => replica.stop()));
    await forwarder?.stop();
    await cluster.kubectl(["delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "-l", "app.kubernetes.io/name=sluice"]);
    await cluster.kubectl(["delete", "-n", "sluice-system", "secret/sluice-certificates", "lease/sluice-certificates", "configmap/sluice-pending-changes", "--ignore-not-found"]);
    rmSync(directory, { recursive: true, force: true });
  });

  const leads = async (replica: Program): Promise<boolean> => /^sluice_leader 1$/m.test((await replica.get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "admin")}` })).text);
  const secret = async (): Promise<Record<string, string>> => Object.fromEntries(Object.entries((await cluster.get<Secret>("secret", "-n", "sluice-system", "sluice-certificates"))?.data ?? {}).map(([key, value]) => [key, Buffer.from(value, "base64").toString()]));
  const configuration = (name = "sluice-deny"): Promise<Configuration | undefined> => cluster.get<Configuration>("validatingwebhookconfiguration", name);
  const trusted = async (): Promise<string> => Buffer.from((await configuration())?.webhooks[0]?.clientConfig.caBundle ?? "", "base64").toString();
  const served = ({ port }: Program): Promise<string> => new Promise((resolve, reject) => {
    const socket = connect({ host: "127.0.0.1", port, rejectUnauthorized: false }, () => {
      resolve(new X509Certificate(socket.getPeerCertificate().raw).fingerprint256);
      socket.destroy();
    });
    socket.on("error", reject);
  });
  const takeOut = async (key: string): Promise<void> => {
    const { code, stderr } = await cluster.kubectl(["patch", "secret", "-n", "sluice-system", "sluice-certificates", "--type=json", "-p", JSON.stringify([{ op: "remove", path: `/data/${key}` }])]);
    if (code !== 0) throw new Error(stderr);
  };
  const bothServe = (what: string, isIt: (leaf: string, held: Record<string, string>) => boolean) => cluster.waitFor(what, async () => {
    const held = await secret();
    const leaf = held["tls.crt"] && new X509Certificate(held["tls.crt"]).fingerprint256;
    const all = await Promise.all(replicas.map(served));
    return leaf && isIt(leaf, held) && all.every((one) => one === leaf);
  }, 90_000);

  it("one leads; its certificate is served by both and trusted by the configurations that it made", async () => {
    expect((await Promise.all(replicas.map(leads))).filter(Boolean)).toEqual([true]);
    const { "tls.crt": leaf = "", "ca.crt": ca = "" } = await secret();
    expect(new X509Certificate(leaf).verify(new X509Certificate(ca).publicKey)).toBe(true);
    await bothServe("both to serve it", () => true);
    await cluster.waitFor("the configurations", async () => (await trusted()) === ca && (await configuration("sluice-warn")) !== undefined);
    const owner = (await cluster.get<{ metadata: { uid: string } }>("namespace", "sluice-system"))?.metadata.uid;
    expect((await configuration())?.metadata.ownerReferences).toMatchObject([{ kind: "Namespace", uid: owner }]);
    await cluster.waitFor("the webhooks to be in force", async () => (await cluster.kubectl(["create", "namespace", "undeclared", "--dry-run=server"])).stderr.includes("declares no baseline"));
  });

  it("writes nothing while everything is true", async () => {
    const version = async () => [(await configuration())?.metadata.resourceVersion, (await configuration("sluice-warn"))?.metadata.resourceVersion, (await cluster.get<Configuration>("secret", "-n", "sluice-system", "sluice-certificates"))?.metadata.resourceVersion];
    const before = await version();
    // Two looks of the leader.
    await new Promise((resolve) => setTimeout(resolve, 2 * keeperTiming(6_000).lookMs + 1_000));
    expect(await version()).toEqual(before);
  });

  it("renews the leaf and then the CA under load, and no request fails", async () => {
    const api = apiOf(cluster, "admin");
    const load = { on: true, count: 0, failed: [] as string[] };
    const client = async (i: number): Promise<void> => {
      while (load.on) {
        const { status, body } = await api("POST", "/apis/networking.k8s.io/v1/namespaces/default/networkpolicies?dryRun=All", policy("default", `load-${i}`, { podSelector: { matchLabels: { app: "nobody" } }, policyTypes: ["Ingress"], ingress: [{}] }));
        load.count += 1;
        if (status !== 201) load.failed.push(body.message ?? String(status));
      }
    };
    const clients = [0, 1, 2, 3].map(client);
    try {
      const first = await secret();
      const old = new X509Certificate(first["tls.crt"] ?? "").fingerprint256;
      await takeOut("tls.crt");
      await bothServe("another leaf", (leaf) => leaf !== old);
      await takeOut("ca.key");
      await bothServe("a leaf of another CA", (_, held) => {
        const [newest = "", ...older] = (held["ca.crt"] ?? "").split(/(?<=-----END CERTIFICATE-----\n)/);
        return newest !== first["ca.crt"] && older.includes(first["ca.crt"] ?? "") && new X509Certificate(held["tls.crt"] ?? "").verify(new X509Certificate(newest).publicKey);
      });
      expect(await trusted()).toBe((await secret())["ca.crt"]);
    } finally {
      load.on = false;
      await Promise.all(clients);
    }
    expect(load.failed).toEqual([]);
    expect(load.count).toBeGreaterThan(500);
  }, 180_000);

  it("the other one takes over when the leader is killed, and goes on keeping the configurations true", async () => {
    const [first, second] = replicas as [Program, Program];
    const [leader, other] = (await leads(first)) ? [first, second] : [second, first];
    await leader.kill();
    ports.splice(0, ports.length, other.port);
    await cluster.waitFor("the other one to lead", () => leads(other), 40_000);
    await cluster.kubectl(["delete", "validatingwebhookconfiguration", "sluice-deny"]);
    await cluster.waitFor("the configuration to be back", configuration);
    const lease = await cluster.get<{ spec: { holderIdentity: string; leaseTransitions: number } }>("lease", "-n", "sluice-system", "sluice-certificates");
    expect(lease?.spec.leaseTransitions).toBe(1);
    replicas = [other, await start()];
  });

  it("hands over at once when it is stopped in order", async () => {
    const [other, third] = replicas as [Program, Program];
    await other.stop();
    replicas = [third];
    await cluster.waitFor("the third one to lead", () => leads(third), 10_000);
  });

  it("may read and write what it must, and no other Secret, lease or configuration", async () => {
    const may = async (verb: string, what: string, ...more: string[]): Promise<boolean> => (await cluster.kubectl(["auth", "can-i", verb, what, "--as=system:serviceaccount:sluice-system:sluice", ...more])).code === 0;
    expect(await may("update", "secrets/sluice-certificates", "-n", "sluice-system")).toBe(true);
    for (const [verb, what, ...more] of [["get", "secrets/other", "-n", "sluice-system"], ["list", "secrets", "-n", "sluice-system"], ["get", "secrets/sluice-certificates", "-n", "default"], ["update", "leases/other", "-n", "sluice-system"], ["update", "validatingwebhookconfigurations/other"], ["delete", "validatingwebhookconfigurations/sluice-deny"]] as const) {
      expect([verb, what, await may(verb, what, ...more)]).toEqual([verb, what, false]);
    }
  });
});
