import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { apiOf, tokenOf } from "./api.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { buildSurroundings, namespace, policy, untilInForce, type List } from "./kf-world.js";
import { startReplicas } from "./sluice.js";

/** Two replicas, and changes that are harmless alone and break DNS together. */

const suffix = randomBytes(3).toString("hex");
const PAIRS = 24;
const AT_ONCE = 8;

const dns = { to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] };
const policiesIn = (name: string): object[] => [
  ...["dns-a", "dns-b"].map((each) => policy(name, each, { podSelector: {}, policyTypes: ["Egress"], egress: [dns] })),
  policy(name, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
];

describeWithCluster("racing changes on two replicas", (cluster) => {
  let replicas: Awaited<ReturnType<typeof startReplicas>>;
  const names = Array.from({ length: PAIRS }, (_, index) => `race-${suffix}-${index}`);
  const pathOf = (name: string, each: string): string => `/apis/networking.k8s.io/v1/namespaces/${name}/networkpolicies${each && "/"}${each}`;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    const api = apiOf(cluster, "admin");
    await Promise.all(names.map(async (name) => {
      await api("POST", "/api/v1/namespaces", namespace(name));
      for (const each of policiesIn(name)) await api("POST", pathOf(name, ""), each);
    }));
    replicas = await startReplicas(cluster, 2);
    await untilInForce(cluster, suffix);
  });
  afterAll(async () => {
    await replicas?.stop();
    await cluster.kubectl(["delete", "namespace", ...names, "--wait=false"]);
    await cluster.kubectl(["delete", "configmap", "-n", "sluice-system", "sluice-pending-changes", "--ignore-not-found"]);
  });

  it(`lets of each of ${PAIRS} pairs of deletes, each harmless alone, one pass`, async () => {
    const api = apiOf(cluster, "developer");
    const answers: { readonly status: number }[] = [];
    const race = async (name: string): Promise<void> => void answers.push(...(await Promise.all(["dns-a", "dns-b"].map((each) => api("DELETE", pathOf(name, each))))));
    // All at once they wait for one list for longer than a busy machine may take to answer.
    for (let done = 0; done < PAIRS; done += AT_ONCE) await Promise.all(names.slice(done, done + AT_ONCE).map(race));
    for (const name of names) {
      const left = (await cluster.get<List>("networkpolicies", "-n", name))?.items.map(({ metadata }) => metadata.name) ?? [];
      expect(left.filter((each) => each.startsWith("dns-")), name).toHaveLength(1);
    }
    const statuses = answers.map(({ status }) => status);
    expect(statuses.filter((status) => status === 200)).toHaveLength(PAIRS);
    expect(statuses.filter((status) => status === 403 || status === 429)).toHaveLength(PAIRS);
  });

  it("was asked on both replicas, and shared what it admitted", async () => {
    const counts = await Promise.all(replicas.programs.map(async ({ get }) => /^sluice_pending_admissions_total\{result="admitted"\} (\d+)$/m.exec((await get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "admin")}` })).text)?.[1]));
    for (const count of counts) expect(Number(count)).toBeGreaterThan(0);
    const shared = await cluster.get<{ data: { changes: string } }>("configmap", "-n", "sluice-system", "sluice-pending-changes");
    expect(JSON.parse(shared?.data.changes ?? "")).toMatchObject({ seen: { "NetworkPolicy.networking.k8s.io": expect.stringMatching(/^\d+$/) as string } });
  });

  it("is ready: the list is known, and the webhook configurations trust the certificate", async () => {
    for (const { get } of replicas.programs) {
      const { status, text } = await get("/readyz?verbose");
      expect(status).toBe(200);
      for (const line of ["[+]handshake ok\n", "[+]webhook configurations ok: sluice, sluice-deny, sluice-warn\n", "[+]pending changes ok\n", "[+]sync NetworkPolicy.networking.k8s.io ok\n"]) expect(text).toContain(line);
    }
  });

  it("tells its metrics to those who may read them: the API server says who", async () => {
    const [program] = replicas.programs;
    const as = async (headers?: Record<string, string>): Promise<number | undefined> => (await program?.get("/metrics", headers))?.status;
    expect(await as()).toBe(401);
    expect(await as({ authorization: "Bearer nobody" })).toBe(401);
    expect(await as({ authorization: `Bearer ${tokenOf(cluster, "node")}` })).toBe(403);
    expect(await as({ authorization: `Bearer ${tokenOf(cluster, "admin")}` })).toBe(200);
  });

  it("leaves no trace of a dry run", async () => {
    const api = apiOf(cluster, "developer");
    const [name = ""] = names;
    const before = await cluster.get<{ metadata: { resourceVersion: string } }>("configmap", "-n", "sluice-system", "sluice-pending-changes");
    await cluster.apply(policiesIn(name).slice(0, 2), "developer");
    const written = await cluster.get<{ metadata: { resourceVersion: string } }>("configmap", "-n", "sluice-system", "sluice-pending-changes");
    expect(written?.metadata.resourceVersion).not.toBe(before?.metadata.resourceVersion);
    expect((await api("DELETE", `${pathOf(name, "dns-a")}?dryRun=All`)).status).toBe(200);
    const after = await cluster.get<{ metadata: { resourceVersion: string } }>("configmap", "-n", "sluice-system", "sluice-pending-changes");
    expect(after?.metadata.resourceVersion).toBe(written?.metadata.resourceVersion);
  });
});
