import { randomBytes } from "node:crypto";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { apiOf } from "../e2e/api.js";
import { describeWithCluster } from "../e2e/describe-with-cluster.js";
import { allowancesIn, buildSurroundings, deployment, namespace, pod, untilInForce } from "../e2e/kf-world.js";
import { startReplicas } from "../e2e/sluice.js";
import { waitFor } from "../e2e/wait-for.js";
import { ApiProxy } from "./api-proxy.js";

/**
 * A namespace, its policies, a Deployment and a bare pod, one right behind the other as `kubectl apply` sends them, on two replicas whose
 * watches are late by up to two seconds (A1, A2): nothing of it may be refused. `CHAOS_TOGETHER` says how many.
 */

const TIMES = Number(process.env["CHAOS_TOGETHER"] ?? 8);
const AT_ONCE = 8;
const LATE_MS = 2_000;
const suffix = randomBytes(3).toString("hex");

describeWithCluster("everything applied at once, with late watches", (cluster) => {
  const names = Array.from({ length: TIMES }, (_, index) => `together-${suffix}-${index}`);
  let proxy: ApiProxy;
  let replicas: Awaited<ReturnType<typeof startReplicas>>;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    proxy = await ApiProxy.start(cluster);
    replicas = await startReplicas(cluster, 2, { proxy });
    await untilInForce(cluster, suffix);
    proxy.faults.watchDelayMs = () => Math.random() * LATE_MS;
  });
  afterAll(async () => {
    await replicas?.stop();
    await proxy?.stop();
    for (let done = 0; done < names.length; done += 100) await cluster.kubectl(["delete", "namespace", ...names.slice(done, done + 100), "--wait=false"]);
    await cluster.kubectl(["delete", "configmap", "-n", "sluice-system", "sluice-pending-changes", "--ignore-not-found"]);
  }, 120_000 + TIMES * 1_000);

  it(`${TIMES} times: nothing is refused, and the Deployment's pod comes at the first try`, async () => {
    const [api, admin] = [apiOf(cluster, "developer"), apiOf(cluster, "admin")];
    const refused: string[] = [];
    const times: number[] = [];
    let later = 0;
    const apply = async (path: string, object: object): Promise<void> => {
      const started = performance.now();
      let { status, body } = await api("POST", path, object);
      // As client-go does, and with it kubectl and controllers (A9).
      for (let tries = 0; status === 429 && tries < 10; tries += 1) {
        later += 1;
        await sleep(1_000);
        ({ status, body } = await api("POST", path, object));
      }
      times.push(performance.now() - started);
      if (status >= 400) refused.push(`${path}: ${status} ${body.message}`);
    };
    const all = async (name: string): Promise<void> => {
      await apply("/api/v1/namespaces", namespace(name, { annotations: { "sluice.dev/baseline": "default-deny-dns" } }));
      for (const policy of allowancesIn(name, ["allow-dns", "default-deny"])) await apply(`/apis/networking.k8s.io/v1/namespaces/${name}/networkpolicies`, policy);
      await apply(`/apis/apps/v1/namespaces/${name}/deployments`, deployment(name, "web"));
      await apply(`/api/v1/namespaces/${name}/pods`, pod(name, "bare"));
      const podsOf = async (): Promise<readonly unknown[]> => ((await admin("GET", `/api/v1/namespaces/${name}/pods?labelSelector=app`)).body as { items: unknown[] }).items;
      await waitFor(`the pod of ${name}'s Deployment`, async () => (await podsOf()).length === 1, 60_000).catch((error: Error) => refused.push(error.message));
      const { items } = (await admin("GET", `/api/v1/namespaces/${name}/events`)).body as { items: readonly { readonly reason: string; readonly message: string }[] };
      refused.push(...items.filter(({ reason }) => reason === "FailedCreate").map(({ message }) => `${name}: ${message}`));
    };
    for (let done = 0; done < TIMES; done += AT_ONCE) {
      await Promise.all(names.slice(done, done + AT_ONCE).map(all));
      if (done > 0 && done % 200 === 0) console.log(`${done} namespaces so far, ${refused.length} refusals ${refused.slice(0, 3).join("; ")}`);
    }
    times.sort((a, b) => a - b);
    const at = (share: number): number => Math.round(times[Math.floor(times.length * share)] ?? 0);
    console.log(`${TIMES} namespaces with all that is in them: ${refused.length} wrong denials, ${later} times asked to try again; ms per request p50 ${at(0.5)}, p99 ${at(0.99)}`);
    expect(refused).toEqual([]);
  }, 120_000 + TIMES * 5_000);
}, { controllers: true });
