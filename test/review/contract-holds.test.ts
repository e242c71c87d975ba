import { describe, expect, it } from "vitest";
import { allowDns, allowances, APP, ask, block, both, BUILD, cluster, clusterWithout, create, defaultDeny, egressTo, fresh, ingressFrom, kfPolicy, np, ns, space, spaceNs, byName, baselineOf, pod } from "./fixtures/contract.js";

const world = cluster();
const port = (containerPort: number, more = {}) => ({ name: "user-container", ports: [{ containerPort, ...more }] });

describe("the baseline holds pods", () => {
  it.each([
    ["no policies", "bare", [], ["baseline/default-deny"]],
    ["default deny without DNS", "bare", [defaultDeny("bare")], ["baseline/dns"]],
    ["DNS without default deny", "bare", [allowDns("bare")], ["baseline/default-deny"]],
    ["both", "bare", baselineOf("bare"), []],
    ["ingress only is isolated", "bare", [np("bare", "a", { podSelector: {}, policyTypes: ["Ingress"] })], ["baseline/default-deny"]],
    ["the two directions by two policies", "bare", [np("bare", "a", { podSelector: {}, policyTypes: ["Ingress"] }), np("bare", "b", egressTo([byName("kube-system")], both))], []],
    ["policyTypes absent, with egress", "bare", [np("bare", "a", { podSelector: {}, egress: [{ to: [byName("kube-system")], ports: both }] })], []],
    ["policyTypes absent, egress empty", "bare", [np("bare", "a", { podSelector: {}, egress: [] })], ["baseline/default-deny"]],
    ["a selector that leaves pods out", "bare", [np("bare", "a", { podSelector: { matchLabels: { a: "b" } }, policyTypes: ["Ingress", "Egress"], egress: [{ ports: both }] })], ["baseline/default-deny"]],
    ["a selector that leaves pods out, and cuts DNS of the others", "bare", [np("bare", "a", { podSelector: { matchLabels: { a: "b" } }, policyTypes: ["Ingress", "Egress"] })], ["baseline/default-deny", "baseline/dns"]],
    ["selectors that together leave nobody out", "bare", [
      np("bare", "a", { podSelector: { matchExpressions: [{ key: "a", operator: "Exists" }] }, policyTypes: ["Ingress", "Egress"], egress: [{}] }),
      np("bare", "b", { podSelector: { matchExpressions: [{ key: "a", operator: "DoesNotExist" }] }, policyTypes: ["Ingress", "Egress"], egress: [{ ports: both }] }),
    ], []],
    ["all allowed is isolated by letter", "bare", [np("bare", "a", { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] })], []],
    ["DNS for some pods only", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], both, { matchLabels: { app: "web" } }))], ["baseline/dns"]],
    ["DNS by UDP only", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], [{ protocol: "UDP", port: 53 }]))], ["baseline/dns"]],
    ["DNS by TCP only", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], [{ protocol: "TCP", port: 53 }]))], ["baseline/dns"]],
    ["DNS by a port without a protocol is TCP", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], [{ port: 53 }]))], ["baseline/dns"]],
    ["DNS in two policies", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], [{ protocol: "UDP", port: 53 }])), np("bare", "b", egressTo(undefined, [{ protocol: "TCP", port: 53 }]))], []],
    ["DNS by namespaceSelector {name: kube-system}", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([{ namespaceSelector: { matchLabels: { name: "kube-system" } } }], both))], ["baseline/dns"]],
    ["DNS by the Service's address only", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([block("10.96.0.10/32")], both))], ["baseline/dns"]],
    ["DNS by podSelector of the own namespace", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([{ podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], both))], ["baseline/dns"]],
    ["DNS by port range", "bare", [defaultDeny("bare"), np("bare", "a", egressTo(undefined, [{ protocol: "UDP", port: 1, endPort: 100 }, { protocol: "TCP", port: 53, endPort: 54 }]))], []],
    ["DNS by port names of the DNS pod", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], [{ protocol: "UDP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }]))], []],
    ["DNS by port names crossed", "bare", [defaultDeny("bare"), np("bare", "a", egressTo([byName("kube-system")], [{ protocol: "UDP", port: "dns-tcp" }, { protocol: "TCP", port: "dns" }]))], ["baseline/dns"]],
  ])("%s", (_what, namespace, policies, deny) => expect(create(cluster(...policies), fresh(namespace, { app: "web" })).deny).toEqual(deny));

  it.each([
    ["hostNetwork", fresh("bare", {}, { spec: { hostNetwork: true } }), {}, []],
    ["a mirror pod of a node", fresh("bare", {}, { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } } }), { user: "system:node:n", groups: ["system:nodes"] }, []],
    ["a mirror annotation by somebody else", fresh("bare", {}, { metadata: { annotations: { "kubernetes.io/config.mirror": "x" } } }), {}, ["baseline/default-deny"]],
    ["a node's pod without the annotation", fresh("bare", {}), { user: "system:node:n", groups: ["system:nodes"] }, ["baseline/default-deny"]],
    ["an exempt namespace", fresh("kube-system", {}), {}, []],
    ["an exempt namespace by pattern", fresh("gke-x", {}), {}, []],
    ["an exempt namespace by parameter", fresh("bare", {}), { settings: { exemptNamespaces: ["bare"] } }, []],
    ["a namespace that nobody knows", fresh("unknown", {}), {}, ["baseline/default-deny"]],
    ["generateName only", fresh("bare", {}, { generateName: "web-" }), {}, ["baseline/default-deny"]],
    ["generateName only, with baseline", fresh("shop", {}, { generateName: "web-" }), {}, []],
  ])("%s", (_what, object, asked, deny) => expect(create(world, object, asked).deny).toEqual(deny));
  it("subresources, evictions and bindings pass", () => {
    expect(ask(world, "CREATE", fresh("bare", {}), { request: { subResource: "eviction" } }).allowed).toBe(true);
  });
  it("policies of the DNS pods' namespace count", () => {
    const cut = np("kube-system", "cut", ingressFrom([{ namespaceSelector: { matchLabels: { team: "a" } } }], both, { matchLabels: { "k8s-app": "kube-dns" } }));
    expect(create(cluster(cut), fresh("shop", {})).deny).toEqual(["baseline/dns"]);
    const fine = np("kube-system", "fine", ingressFrom(undefined, both, { matchLabels: { "k8s-app": "kube-dns" } }));
    expect(create(cluster(fine), fresh("shop", {})).deny).toEqual([]);
  });
  it("a pod of its own holds because of its whole namespace", () => {
    const some = np("bare", "a", egressTo([byName("kube-system")], both, { matchLabels: { app: "web" } }));
    expect(create(cluster(defaultDeny("bare"), some), fresh("bare", { app: "web" })).deny).toEqual(["baseline/dns"]);
  });
});

