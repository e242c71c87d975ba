import { randomBytes } from "node:crypto";
import { once } from "node:events";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { dirname } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { apiOf, tokenOf } from "./api.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { buildSurroundings, namespace, policy, tryApply, untilInForce, type List } from "./kf-world.js";
import { manifests, startProgram, startSluice, type RunningSluice } from "./sluice.js";

/** `--workers 2`: several processes at one port answer as one does. */

const suffix = randomBytes(3).toString("hex");
const PAIRS = 24;
const CLIENTS = 8;

const dns = { to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] };
const policiesIn = (name: string): object[] => [
  ...["dns-a", "dns-b"].map((each) => policy(name, each, { podSelector: {}, policyTypes: ["Egress"], egress: [dns] })),
  policy(name, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
];

const pidsIn = (log: string): number[] => [...log.matchAll(/"pid":(\d+),"msg":"a worker serves"/g)].map(([, pid]) => Number(pid));
const isAlive = (pid: number): boolean => {
  try {
    return process.kill(pid, 0);
  } catch {
    return false;
  }
};

describeWithCluster("two workers", (cluster) => {
  let sluice: RunningSluice;
  const names = Array.from({ length: PAIRS }, (_, index) => `pair-${suffix}-${index}`);
  const pathOf = (name: string, each: string): string => `/apis/networking.k8s.io/v1/namespaces/${name}/networkpolicies${each && "/"}${each}`;

  /** One review, dry; over a connection of its own where no agent is given. */
  const review = async (uid: string, changes: object, agent: Agent | false = false): Promise<{ readonly uid: string; readonly allowed: boolean; readonly status?: { readonly message: string } }> => {
    const body = { kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" }, resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" }, namespace: "default", operation: "CREATE", userInfo: { username: "jane" }, dryRun: true, uid, ...changes };
    const sent = request(`${sluice.url}/validate?timeout=10s`, { method: "POST", agent, rejectUnauthorized: false });
    sent.end(JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: body }));
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return (JSON.parse(await text(response)) as { response: Awaited<ReturnType<typeof review>> }).response;
  };
  const pods = { kind: { group: "", version: "v1", kind: "Pod" }, resource: { group: "", version: "v1", resource: "pods" }, namespace: "kube-system" };
  const podReview = (uid: string, agent?: Agent) => review(uid, { ...pods, name: uid, object: { apiVersion: "v1", kind: "Pod", metadata: { name: uid, namespace: "kube-system" }, spec: { containers: [{ name: "a" }] } } }, agent);
  const metrics = async (): Promise<string> => (await sluice.get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "admin")}` })).text;
  const answered = async (): Promise<number> => Number(/^sluice_admission_requests_total\{route="validate",operation="CREATE",outcome="allowed"\} (\d+)$/m.exec(await metrics())?.[1] ?? 0);
  const pids = (): number[] => pidsIn(sluice.log());
  const isWhole = async (): Promise<boolean> => (await sluice.get("/readyz?verbose")).text.includes("[+]workers ok: 2 of 2\n");

  /** Clients that ask again as soon as they are answered, each over one connection that it keeps. */
  const load = () => {
    const [state, errors] = [{ going: true, answered: 0 }, [] as string[]];
    const clients = Array.from({ length: CLIENTS }, async (_, id) => {
      const agent = new Agent({ keepAlive: true, maxSockets: 1 });
      for (let count = 0; state.going; count++) {
        const uid = `${suffix}-${id}-${count}`;
        await podReview(uid, agent).then((response) => (response.uid === uid && response.allowed ? (state.answered += 1) : errors.push(JSON.stringify(response))), (error: unknown) => errors.push(String(error)));
        await sleep(2);
      }
      agent.destroy();
    });
    return { state, errors, end: async () => ((state.going = false), Promise.all(clients)) };
  };

  beforeAll(async () => {
    await cluster.apply(manifests("deploy/base/crds.yaml"));
    await cluster.kubectl(["wait", "--for=condition=Established", "crd/rulepacks.sluice.dev", "crd/policyexceptions.sluice.dev", "--timeout=30s"]);
    await buildSurroundings(cluster);
    const api = apiOf(cluster, "admin");
    await Promise.all(names.map(async (name) => {
      await api("POST", "/api/v1/namespaces", namespace(name));
      for (const each of policiesIn(name)) await api("POST", pathOf(name, ""), each);
    }));
    sluice = await startSluice(cluster, { args: ["--workers", "2", "--own-namespace", "sluice-system"] });
    await untilInForce(cluster, suffix);
    await cluster.waitFor("both workers", isWhole);
  });
  afterAll(async () => {
    await sluice?.stop();
    await cluster.kubectl(["delete", "crd", "rulepacks.sluice.dev", "policyexceptions.sluice.dev", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", ...names, "--wait=false"]);
    await cluster.kubectl(["delete", "configmap", "-n", "sluice-system", "sluice-pending-changes", "--ignore-not-found"]);
  });

  it(`let of each of ${PAIRS} pairs of deletes, each harmless alone, one pass`, async () => {
    const api = apiOf(cluster, "developer");
    const answers = await Promise.all(names.map((name) => Promise.all(["dns-a", "dns-b"].map((each) => api("DELETE", pathOf(name, each))))));
    for (const name of names) {
      const left = (await cluster.get<List>("networkpolicies", "-n", name))?.items.map(({ metadata }) => metadata.name) ?? [];
      expect(left.filter((each) => each.startsWith("dns-")), name).toHaveLength(1);
    }
    expect(answers.flat().filter(({ status }) => status === 200)).toHaveLength(PAIRS);
  });

  it("tell their metrics as one, to those who may read them", async () => {
    const before = await answered();
    await Promise.all(Array.from({ length: 20 }, (_, index) => podReview(`sum-${suffix}-${index}`)));
    expect(await answered()).toBe(before + 20);
    expect(await metrics()).toMatch(/^sluice_build_info\{.*\} 1$/m);
    expect((await sluice.get("/metrics", { "x-sluice-client": "127.0.0.1" })).status).toBe(401);
    expect((await sluice.get("/metrics", { authorization: `Bearer ${tokenOf(cluster, "node")}` })).status).toBe(403);
  });

  it("both judge by another pack, and refuse a bad one", async () => {
    const pack = (more: object = {}): object => ({ apiVersion: "sluice.dev/v1alpha1", kind: "RulePack", metadata: { name: `crew-${suffix}` }, spec: { rules: [{ id: "open", check: "forbid-allow-all", enforcementAction: "deny", ...more }] } });
    const open = policy("default", "open", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] });
    const answers = () => Promise.all(Array.from({ length: 8 }, (_, index) => review(`pack-${suffix}-${index}`, { name: "open", object: open })));
    const isRefused = async (): Promise<boolean> => (await answers()).every(({ status }) => status?.message.includes(`crew-${suffix}/open`) === true);
    expect((await tryApply(cluster, pack({ with: { nope: 1 } }), "admin")).stderr).toContain('admission webhook "packs.sluice.dev" denied the request');
    expect(await isRefused()).toBe(false);
    expect(await tryApply(cluster, pack(), "admin")).toMatchObject({ code: 0 });
    await cluster.waitFor("both to refuse", isRefused);
    await cluster.kubectl(["delete", "rulepack", `crew-${suffix}`]);
  });

  it("are replaced when they are killed: nothing fails but what was in flight, and no sum falls", async () => {
    const running = load();
    await cluster.waitFor("some answers", async () => running.state.answered > 200);
    const [before, [first = 0]] = [await answered(), pids()];
    process.kill(first, "SIGKILL");
    await cluster.waitFor("another worker", async () => pids().length === 3 && (await isWhole()));
    await running.end();
    expect(running.errors.length).toBeLessThanOrEqual(CLIENTS);
    expect(running.errors.filter((error) => !/ECONNRESET|socket hang up|EPIPE/.test(error))).toEqual([]);
    expect(await answered()).toBeGreaterThanOrEqual(before);
  });

  it("end with their primary, however that ends", async () => {
    const alone = await startProgram(cluster, { certDir: dirname(sluice.caFile), args: ["--workers", "2"] });
    // Outside of a cluster: programs of the same machine may look.
    expect((await alone.get("/metrics")).status).toBe(200);
    const running = pidsIn(alone.log());
    expect(running.length).toBeGreaterThan(0);
    await alone.kill();
    await cluster.waitFor("the workers to end", async () => running.every((pid) => !isAlive(pid)));
  });

  it("lose no request when they are stopped", async () => {
    const running = load();
    await cluster.waitFor("some answers", async () => running.state.answered > 200);
    const stopped = sluice.stop();
    await sleep(2_000);
    await running.end();
    await stopped;
    expect(running.errors).toEqual([]);
    expect(sluice.log().match(/"msg":"stopped"/g)).toHaveLength(3);
  });
});
