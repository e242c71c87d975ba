import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import { describeWithCluster } from "./describe-with-cluster.js";
import { namespace, pod, policy, tryApply } from "./kf-world.js";
import { freePorts } from "./free-ports.js";
import { installPrintedWebhooks } from "./sluice.js";

/**
 * The printed configurations in front of the real API server, with nobody behind them: what fails is what is sent under
 * `Fail`, and what passes is not sent or fails open. An outage of Sluice looks just like this.
 */

const suffix = randomBytes(3).toString("hex");
const CLOSED = { podSelector: {}, policyTypes: ["Ingress"] };

describeWithCluster("the printed webhook configurations without Sluice", (cluster) => {
  const [mine, managed, going] = [`mine-${suffix}`, `gke-${suffix}`, `going-${suffix}`];
  let remove: () => Promise<void>;

  beforeAll(async () => {
    for (const name of [mine, managed, going]) await cluster.apply(namespace(name));
    await cluster.apply([policy(going, "closed", CLOSED), policy(mine, "closed", CLOSED), policy("kube-system", `closed-${suffix}`, { ...CLOSED, podSelector: { matchLabels: { app: suffix } } }), pod("kube-system", suffix), pod(mine, "old")]);
    const [port] = await freePorts();
    remove = await installPrintedWebhooks(cluster, ["--url", `https://127.0.0.1:${port}`]);
    await cluster.waitFor("the webhooks to be in force", async () => (await cluster.kubectl(["create", "namespace", `probe-${suffix}`, "--dry-run=server"])).code !== 0);
  });
  afterAll(async () => {
    await remove?.();
    await cluster.kubectl(["delete", "pod", "-n", "kube-system", suffix, "--ignore-not-found", "--grace-period=0", "--force"]);
    await cluster.kubectl(["delete", "networkpolicy", "-n", "kube-system", `closed-${suffix}`, "--ignore-not-found"]);
    await cluster.kubectl(["delete", "namespace", mine, managed, going, "--ignore-not-found", "--wait=false"]);
  });

  const SENT: [what: string, args: string[], input?: string][] = [
    ["a namespace", ["create", "namespace", `new-${suffix}`]],
    ["a label of a namespace", ["label", "namespace", mine, "a=b"]],
    ["a label of a pod", ["label", "pod", "-n", mine, "old", "a=b"]],
    ["a policy", ["apply", "-f", "-"], JSON.stringify(policy(mine, "more", CLOSED))],
    ["a pod", ["apply", "-f", "-"], JSON.stringify(pod(mine, "new"))],
    ["the delete of a policy", ["delete", "networkpolicy", "-n", mine, "closed"]],
    ["the delete of all policies of a namespace", ["delete", "networkpolicy", "-n", mine, "--all"]],
    ["a cluster-scoped object", ["apply", "-f", "-"], JSON.stringify({ apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name: `space-${suffix}` }, spec: {} })],
  ];
  it.each(SENT)("sends under Fail: %s", async (_, args, input) => {
    const { code, stderr } = await cluster.kubectl([...args, "--dry-run=server"], input === undefined ? {} : { input });
    expect([code, stderr]).toEqual([1, expect.stringContaining('failed calling webhook "deny.sluice.dev"')]);
  });

  const FREE: [what: string, args: string[], input?: string][] = [
    ["a namespace that an exempt pattern names", ["create", "namespace", `gke-new-${suffix}`]],
    ["a label of an exempt namespace", ["label", "namespace", "kube-system", `${suffix}=b`]],
    ["a pod in an exempt namespace", ["apply", "-f", "-"], JSON.stringify(pod("kube-system", `new-${suffix}`))],
    ["a pod in a namespace that an exempt pattern names", ["apply", "-f", "-"], JSON.stringify(pod(managed, "new"))],
    ["a label of a pod in an exempt namespace", ["label", "pod", "-n", "kube-system", suffix, "a=b"]],
    ["a policy in an exempt namespace", ["apply", "-f", "-"], JSON.stringify(policy("kube-system", `more-${suffix}`, CLOSED))],
    ["the delete of a policy in an exempt namespace", ["delete", "networkpolicy", "-n", "kube-system", `closed-${suffix}`]],
    ["a kind that no rule is about", ["create", "configmap", "-n", mine, "x"]],
    ["the delete of a pod", ["delete", "pod", "-n", mine, "old"]],
    ["a subresource", ["patch", "pod", "-n", mine, "old", "--subresource=status", "--type=merge", "-p", '{"status":{"phase":"Running"}}']],
  ];
  it.each(FREE)("leaves alone or fails open: %s", async (_, args, input) => {
    expect(await cluster.kubectl([...args, "--dry-run=server"], input === undefined ? {} : { input })).toMatchObject({ code: 0 });
  });

  it("no node waits for it", async () => {
    const mirror = pod(mine, `mirror-${suffix}`, {}, { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } }, spec: { nodeName: "node-1" } });
    expect(await tryApply(cluster, mirror, "node", ["--dry-run=server"])).toMatchObject({ code: 0 });
  });

  it("a namespace with policies goes", async () => {
    expect(await cluster.kubectl(["delete", "namespace", going, "--wait=false"])).toMatchObject({ code: 0 });
    await cluster.waitFor("the namespace to go", async () => (await cluster.get("namespace", going)) === undefined, 60_000);
  });

  it("no condition fails: it would refuse what it is not about", async () => {
    const metrics = await cluster.kubectl(["get", "--raw", "/metrics"]);
    const failing = metrics.stdout.split("\n").filter((line) => /^apiserver_admission_match_condition_evaluation_errors_total\{.*sluice/.test(line));
    expect(failing).toEqual([]);
    expect(metrics.stdout).toContain("apiserver_admission_match_condition_evaluation_seconds");
  });
}, { controllers: true });
