import { randomBytes } from "node:crypto";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubectlResult } from "./cluster-client.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { INJECTED, startInjector } from "./injector.js";
import { allowancesIn, ALLOWANCES, buildSurroundings, deployment, makeSpace, makeSpaceNamespace, namespace, pod, policy, refusedBy, tryApply, untilInForce, warnedOf, writeKfPolicies, type List, type Named } from "./kf-world.js";
import { startSluice, type RunningSluice } from "./sluice.js";
import type { UserName } from "./users.js";

/** Every rule of the shipped packs on a real API server, written by those who write: one case that fires, and a twin that does not. */

const suffix = randomBytes(3).toString("hex");
const named = (name: string): string => `${name}-${suffix}`;
const [closed, spare, open, plain, moved, gone, stepwise] = ["closed", "spare", "open", "plain", "moved", "gone", "stepwise"].map(named) as [string, string, string, string, string, string, string];
const DRY = ["--dry-run=server"];
const APP = { matchLabels: { "kf.dev/networkpolicy": "app" } };
const BUILD = { matchLabels: { "kf.dev/networkpolicy": "build" } };
const VPC = "10.200.0.0/16";
const API_SERVER = "10.10.0.2/32";
const DECLARED = { annotations: { "sluice.dev/baseline": "default-deny-dns" } };

/** One port to one block. */
const toBlock = (podSelector: object, cidr: string, port: number, except?: readonly string[]): object => ({
  podSelector,
  policyTypes: ["Egress"],
  egress: [{ to: [{ ipBlock: { cidr, ...(except && { except }) } }], ports: [{ protocol: "TCP", port }] }],
});
/** The example's allowances, but that those for Google's APIs are for apps alone, and one for the VPC. */
function allowances(inNamespace: string, prefix = ""): object[] {
  const vpc = { podSelector: APP, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: VPC } }], ports: ["TCP", "UDP"].map((protocol) => ({ protocol, port: 1, endPort: 65_535 })) }] };
  const specs = new Map<string, object>(allowancesIn(inNamespace, ALLOWANCES).map(({ metadata, spec }) => [metadata.name, spec]));
  specs.set("allow-google-apis", toBlock(APP, "199.36.153.8/30", 443)).set("allow-vpc", vpc);
  return [...specs].map(([name, spec]) => policy(inNamespace, `${prefix}${name}`, spec));
}