describe("flows of Kf hold or warn", () => {
  const app = fresh("closed", { ...APP });
  const build = fresh("closed", { ...BUILD, "tekton.dev/taskRun": "x" });
  const noMeta = clusterWithout(["NetworkPolicy/closed/allow-metadata"]);
  it("nothing is said where all flows hold", () => {
    for (const object of [app, build]) expect(create(world, object)).toMatchObject({ deny: [], warn: [] });
    for (const labels of [APP, { "tekton.dev/taskRun": "x" }]) expect(create(world, fresh("open", labels))).toMatchObject({ deny: [], warn: [] });
  });
  it("holdPods: baseline warns of a missing flow, flows holds", () => {
    expect(create(noMeta, app)).toMatchObject({ deny: [], warn: ["kf/workload-identity"] });
    expect(create(noMeta, app, { settings: { holdPods: "flows" } })).toMatchObject({ deny: ["kf/workload-identity"] });
    expect(create(noMeta, build)).toMatchObject({ deny: [], warn: ["kf/workload-identity"] });
  });
  it("a pod is judged by flows whose subject it is", () => {
    const noBuilds = clusterWithout(["NetworkPolicy/closed/allow-builds"]);
    expect(create(noBuilds, app)).toMatchObject({ deny: [], warn: [] });
    expect(create(noBuilds, build)).toMatchObject({ deny: [], warn: ["kf/buildpacks", "kf/kube-apiserver"] });
    const noGateway = clusterWithout(["NetworkPolicy/closed/allow-gateway"]);
    expect(create(noGateway, build)).toMatchObject({ deny: [], warn: [] });
    expect(create(noGateway, app)).toMatchObject({ deny: [], warn: ["kf/ingress-gateway"] });
  });
  it("kf/dns holds beside the baseline", () => {
    const noDns = clusterWithout(["NetworkPolicy/closed/allow-dns"]);
    expect(create(noDns, app).deny).toEqual(["baseline/dns", "kf/dns"]);
    // A pod that is not labelled is labelled first.
    expect(create(noDns, fresh("closed", {})).deny).toEqual(["baseline/dns", "kf/dns"]);
  });
  it("a Space without its baseline holds", () => {
    const young = [space("young"), spaceNs("young"), kfPolicy("young", "app", "PermitAll", "PermitAll"), kfPolicy("young", "build", "PermitAll", "PermitAll")];
    expect(create(cluster(...young), fresh("young", APP)).deny).toEqual(["baseline/default-deny"]);
    expect(create(cluster(...young, ...baselineOf("young")), fresh("young", APP))).toMatchObject({ deny: [], warn: [] });
  });
  it("an app with other ports is judged at its own CREATE", () => {
    expect(create(world, fresh("closed", APP, { containers: [port(9090)] })).warn).toEqual(["kf/ingress-gateway"]);
    expect(create(world, fresh("closed", APP, { containers: [port(9090)] }), { settings: { holdPods: "flows" } }).deny).toEqual(["kf/ingress-gateway"]);
    expect(create(world, fresh("closed", APP, { containers: [port(8080)] })).warn).toEqual([]);
    expect(create(world, fresh("open", APP, { containers: [port(9090)] })).warn).toEqual([]);
  });
  it("ports of sidecars, and UDP ports, are not the app's", () => {
    const sidecar = { name: "istio-proxy", ports: [{ containerPort: 15090 }] };
    expect(create(world, fresh("closed", APP, { containers: [port(8080), sidecar] })).warn).toEqual([]);
    expect(create(world, fresh("closed", APP, { containers: [port(8080), { ...sidecar, name: "envoy" }] })).warn).toEqual(["kf/ingress-gateway"]);
    expect(create(world, fresh("closed", APP, { containers: [port(8080), { ...sidecar, name: "envoy" }] }), { settings: { sidecarContainers: ["envoy"] } }).warn).toEqual([]);
    expect(create(world, fresh("closed", APP, { containers: [port(8080), sidecar] }), { settings: { sidecarContainers: [] } }).warn).toEqual(["kf/ingress-gateway"]);
    expect(create(world, fresh("closed", APP, { containers: [port(5353, { protocol: "UDP" })] })).warn).toEqual([]);
  });
  it("a peer that is created violates nothing", () => {
    const cut = np("kube-system", "cut", { podSelector: { matchLabels: { odd: "yes" } }, policyTypes: ["Ingress"] });
    expect(create(cluster(cut), fresh("kube-system", { "k8s-app": "kube-dns", odd: "yes" }))).toMatchObject({ deny: [], warn: [] });
    const closedGate = np("asm-gateways", "cut", { podSelector: { matchLabels: { odd: "yes" } }, policyTypes: ["Egress"] });
    expect(create(cluster(closedGate), fresh("asm-gateways", { istio: "ingressgateway", odd: "yes" }))).toMatchObject({ deny: [], warn: [] });
  });
  it("a namespace that is a Space by label only follows both", () => {
    const labelled = [ns("l", { "app.kubernetes.io/managed-by": "kf" }), ...baselineOf("l")];
    const answer = create(cluster(...labelled), fresh("l", APP));
    expect(answer.deny).toEqual([]);
    expect(answer.warn).toEqual(["kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/mesh", "kf/workload-identity"]);
    expect(create(cluster(...labelled, ...allowances("l")), fresh("l", APP))).toMatchObject({ deny: [], warn: [] });
  });
  it("finished pods are no endpoints", () => {
    const done = pod("bare", "done", { phase: "Succeeded" });
    expect(create(cluster(done), done).deny).toEqual([]);
  });
});
