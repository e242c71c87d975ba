import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { apiServerBinaries } from "../apiserver/binaries.mjs";
import { apiOf } from "../e2e/api.js";
import { startCluster, type StartedCluster } from "../e2e/cluster.js";
import { buildSurroundings, namespace, policy, untilInForce } from "../e2e/kf-world.js";
import { startReplicas } from "../e2e/sluice.js";
import { ApiProxy } from "./api-proxy.js";

/** What goes wrong between Sluice and its API server: each time the right or an explicit answer, and right again without a restart. */

const binaries = await apiServerBinaries();
const suffix = randomBytes(3).toString("hex");
const NAME = `chaos-${suffix}`;
const path = (each = ""): string => `/apis/networking.k8s.io/v1/namespaces/${NAME}/networkpolicies${each && "/"}${each}`;
const dns = { to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] };
const allowDns = (each: string): object => policy(NAME, each, { podSelector: {}, policyTypes: ["Egress"], egress: [dns] });

describe.skipIf("missing" in binaries)("between Sluice and its API server", () => {
  let cluster: StartedCluster;
  let proxy: ApiProxy;
  let sluice: Awaited<ReturnType<typeof startReplicas>>;

  beforeAll(async () => {
    if ("missing" in binaries) return;
    cluster = await startCluster(binaries);
    await buildSurroundings(cluster);
    const admin = apiOf(cluster, "admin");
    await admin("POST", "/api/v1/namespaces", namespace(NAME));
    for (const each of [allowDns("dns"), policy(NAME, "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] })]) await admin("POST", path(), each);
    proxy = await ApiProxy.start(cluster);
    sluice = await startReplicas(cluster, 1, { proxy, node: ["--import", "./test/chaos/clock.mjs"], env: { CLOCK_JUMP: String(3 * 3_600_000) } });
    await untilInForce(cluster, suffix);
  });
  afterAll(async () => {
    await sluice?.stop();
    await proxy?.stop();
    await cluster?.stop();
    console.log("refused for now because", [...new Set(reasons)]);
  });

  /** What it answers to: the delete that breaks DNS; an allowance that harms nobody; a pod. */
  async function answers(): Promise<{ readonly wrong: number; readonly right: number; readonly pod: number }> {
    const developer = apiOf(cluster, "developer");
    const name = `more-${randomBytes(4).toString("hex")}`;
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: NAME }, spec: { containers: [{ name: "a", image: "a" }] } };
    const [wrong, right, ofPod] = [await developer("DELETE", path("dns")), await developer("POST", path(), allowDns(name)), await developer("POST", `/api/v1/namespaces/${NAME}/pods`, pod)];
    if (right.status === 429) reasons.push(right.body.message ?? "");
    if (right.status === 201) expect((await apiOf(cluster, "admin")("DELETE", path(name))).status).toBe(200);
    return { wrong: wrong.status, right: right.status, pod: ofPod.status };
  }

  const reasons: string[] = [];
  const USUAL = { wrong: 403, right: 201, pod: 201 };
  const untilUsual = (): Promise<unknown> => cluster.waitFor("the usual answers", async () => JSON.stringify(await answers()) === JSON.stringify(USUAL), 60_000);

  /** A policy that was stored meanwhile counts. */
  async function seesWhatIsNew(): Promise<void> {
    const [admin, developer] = [apiOf(cluster, "admin"), apiOf(cluster, "developer")];
    expect((await admin("POST", path(), allowDns("dns-2"))).status).toBe(201);
    await cluster.waitFor("the delete of one of two to pass", async () => (await developer("DELETE", `${path("dns")}?dryRun=All`)).status === 200);
    expect((await admin("DELETE", path("dns-2"))).status).toBe(200);
    await cluster.waitFor("the delete of the only one to be refused", async () => (await developer("DELETE", `${path("dns")}?dryRun=All`)).status === 403);
  }

  it("all is well before", async () => {
    expect(await answers()).toEqual(USUAL);
    await seesWhatIsNew();
  });

  it("watches that are cut in the middle", async () => {
    for (let times = 0; times < 5; times += 1) {
      proxy.cutWatches();
      expect(await answers()).toEqual(USUAL);
    }
    await seesWhatIsNew();
  });

  it.each([429, 500, 503, 410, 404])("every answer is %i: nothing is refused for good, and no policy is admitted unseen; pods go on", async (status) => {
    proxy.faults.status = status;
    // A 404 is the one that could be taken for an answer: of kinds that are not installed.
    if (status === 404) proxy.cutWatches();
    expect(await answers()).toEqual({ wrong: 429, right: 429, pod: 201 });
    delete proxy.faults.status;
    await untilUsual();
    await seesWhatIsNew();
  });

  it("half-open connections: the same, within the webhook's time", async () => {
    proxy.faults.silent = true;
    expect(await answers()).toEqual({ wrong: 429, right: 429, pod: 201 });
    proxy.faults.silent = false;
    proxy.cutWatches();
    await untilUsual();
    await seesWhatIsNew();
  });

  it.each([
    ["no JSON", "garbage\n"],
    ["no event", "{}\n"],
    ["410 Gone", '{"type":"ERROR","object":{"kind":"Status","code":410}}\n'],
    ["zeros", "\u0000".repeat(1_000)],
  ])("a watch that says %s", async (_, garbage) => {
    proxy.faults.garbage = garbage;
    const admin = apiOf(cluster, "admin");
    // Each event may meet a watch that is just being opened again, after a pause that doubles with each garbage.
    await cluster.waitFor("the garbage to be sent", async () => {
      await admin("POST", "/api/v1/namespaces/default/services", { apiVersion: "v1", kind: "Service", metadata: { generateName: "g-" }, spec: { clusterIP: "None" } });
      return proxy.faults.garbage === undefined;
    }, 60_000);
    await untilUsual();
    await seesWhatIsNew();
  });

  it("a clock that jumps by three hours, twice", async () => {
    await untilUsual();
    for (let times = 0; times < 2; times += 1) {
      sluice.programs[0]?.signal("SIGUSR2");
      expect(await answers()).toEqual(USUAL);
    }
    expect((await sluice.get("/readyz")).status).toBe(200);
    await seesWhatIsNew();
  });

  it("the API server is killed, and comes back", async () => {
    await cluster.stopApiServer("SIGKILL");
    expect((await sluice.get("/livez")).status).toBe(200);
    await cluster.startApiServer();
    await untilUsual();
    await seesWhatIsNew();
    expect((await sluice.get("/readyz")).status).toBe(200);
  });

  it("after all that: one process, no error inside", () => {
    expect(sluice.log()).not.toContain("a review failed inside");
    expect(sluice.log().match(/"msg":"serving"/g)).toHaveLength(1);
  });
});
