import { spawn, type ChildProcess } from "node:child_process";
import { randomBytes } from "node:crypto";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { apiOf } from "../e2e/api.js";
import { installWebhooks, type WebhookTarget } from "../e2e/cluster-webhooks.js";
import { describeWithCluster } from "../e2e/describe-with-cluster.js";
import { freePorts } from "../e2e/free-ports.js";
import { allowancesIn, buildSurroundings, namespace, pod, policy } from "../e2e/kf-world.js";
import { manifests, startProgram, type Program } from "../e2e/sluice.js";

/** What Sluice adds to a request through the API server, beside a webhook that only parses and allows, called by the same configurations. `CHAOS_LATENCY` says how many requests. */

const REQUESTS = Number(process.env["CHAOS_LATENCY"] ?? 20);
/** Short ones: what a machine does besides differs by the second. */
const ROUNDS = Math.max(4, Math.floor(REQUESTS / 100));
const suffix = randomBytes(3).toString("hex");
const name = `latency-${suffix}`;

describeWithCluster("latency through the API server", (cluster) => {
  let folder: string;
  let bare: ChildProcess;
  let program: Program;
  let targets: Readonly<Record<"no-op" | "sluice", WebhookTarget>>;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    const api = apiOf(cluster, "admin");
    await api("POST", "/api/v1/namespaces", namespace(name));
    for (const each of allowancesIn(name, ["allow-dns", "default-deny"])) await api("POST", `/apis/networking.k8s.io/v1/namespaces/${name}/networkpolicies`, each);
    folder = await mkdtemp(join(tmpdir(), "sluice-latency-"));
    program = await startProgram(cluster, { certDir: folder });
    const [port = 0] = await freePorts();
    bare = spawn(process.execPath, [fileURLToPath(new URL("../../bench/server.mjs", import.meta.url)), "--bare", "https", String(port), folder], { stdio: "ignore" });
    const ca = await readFile(join(folder, "ca.crt"), "utf8");
    targets = { "no-op": { url: `https://127.0.0.1:${port}`, ca }, sluice: { url: program.url, ca } };
  });
  afterAll(async () => {
    bare.kill("SIGKILL");
    await once(bare, "exit");
    await program.stop();
    await rm(folder, { recursive: true, force: true });
    await cluster.kubectl(["delete", "namespace", name, "--wait=false"]);
  });

  it("is told for dry runs of pods and policies", async () => {
    const api = apiOf(cluster, "developer");
    const times: Record<string, number[]> = {};
    const statuses = new Set<number>();
    const measure = async (who: string, what: string, ask: (each: string) => ReturnType<typeof api>): Promise<void> => {
      const kept = (times[`${what}, ${who}`] ??= []);
      for (let count = -5; count < REQUESTS / ROUNDS; count += 1) {
        const started = performance.now();
        const { status } = await ask(`${what}-${randomBytes(4).toString("hex")}`);
        if (count >= 0) kept.push(performance.now() - started);
        statuses.add(status);
      }
    };
    const all = async (who: string): Promise<void> => {
      await measure(who, "pod", (each) => api("POST", `/api/v1/namespaces/${name}/pods?dryRun=All`, pod(name, each, { app: "web" })));
      await measure(who, "policy", (each) => api("POST", `/apis/networking.k8s.io/v1/namespaces/${name}/networkpolicies?dryRun=All`, policy(name, each, { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.8.0.0/16" } }], ports: [{ protocol: "TCP", port: 5432 }] }] })));
    };
    // In turns, so that a noisy machine is noisy for all.
    for (let round = 0; round < ROUNDS; round += 1) {
      await all("none");
      for (const who of ["no-op", "sluice"] as const) {
        const remove = await installWebhooks(cluster, manifests("deploy/webhooks/webhooks.yaml"), targets[who]);
        // Configurations are in force some 30 ms after they were written.
        await sleep(300);
        await all(who);
        await remove();
        await sleep(300);
      }
    }
    const middle = (values: readonly number[]): number => [...values].sort((a, b) => a - b)[Math.floor(values.length / 2)] ?? 0;
    const median = (what: string): number => middle(times[what] ?? []);
    for (const what of ["pod", "policy"]) {
      const [none, noop, sluice] = ["none", "no-op", "sluice"].map((who) => median(`${what}, ${who}`)) as [number, number, number];
      console.log(`dry-run ${what} create, p50 of ${REQUESTS}: ${none.toFixed(2)} ms alone, no-op + ${(noop - none).toFixed(2)}, sluice + ${(sluice - none).toFixed(2)}: ${(sluice - noop).toFixed(2)} ms more than a no-op webhook`);
    }
    const own = program.log().split("\n").filter((line) => line.includes('"msg":"allowed"')).map((line) => JSON.parse(line) as { route: string; kind: string; ms: number });
    const calls = [...new Set(own.map(({ route, kind }) => `${route} ${kind}`))];
    console.log(`by its own log, p50: ${calls.map((call) => `${call} ${middle(own.filter(({ route, kind }) => `${route} ${kind}` === call).map(({ ms }) => ms))} ms`).join(", ")}`);
    expect([...statuses]).toEqual([201]);
    // It was asked: each request of its turns.
    expect(own.length).toBeGreaterThanOrEqual(2 * REQUESTS);
  }, 120_000 + REQUESTS * 1_000);
});
