import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, expect, it } from "vitest";
import type { KubectlResult } from "./cluster-client.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { allowancesIn, ALLOWANCES, buildSurroundings, makeSpace, namespace, pod, policy, refusedBy, tryApply, untilInForce, warnedOf } from "./kf-world.js";
import { startSluice, type RunningSluice } from "./sluice.js";

/** What the parameters of the packs and the profile change, on a real API server: the other side of rules-shipped.test.ts. */

const suffix = randomBytes(3).toString("hex");
const named = (name: string): string => `${name}-${suffix}`;
const [closed, bare, plain] = ["closed", "bare", "plain"].map(named) as [string, string, string];
const DRY = ["--dry-run=server"];
const NETWORK = "kf.dev/networkpolicy";
const SETTINGS = [
  "onNamespaceCreate=Hold",
  `exemptNamespaces=lab-*`,
  "unclassifiedPods=deny",
  "denyAllWithoutPolicies=deny",
  "buildWriters=system:serviceaccount:tekton-pipelines:tekton-pipelines-controller",
  "offlineBuilds=true",
  "holdPods=flows",
  "dataplane=v2",
  "dnsMode=node-local",
];
const egress = (podSelector: object, cidr: string, ports: readonly object[]): object => ({ podSelector, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr } }], ports }] });
const LABELLED = { matchExpressions: [{ key: NETWORK, operator: "Exists" }] };
const DNS = egress({}, "169.254.20.10/32", [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }]);
const METADATA = egress(LABELLED, "169.254.169.254/32", [{ protocol: "TCP", port: 80 }]);
const DENY = { podSelector: {}, policyTypes: ["Ingress", "Egress"] };

describeWithCluster("the parameters of the shipped packs on the API server", (cluster) => {
  let sluice: RunningSluice;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    await makeSpace(cluster, closed, "DenyAll", ALLOWANCES);
    await makeSpace(cluster, bare, "PermitAll");
    await cluster.apply(namespace(plain), "developer");
    const dns = [closed, bare, plain].map((name) => policy(name, "allow-node-local-dns", DNS));
    await cluster.apply([...dns, policy(closed, "allow-metadata-v2", METADATA), policy(bare, "default-deny", DENY), policy(plain, "default-deny", DENY)], "developer");
    sluice = await startSluice(cluster, { args: SETTINGS.flatMap((setting) => ["--set", setting]) });
    await untilInForce(cluster, suffix);
  });
  afterAll(async () => {
    if (process.env["SHOW_LOG"]) console.log(sluice?.log());
    await sluice?.stop();
    await cluster.kubectl(["delete", "spaces", closed, bare, "--ignore-not-found", "--wait=false"]);
    await cluster.kubectl(["delete", "namespace", plain, "--ignore-not-found", "--wait=false"]);
  });

  const remove = (name: string, inNamespace: string): Promise<KubectlResult> => cluster.kubectl(["delete", "networkpolicy", name, "-n", inNamespace, ...DRY], { as: "developer" });
  const outcome = (result: KubectlResult) => ({ code: result.code, refused: refusedBy(result), warned: warnedOf(result) });
  const ADMITTED = { code: 0, refused: [], warned: [] };
  const refusal = (...refused: string[]): object => ({ code: 1, refused });

  it("onNamespaceCreate: Hold only warns, and exemptNamespaces are left out", async () => {
    expect(outcome(await tryApply(cluster, namespace(named("new")), "developer", DRY))).toEqual({ ...ADMITTED, warned: ["baseline/declared"] });
    expect(outcome(await tryApply(cluster, namespace(named("lab")), "developer", DRY))).toEqual(ADMITTED);
  });

  it("unclassifiedPods: deny refuses what is neither Kf's nor a build", async () => {
    expect(outcome(await tryApply(cluster, pod(closed, "odd"), "developer", DRY))).toMatchObject(refusal("kf/pod-label"));
    expect(outcome(await tryApply(cluster, pod(closed, "odd", { "app.kubernetes.io/component": "app-server" }), "kf-controller", DRY))).toEqual(ADMITTED);
  });

  it("buildWriters protect the label `build`", async () => {
    const build = pod(closed, "new", { [NETWORK]: "build", "tekton.dev/taskRun": "x" });
    expect(outcome(await tryApply(cluster, build, "developer", DRY))).toMatchObject(refusal("kf/pod-label-claim"));
    expect(outcome(await tryApply(cluster, build, "tekton-controller", DRY))).toEqual(ADMITTED);
  });

  it("denyAllWithoutPolicies: deny refuses a Space value that breaks what the Space needs", async () => {
    const both = { ingress: "DenyAll", egress: "DenyAll" };
    const denied = (name: string): object => ({ apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name, annotations: { changed: suffix } }, spec: { networkConfig: { appNetworkPolicy: both, buildNetworkPolicy: both } } });
    expect(outcome(await tryApply(cluster, denied(bare), "admin", DRY))).toMatchObject(refusal("kf/space"));
    expect(outcome(await tryApply(cluster, denied(closed), "admin", DRY))).toEqual(ADMITTED);
  });

  it("dataplane: v2 needs the metadata server's other address", async () => {
    expect(outcome(await remove("allow-metadata-v2", closed))).toMatchObject(refusal("kf/workload-identity"));
    expect(outcome(await remove("allow-workload-identity", closed))).toEqual(ADMITTED);
  });

  it("dnsMode: node-local needs the node's address, not the DNS pods", async () => {
    expect(outcome(await remove("allow-node-local-dns", closed))).toMatchObject(refusal("baseline/dns", "kf/dns"));
    expect(outcome(await remove("allow-dns", closed))).toEqual(ADMITTED);
  });

  it("offlineBuilds need nothing of the Internet", async () => {
    const narrowed = policy(closed, "allow-builds", egress({ matchLabels: { [NETWORK]: "build" } }, "199.36.153.4/30", [{ protocol: "TCP", port: 443 }]));
    expect(outcome(await tryApply(cluster, narrowed, "developer", DRY))).toEqual(ADMITTED);
  });

  it("holdPods: flows holds a pod for any flow that it lacks", async () => {
    await cluster.kubectl(["delete", "networkpolicy", "space-app-policy", "-n", bare], { as: "kf-controller" });
    expect(outcome(await tryApply(cluster, pod(bare, "new", { [NETWORK]: "app" }), "kf-controller", DRY))).toMatchObject(refusal("kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/workload-identity"));
    // The other Space's apps cannot be reached now, which is only warned about.
    expect(outcome(await tryApply(cluster, pod(closed, "new", { [NETWORK]: "app" }), "kf-controller", DRY))).toEqual({ ...ADMITTED, warned: ["kf/east-west"] });
  });

  it("a namespace has DNS by the node's address alone", async () => {
    expect(outcome(await tryApply(cluster, pod(plain, "new"), "developer", DRY))).toEqual(ADMITTED);
    const [pods] = allowancesIn(plain, ["allow-dns"]);
    expect(outcome(await tryApply(cluster, policy(plain, "allow-node-local-dns", pods?.spec ?? {}), "developer", DRY))).toMatchObject(refusal("baseline/dns"));
  });
}, { controllers: true });
