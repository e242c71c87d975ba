import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { apiOf } from "../e2e/api.js";
import { describeWithCluster } from "../e2e/describe-with-cluster.js";
import { buildSurroundings, namespace, policy, untilInForce } from "../e2e/kf-world.js";
import { startReplicas } from "../e2e/sluice.js";
import { ApiProxy } from "./api-proxy.js";

/** Pairs of deletes that are harmless alone, at the same instant, on two replicas whose watches are late by up to two seconds. `CHAOS_PAIRS` says how many. */

const PAIRS = Number(process.env["CHAOS_PAIRS"] ?? 24);
const AT_ONCE = 12;
const LATE_MS = 2_000;
const suffix = randomBytes(3).toString("hex");
const dns = { to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] };
const allow = (name: string, each: string): object => policy(name, each, { podSelector: {}, policyTypes: ["Egress"], egress: [dns] });

describeWithCluster("racing pairs of deletes, with late watches", (cluster) => {
  const names = Array.from({ length: AT_ONCE }, (_, index) => `races-${suffix}-${index}`);
  const pathOf = (name: string, each = ""): string => `/apis/networking.k8s.io/v1/namespaces/${name}/networkpolicies${each && "/"}${each}`;
  let proxy: ApiProxy;
  let replicas: Awaited<ReturnType<typeof startReplicas>>;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    const api = apiOf(cluster, "admin");
    for (const name of names) {
      await api("POST", "/api/v1/namespaces", namespace(name));
      for (const each of ["dns-a", "dns-b"]) await api("POST", pathOf(name), allow(name, each));
      await api("POST", pathOf(name), policy(name, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }));
    }
    proxy = await ApiProxy.start(cluster);
    replicas = await startReplicas(cluster, 2, { proxy });
    await untilInForce(cluster, suffix);
    if (process.env["CHAOS_PROMPT"] === undefined) proxy.faults.watchDelayMs = () => Math.random() * LATE_MS;
  });
  afterAll(async () => {
    await replicas?.stop();
    await proxy?.stop();
    await cluster.kubectl(["delete", "namespace", ...names, "--wait=false"]);
    await cluster.kubectl(["delete", "configmap", "-n", "sluice-system", "sluice-pending-changes", "--ignore-not-found"]);
  });

  it(`${PAIRS} pairs: no flow is broken by two that are right alone`, async () => {
    const [developer, admin] = [apiOf(cluster, "developer"), apiOf(cluster, "admin")];
    const told: Record<string, number> = {};
    const times: number[] = [];
    let broken = 0;
    const race = async (name: string): Promise<void> => {
      const answers = await Promise.all(["dns-a", "dns-b"].map(async (each) => {
        const started = performance.now();
        const { status } = await developer("DELETE", pathOf(name, each));
        times.push(performance.now() - started);
        return status;
      }));
      const outcome = answers.sort().join(" ");
      told[outcome] = (told[outcome] ?? 0) + 1;
      const left = await Promise.all(["dns-a", "dns-b"].map(async (each) => (await admin("GET", pathOf(name, each))).status === 200));
      if (!left.includes(true)) broken += 1;
      await Promise.all(["dns-a", "dns-b"].filter((_, index) => !left[index]).map((each) => admin("POST", pathOf(name), allow(name, each))));
    };
    for (let done = 0; done < PAIRS; done += AT_ONCE) await Promise.all(names.slice(0, PAIRS - done).map(race));
    times.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
    console.log(`${PAIRS} pairs: ${broken} broken; answers ${JSON.stringify(told)}; ms p50 ${at(0.5)}, p90 ${at(0.9)}, p99 ${at(0.99)}`);
    expect(broken).toBe(0);
    // Something passes: a gate that refuses everything would break nothing either.
    expect(Object.keys(told).some((outcome) => outcome.startsWith("200"))).toBe(true);
    expect(told["200 200"]).toBeUndefined();
  }, 60_000 + PAIRS * 1_000);
});