describeWithCluster("the shipped rules on the API server", (cluster) => {
  let sluice: RunningSluice;

  beforeAll(async () => {
    await buildSurroundings(cluster);
    await cluster.apply([namespace("istio-system"), namespace("kf"), pod("istio-system", named("istiod"), { app: "istiod" }), pod("kf", named("webhook"), { app: "webhook" }), pod("kf", named("controller"), { app: "controller" })]);
    await run("istio-system", named("istiod"), "10.20.3.9");
    await run("kf", named("webhook"), "10.20.1.9");
    await run("kf", named("controller"), "10.20.1.8");
    await makeSpace(cluster, closed, "DenyAll");
    await makeSpace(cluster, spare, "DenyAll");
    // What the allowances of `spare` give is given twice: one of them can go.
    await cluster.apply([...allowances(closed), ...allowances(spare), ...allowances(spare, "more-")], "developer");
    await makeSpace(cluster, open, "PermitAll", ["allow-dns", "default-deny"]);
    await cluster.apply(namespace(plain), "developer");
    await cluster.apply(allowancesIn(plain, ["allow-dns", "default-deny"]), "developer");
    await cluster.apply([pod(closed, "app", APP.matchLabels), pod(spare, "app", APP.matchLabels)], "kf-controller");
    await run(closed, "app", "10.20.6.2");
    await run(spare, "app", "10.20.7.2");
    sluice = await startSluice(cluster, { args: ["--set", `vpcCidrs=${VPC}`, "--set", `apiServer=${API_SERVER}`] });
    await untilInForce(cluster, suffix);
  });
  afterAll(async () => {
    if (process.env["SHOW_LOG"]) console.log(sluice?.log());
    await sluice?.stop();
    await cluster.kubectl(["delete", "spaces", closed, spare, open, moved, gone, "--ignore-not-found", "--wait=false"]);
    await cluster.kubectl(["delete", "namespace", plain, "--ignore-not-found", "--wait=false"]);
    await cluster.kubectl(["delete", "pod", "-n", "kf", named("webhook"), named("controller"), "--force", "--grace-period=0"]);
    await cluster.kubectl(["delete", "pod", "-n", "istio-system", named("istiod"), "--force", "--grace-period=0"]);
  });

  const run = (inNamespace: string, name: string, podIP: string): Promise<void> => cluster.patchPodStatus(inNamespace, name, { phase: "Running", podIP, podIPs: [{ ip: podIP }] });
  const remove = (name: string, inNamespace: string, as: UserName = "developer"): Promise<KubectlResult> => cluster.kubectl(["delete", "networkpolicy", name, "-n", inNamespace, ...DRY], { as });
  const label = (kind: string, name: string, change: string, { inNamespace, as = "developer" as UserName }: { inNamespace?: string; as?: UserName } = {}): Promise<KubectlResult> =>
    cluster.kubectl(["label", kind, name, change, "--overwrite", ...(inNamespace === undefined ? [] : ["-n", inNamespace]), ...DRY], { as });
  const admitted = (result: KubectlResult): void => {
    expect(result.stderr.split("\n").filter((line) => !line.startsWith("Warning: "))).toEqual([""]);
    expect(result.code).toBe(0);
  };
  const refused = (result: KubectlResult, ...rules: string[]): void => {
    expect([refusedBy(result), result.stderr]).toEqual([rules, expect.stringMatching(/^Error from server \(Forbidden\): |^error when |^Error from server \(Forbidden\): error when /m)]);
    expect(result.code).toBe(1);
  };

  describe("flows of a DenyAll Space: an allowance may go when another one gives the same", () => {
    it.each([
      ["default-deny", ["baseline/default-deny"], "has no default deny for"],
      ["allow-dns", ["baseline/dns", "kf/dns"], "on UDP 53"],
      ["allow-gateway", ["kf/ingress-gateway"], "on TCP 8080"],
      ["allow-apps", ["kf/east-west"], "on TCP 8080"],
      ["allow-google-apis", ["kf/google-apis"], "on TCP 443"],
      ["allow-workload-identity", ["kf/workload-identity"], "`169.254.169.252` on TCP 988"],
      ["allow-mesh", ["kf/mesh"], "on TCP 15012"],
      ["allow-builds", ["kf/buildpacks", "kf/google-apis", "kf/kube-apiserver", "kf/registry"], "on TCP 443"],
      ["allow-vpc", ["kf/vpc"], "`10.200.0.0`"],
    ])("%s", async (name, rules, flow) => {
      const result = await remove(name, closed);
      refused(result, ...rules);
      expect(result.stderr).toContain(flow);
      const twin = await remove(name, spare);
      admitted(twin);
      expect(warnedOf(twin)).toEqual([]);
    });

    it("one address of a block is as good as broken: the API server's", async () => {
      refused(await tryApply(cluster, policy(closed, "allow-builds", toBlock(BUILD, "0.0.0.0/0", 443, [API_SERVER])), "developer", DRY), "kf/kube-apiserver");
      admitted(await tryApply(cluster, policy(closed, "allow-builds", toBlock(BUILD, "0.0.0.0/0", 443, ["192.168.0.0/16"])), "developer", DRY));
    });

    it("Google's private addresses will do for the registry and Google's APIs, not for buildpacks", async () => {
      refused(await tryApply(cluster, policy(closed, "allow-builds", toBlock(BUILD, "199.36.153.4/30", 443)), "developer", DRY), "kf/buildpacks", "kf/kube-apiserver");
      refused(await tryApply(cluster, policy(closed, "allow-builds", toBlock(BUILD, "199.36.153.4/31", 443)), "developer", DRY), "kf/buildpacks", "kf/google-apis", "kf/kube-apiserver", "kf/registry");
    });

    it("apps of other Spaces are warned about", async () => {
      const own = { podSelector: APP };
      const ports = [{ protocol: "TCP", port: 8080 }];
      const narrowed = policy(closed, "allow-apps", { podSelector: APP, policyTypes: ["Ingress", "Egress"], ingress: [{ from: [own], ports }], egress: [{ to: [own], ports }] });
      const result = await tryApply(cluster, narrowed, "developer", DRY);
      admitted(result);
      expect(warnedOf(result)).toEqual(["kf/east-west"]);
    });
  });

  describe("Kf's control plane", () => {
    const towards = (name: string, spec: object): Promise<KubectlResult> => tryApply(cluster, policy("kf", named(name), { podSelector: { matchLabels: { app: "webhook" } }, policyTypes: ["Ingress"], ...spec }), "admin", DRY);
    it("kf/system", async () => {
      refused(await towards("webhook", {}), "kf/system");
      admitted(await towards("webhook", { ingress: [{ from: [{ ipBlock: { cidr: API_SERVER } }], ports: [{ protocol: "TCP", port: 8443 }] }] }));
    });
  });

  describe("namespaces", () => {
    it("baseline/declared", async () => {
      refused(await tryApply(cluster, namespace(named("new")), "developer", DRY), "baseline/declared");
      refused(await tryApply(cluster, namespace(named("new"), { annotations: { "sluice.dev/baseline": "nope" } }), "developer", DRY), "baseline/declared");
      refused(await tryApply(cluster, namespace(named("new"), { labels: { "app.kubernetes.io/managed-by": "kf" } }), "developer", DRY), "baseline/declared");
      admitted(await tryApply(cluster, namespace(named("new"), DECLARED), "developer", DRY));
      admitted(await tryApply(cluster, namespace("gke-new"), "developer", DRY));
    });

    it("kf/space-namespace", async () => {
      // The allowance between apps knows Spaces by this label, so that it goes with it.
      refused(await label("namespace", closed, "app.kubernetes.io/managed-by-"), "kf/east-west", "kf/space-namespace");
      refused(await label("namespace", open, "app.kubernetes.io/managed-by-"), "kf/space-namespace");
      const orphan = await cluster.kubectl(["patch", "namespace", closed, "--type=merge", "-p", '{"metadata":{"ownerReferences":null}}', ...DRY], { as: "developer" });
      refused(orphan, "kf/space-namespace");
      admitted(await label("namespace", closed, "team=a"));
      admitted(await label("namespace", closed, "app.kubernetes.io/managed-by-", { as: "kf-controller" }));
    });

    it("a pod is held until its namespace has its baseline, policy by policy", async () => {
      const name = stepwise;
      await cluster.apply(namespace(name, DECLARED), "developer");
      const [dns, deny] = allowancesIn(name, ["allow-dns", "default-deny"]);
      const held = (): Promise<KubectlResult> => tryApply(cluster, pod(name, "web"), "developer", DRY);
      refused(await held(), "baseline/default-deny");
      const lonely = await tryApply(cluster, deny ?? {}, "developer");
      admitted(lonely);
      expect(warnedOf(lonely)).toEqual(["baseline/dns"]);
      refused(await held(), "baseline/dns");
      await cluster.apply(dns ?? {}, "developer");
      admitted(await held());
      // The namespace controller takes five seconds: the last test looks.
      expect(await cluster.kubectl(["delete", "namespace", name, "--wait=false"], { as: "developer" })).toMatchObject({ code: 0, stderr: "" });
    });

    it("baseline/allow-all warns, but not of what Kf writes", async () => {
      const wide = await tryApply(cluster, policy(plain, "wide", { podSelector: { matchLabels: { app: "web" } }, ingress: [{}] }), "developer", DRY);
      admitted(wide);
      expect(warnedOf(wide)).toEqual(["baseline/allow-all"]);
      const narrow = await tryApply(cluster, policy(plain, "narrow", { podSelector: { matchLabels: { app: "web" } }, ingress: [{ from: [{ podSelector: {} }] }] }), "developer", DRY);
      admitted(narrow);
      expect(warnedOf(narrow)).toEqual([]);
      const own = await cluster.get<{ metadata: object; spec: object }>("networkpolicy", "space-app-policy", "-n", open);
      const relabelled = await tryApply(cluster, { ...own, apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { ...own?.metadata, annotations: { a: "b" } } }, "kf-controller", DRY);
      admitted(relabelled);
      expect(warnedOf(relabelled)).toEqual([]);
    });
  });

  describe("the labels of pods", () => {
    const NETWORK = "kf.dev/networkpolicy";
    const component = (value: string): object => ({ "app.kubernetes.io/component": value });
    const owner = (apiVersion: string, kind: string): object => ({ ownerReferences: [{ apiVersion, kind, name: "x", uid: "x" }] });
    const mirror = { annotations: { "kubernetes.io/config.mirror": "x", "kubernetes.io/config.source": "file" } };
    const asAdmitted = async (object: object, as: UserName): Promise<string | undefined> => {
      const result = await tryApply(cluster, object, as, [...DRY, "-o", "json"]);
      admitted(result);
      return (JSON.parse(result.stdout) as Named).metadata.labels?.[NETWORK];
    };

    it.each<[string, object, UserName, string | undefined]>([
      ["an app, by Kf", pod(open, "new", component("app-server")), "kf-controller", "app"],
      ["a task, by Tekton", pod(open, "new", { ...component("task"), "tekton.dev/taskRun": "x" }), "tekton-controller", "app"],
      ["a route service, by Kf", pod(open, "new", component("route-service")), "kf-controller", "app"],
      ["a build, by Tekton", pod(open, "new", { "tekton.dev/taskRun": "x", "app.kubernetes.io/managed-by": "tekton-pipelines" }), "tekton-controller", "build"],
      ["a build by its owner alone", pod(open, "new", {}, { metadata: owner("tekton.dev/v1beta1", "TaskRun") }), "tekton-controller", "build"],
      ["a build of AppDevExperience", pod(open, "new", {}, { metadata: owner("builds.appdevexperience.dev/v1alpha1", "Build") }), "kf-controller", "build"],
      ["any other pod, by a developer", pod(open, "new"), "developer", "app"],
      ["one that has it", pod(open, "new", { ...component("app-server"), [NETWORK]: "app" }), "kf-controller", "app"],
      ["hostNetwork", pod(open, "new", component("app-server"), { spec: { hostNetwork: true } }), "developer", undefined],
      ["a namespace that is no Space", pod(plain, "new", component("app-server")), "developer", undefined],
    ])("kf/pod-label: %s", async (_what, object, as, expected) => expect(await asAdmitted(object, as)).toBe(expected));

    it("kf/pod-label: the mirror pod of a node is left alone", async () => {
      const mirrored = await cluster.kubectl(["create", "-f", "-", "-o", "json", ...DRY], { as: "node", input: JSON.stringify(pod(open, "static", component("app-server"), { metadata: mirror, spec: { nodeName: "node-1" } })) });
      admitted(mirrored);
      expect((JSON.parse(mirrored.stdout) as Named).metadata.labels?.[NETWORK]).toBeUndefined();
    });

    it("kf/pod-label: asked again after another webhook has changed the pod, Sluice changes nothing", async () => {
      const stop = await startInjector(cluster, spare);
      try {
        const made = await cluster.waitFor("the injector to be in force", async () => {
          const result = await tryApply(cluster, pod(spare, named("twice"), component("app-server")), "kf-controller", [...DRY, "-o", "json"]);
          const { metadata } = JSON.parse(result.stdout) as Named & { readonly metadata: { readonly annotations?: Record<string, string> } };
          return metadata.annotations?.[INJECTED] === "yes" && metadata;
        });
        expect(made.labels?.[NETWORK]).toBe("app");
        // A pod that the injector left alone, before it was in force, was asked about once; the last one twice.
        const patched = await cluster.waitFor("both lines of the log", async () => {
          const reviews = sluice.log().split("\n").filter((line) => line.includes('"route":"mutate"') && line.includes(named("twice")));
          const last = reviews.slice(-2).map((line) => line.includes('"patched":true'));
          return last.length === 2 && !last.every(Boolean) && last;
        });
        expect(patched).toEqual([true, false]);
      } finally {
        await stop();
      }
    });

    it("kf/pod-label: what the ReplicaSet controller makes of a Deployment", async () => {
      await cluster.apply(deployment(open, "web", component("app-server")), "kf-controller");
      const made = await cluster.waitFor("the pod", async () => (await cluster.get<List>("pods", "-n", open, "-l", "app=web"))?.items[0]);
      expect(made.metadata.labels?.[NETWORK]).toBe("app");
      const review = await cluster.waitFor("the line of the log", async () => sluice.log().split("\n").find((line) => line.includes('"route":"mutate"') && line.includes('"op":"CREATE","kind":"Pod"') && line.includes(`"ns":"${open}"`) && line.includes("kube-system:replic")));
      expect(review).toContain('"patched":true');
    });

    it("kf/pod-label-value", async () => {
      refused(await tryApply(cluster, pod(open, "odd", { [NETWORK]: "other" }), "developer", DRY), "kf/pod-label-value");
      admitted(await tryApply(cluster, pod(open, "odd", { [NETWORK]: "app" }), "developer", DRY));
      admitted(await tryApply(cluster, pod(plain, "odd", { [NETWORK]: "other" }), "developer", DRY));
    });

    it("kf/pod-label-claim", async () => {
      refused(await tryApply(cluster, pod(open, "odd", { [NETWORK]: "build" }), "developer", DRY), "kf/pod-label-claim");
      admitted(await tryApply(cluster, pod(open, "odd", { [NETWORK]: "build", "tekton.dev/taskRun": "x" }), "tekton-controller", DRY));
    });

    it("kf/pod-label-change", async () => {
      refused(await label("pod", "app", `${NETWORK}=build`, { inNamespace: closed }), "kf/pod-label-change");
      refused(await label("pod", "app", `${NETWORK}=other`, { inNamespace: closed }), "kf/pod-label-change", "kf/pod-label-value");
      refused(await label("pod", "app", `${NETWORK}-`, { inNamespace: closed }), "kf/pod-label-change");
      admitted(await label("pod", "app", "team=a", { inNamespace: closed }));
    });
  });

  describe("Spaces", () => {
    const withValues = (name: string, networkConfig: object): object => ({ apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name, annotations: { changed: suffix } }, spec: { networkConfig } });
    const all = (value: string): object => ({ appNetworkPolicy: { ingress: value, egress: value }, buildNetworkPolicy: { ingress: value, egress: value } });

    it("kf/space: values", async () => {
      refused(await tryApply(cluster, withValues(closed, { appNetworkPolicy: { ingress: "denyall" } }), "admin", DRY), "kf/space");
      refused(await tryApply(cluster, withValues(named("other"), { buildNetworkPolicy: { egress: "Deny" } }), "admin", DRY), "kf/space");
      admitted(await tryApply(cluster, withValues(closed, all("DenyAll")), "admin", DRY));
    });

    it("kf/space: DenyAll without the allowances is warned about, with them it is not", async () => {
      const bare = await tryApply(cluster, withValues(open, all("DenyAll")), "admin", DRY);
      admitted(bare);
      expect(warnedOf(bare)).toEqual(["kf/space"]);
      const kept = await tryApply(cluster, withValues(closed, all("DenyAll")), "admin", DRY);
      admitted(kept);
      expect(warnedOf(kept)).toEqual([]);
    });

    it("Kf is never blocked: Namespace, policies, PermitAll to DenyAll under running apps, and deletes", async () => {
      await makeSpaceNamespace(cluster, moved, "PermitAll");
      await writeKfPolicies(cluster, moved, "PermitAll");
      await cluster.apply(allowancesIn(moved, ["allow-dns", "default-deny"]), "developer");
      await cluster.apply(pod(moved, "app", APP.matchLabels), "kf-controller");
      await run(moved, "app", "10.20.8.2");
      const shut = policy(moved, "space-app-policy", { podSelector: APP, policyTypes: ["Egress", "Ingress"], ingress: null, egress: null });
      const kept = await cluster.get<{ metadata: { labels: object; ownerReferences: object[] } }>("networkpolicy", "space-app-policy", "-n", moved);
      const { labels, ownerReferences } = kept?.metadata ?? {};
      const theirs = { ...shut, metadata: { name: "space-app-policy", namespace: moved, labels, ownerReferences } };
      const byDeveloper = await tryApply(cluster, theirs, "developer");
      expect(refusedBy(byDeveloper)).toEqual(["kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/mesh", "kf/vpc", "kf/workload-identity"]);
      expect(byDeveloper.stderr).toContain("Kf owns this policy and will undo the change; change the Space instead");
      const byKf = await tryApply(cluster, theirs, "kf-controller");
      admitted(byKf);
      expect(warnedOf(byKf)).toEqual(["kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/mesh", "kf/vpc", "kf/workload-identity"]);
      for (const name of ["space-app-policy", "space-build-policy"]) expect(await cluster.kubectl(["delete", "networkpolicy", name, "-n", moved], { as: "kf-controller" })).toMatchObject({ code: 0 });
      await writeKfPolicies(cluster, moved, "DenyAll");
      const replaced = await tryApply(cluster, pod(moved, "next", APP.matchLabels), "kf-controller", DRY);
      admitted(replaced);
      expect(warnedOf(replaced)).toEqual(["kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/mesh", "kf/vpc", "kf/workload-identity"]);
    });

    it("a Space goes with all that is in it: garbage collector and namespace controller are let through", async () => {
      await makeSpace(cluster, gone, "PermitAll", ["allow-dns", "default-deny"]);
      await cluster.apply(deployment(gone, "web"), "kf-controller");
      await cluster.waitFor("the pod", async () => (await cluster.get<List>("pods", "-n", gone))?.items[0]);
      expect(await cluster.kubectl(["delete", "space", gone], { as: "kf-controller" })).toMatchObject({ code: 0 });
      for (const name of [gone, stepwise]) await cluster.waitFor(`namespace ${name} to go`, async () => (await cluster.get("namespace", name)) === undefined, 60_000);
      const deletes = sluice.log().split("\n").filter((line) => line.includes('"op":"DELETE"') && line.includes(`"ns":"${gone}"`));
      // Their deletes are always admitted, so the webhook configurations leave them out: no Space waits for Sluice to go.
      expect(deletes.filter((line) => /generic-garbage-collector|namespace-controller/.test(line))).toEqual([]);
      expect(deletes.filter((line) => line.includes('"msg":"denied"'))).toEqual([]);
    });
  });
}, { controllers: true });
