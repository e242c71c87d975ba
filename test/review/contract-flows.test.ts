import { describe, expect, it } from "vitest";
import {
  allowances, allowDns, APP, baselineOf, block, both, BUILD, byName, cluster, clusterWithout, create, defaultDeny, dns, dnsPod, dnsService, egressTo, endpoints, find, fresh, gateway, ingressFrom,
  kfPolicy, LABELLED, np, ns, outcome, pod, remove, sel, space, spaceNs, tcp, update, withSpec, type Asked, around, closedSpace, plain, openSpace,
} from "./fixtures/contract.js";
import { snapshotOf } from "./world.js";
import type { KubeObject } from "../../src/model/kubernetes.js";

const world = cluster();
const policy = (name: string, namespace = "closed"): KubeObject => find("NetworkPolicy", namespace, name);
/** UPDATE of a policy of the closed Space to another spec. */
const changed = (name: string, spec: Record<string, unknown>, asked: Asked = {}, namespace = "closed") => outcome(update(world, policy(name, namespace), withSpec(policy(name, namespace), spec), asked));
const denied = (...deny: string[]) => ({ deny, warn: [] });
const fine = denied();
const PUBLIC_EXCEPT = ["10.0.0.0/8", "172.16.0.0/12", "192.168.0.0/16"];

describe("DELETE of one allowance of a DenyAll Space", () => {
  it.each([
    ["allow-metadata", ["kf/workload-identity"]],
    ["allow-google", ["kf/google-apis"]],
    ["allow-mesh", ["kf/mesh"]],
    ["allow-gateway", ["kf/ingress-gateway"]],
    ["allow-apps", ["kf/east-west"]],
    ["allow-builds", ["kf/buildpacks", "kf/kube-apiserver"]],
    ["allow-dns", ["baseline/dns", "kf/dns"]],
    ["default-deny", ["baseline/default-deny"]],
  ])("%s", (name, rules) => expect(remove(world, policy(name)).deny).toEqual(rules));
  it.each(["space-app-policy", "space-build-policy"])("%s: default-deny isolates all the same", (name) => expect(outcome(remove(world, policy(name)))).toEqual(fine));
  it("deletecollection names no object", () => {
    const answer = remove(world, policy("allow-metadata"), { request: { name: undefined } });
    expect(answer.deny).toEqual(["kf/workload-identity"]);
  });
  it.each(["allow-dns"])("in a PermitAll Space %s takes DNS from unlabelled pods only", (name) => expect(remove(world, policy(name, "open")).deny).toEqual(["baseline/dns"]));
  it("in a PermitAll Space Kf's own policies are what allows", () => {
    expect(remove(world, policy("space-app-policy", "open")).deny).toEqual(["kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/mesh", "kf/workload-identity"]);
    expect(remove(world, policy("space-build-policy", "open")).deny).toEqual(["kf/buildpacks", "kf/google-apis", "kf/kube-apiserver", "kf/mesh", "kf/registry", "kf/workload-identity"]);
  });
  it("the union counts: a second policy that allows the same", () => {
    const twin = np("closed", "twin", egressTo([block("169.254.169.252/32")], tcp(988), LABELLED));
    expect(outcome(remove(cluster(twin), policy("allow-metadata")))).toEqual(fine);
    const half = np("closed", "twin", egressTo([block("169.254.169.252/32")], tcp(988), sel(APP)));
    expect(outcome(remove(cluster(half), policy("allow-metadata")))).toEqual(denied("kf/workload-identity"));
  });
});

describe("kf/dns and baseline/dns", () => {
  const toDns = [byName("kube-system", { "k8s-app": "kube-dns" })];
  it.each([
    ["UDP only", egressTo(toDns, [{ protocol: "UDP", port: 53 }]), ["baseline/dns", "kf/dns"]],
    ["TCP only", egressTo(toDns, [{ port: 53 }]), ["baseline/dns", "kf/dns"]],
    ["the whole of kube-system", egressTo([byName("kube-system")], both), []],
    ["everyone on 53", egressTo(undefined, both), []],
    ["all namespaces", egressTo([{ namespaceSelector: {} }], both), []],
    ["the Service's address", egressTo([block("10.96.0.10/32")], both), ["baseline/dns", "kf/dns"]],
    ["the pod's address", egressTo([block("10.20.0.2/32")], both), []],
    ["0.0.0.0/0 on 53", egressTo([block("0.0.0.0/0")], both), []],
    ["0.0.0.0/0 without the pods", egressTo([block("0.0.0.0/0", ["10.0.0.0/8"])], both), ["baseline/dns", "kf/dns"]],
    ["a label that kube-system does not carry", egressTo([{ namespaceSelector: sel({ name: "kube-system" }) }], both), ["baseline/dns", "kf/dns"]],
    ["port 5353", egressTo(toDns, [{ protocol: "UDP", port: 5353 }, { protocol: "TCP", port: 5353 }]), ["baseline/dns", "kf/dns"]],
    ["ingress only", { podSelector: {}, policyTypes: ["Ingress"], egress: [{}] }, ["baseline/dns", "kf/dns"]],
    ["labelled pods only", egressTo(toDns, both, LABELLED), ["baseline/dns"]],
    ["apps only", egressTo(toDns, both, sel(APP)), ["baseline/dns", "kf/dns"]],
    ["empty `to`", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [], ports: both }] }, []],
    ["null `to`", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: null, ports: both }] }, []],
    ["empty egress", { podSelector: {}, policyTypes: ["Egress"], egress: [] }, ["baseline/dns", "kf/dns"]],
    ["null egress", { podSelector: {}, policyTypes: ["Egress"], egress: null }, ["baseline/dns", "kf/dns"]],
    ["empty ports", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: toDns, ports: [] }] }, []],
    ["policyTypes absent", { podSelector: {}, egress: [{ to: toDns, ports: both }] }, []],
    ["a named port", egressTo(toDns, [{ protocol: "UDP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }]), []],
    ["a named port of the wrong protocol", egressTo(toDns, [{ protocol: "TCP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }]), ["baseline/dns", "kf/dns"]],
    ["a named port to a block", egressTo([block("0.0.0.0/0")], [{ protocol: "UDP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }]), ["baseline/dns", "kf/dns"]],
  ])("allow-dns becomes: %s", (_what, spec, deny) => expect(changed("allow-dns", spec).deny).toEqual(deny));

  it("cidrSelectsPods: false takes ipBlock to pods away", () => {
    const profile = { cidrSelectsPods: false };
    expect(changed("allow-dns", egressTo([block("10.20.0.2/32")], both), { profile }).deny).toEqual(["baseline/dns", "kf/dns"]);
    expect(changed("allow-dns", egressTo([block("0.0.0.0/0")], both), { profile }).deny).toEqual(["baseline/dns", "kf/dns"]);
    expect(changed("allow-dns", egressTo([byName("kube-system")], both), { profile }).deny).toEqual([]);
  });

  const shop = (snapshotDns: readonly KubeObject[], allow: KubeObject) => snapshotOf(...around, ...snapshotDns, endpoints(), ns("shop2"), defaultDeny("shop2"), allow, pod("shop2", "web"));
  const hold = (snapshotDns: readonly KubeObject[], ports: Record<string, unknown>[], asked: Asked = {}, to: Record<string, unknown>[] | undefined = toDns) =>
    create(shop(snapshotDns, np("shop2", "allow-dns", egressTo(to, ports))), fresh("shop2", {}), asked).deny;
  const at = (port: number) => [{ protocol: "UDP", port }, { protocol: "TCP", port }];
  const toPort = (targetPort: unknown) => dnsService([{ name: "dns", port: 53, protocol: "UDP", targetPort }, { name: "dns-tcp", port: 53, protocol: "TCP", targetPort }]);
  const named = dnsService([{ name: "dns", port: 53, protocol: "UDP", targetPort: "dns" }, { name: "dns-tcp", port: 53, protocol: "TCP", targetPort: "dns-tcp" }]);
  const on = (name: string, ip: string, port: number) => dnsPod(name, ip, {}, [{ name: "dns", ports: [{ name: "dns", containerPort: port, protocol: "UDP" }, { name: "dns-tcp", containerPort: port, protocol: "TCP" }] }]);
  it.each([
    ["53 to 53", dns, both, []],
    ["targetPort 5353, allowed 53", [toPort(5353), dnsPod()], both, ["baseline/dns"]],
    ["targetPort 5353, allowed 5353", [toPort(5353), dnsPod()], at(5353), []],
    ["targetPort absent is the port", [dnsService([{ name: "dns", port: 53, protocol: "UDP" }, { name: "t", port: 53, protocol: "TCP" }]), dnsPod()], both, []],
    ["targetPort by name, 5353, allowed 53", [named, on("a", "10.20.0.2", 5353)], both, ["baseline/dns"]],
    ["targetPort by name, 5353, allowed 5353", [named, on("a", "10.20.0.2", 5353)], at(5353), []],
    ["targetPort by name, allowed by name", [named, on("a", "10.20.0.2", 5353)], [{ protocol: "UDP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }], []],
    ["by name, two pods on two ports, one allowed", [named, on("a", "10.20.0.2", 5353), on("b", "10.20.0.3", 53)], at(53), ["baseline/dns"]],
    ["by name, two pods on two ports, both allowed", [named, on("a", "10.20.0.2", 5353), on("b", "10.20.0.3", 53)], [...at(53), ...at(5353)], []],
    ["no Service", [dnsPod()], both, []],
    ["no Service, 5353", [dnsPod()], at(5353), ["baseline/dns"]],
    ["no pods, with the Service: a pod that could be", [dnsService()], both, []],
    ["no pods, named ports of the pod that could be", [], [{ protocol: "UDP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }], []],
    ["only a finished pod, and one of the host's network", [pod("kube-system", "d", { labels: { "k8s-app": "kube-dns" }, phase: "Failed" }), pod("kube-system", "h", { labels: { "k8s-app": "kube-dns" }, spec: { hostNetwork: true } })], both, []],
    ["the metrics port of the Service is not DNS", [dnsService([{ name: "dns", port: 53, protocol: "UDP", targetPort: 53 }, { name: "t", port: 53, protocol: "TCP", targetPort: 53 }, { name: "m", port: 9153, protocol: "TCP", targetPort: 9153 }]), dnsPod()], both, []],
  ] as const)("%s", (_what, objects, ports, deny) => expect(hold(objects as readonly KubeObject[], ports as never)).toEqual(deny));
  it("no pods known: no block fits one whose address is unknown", () => {
    expect(hold([dnsService()], both, {}, [block("0.0.0.0/0")])).toEqual(["baseline/dns"]);
    expect(hold([dnsService(), pod("kube-system", "d", { labels: { "k8s-app": "kube-dns" }, ip: null })], both, {}, [block("0.0.0.0/0")])).toEqual(["baseline/dns"]);
  });
  it("every running DNS pod counts", () => {
    const two = [dnsService(), dnsPod(), dnsPod("kube-dns-2", "10.20.0.3", { zone: "b" })];
    expect(hold(two, both, {}, [byName("kube-system", { zone: "b" })])).toEqual(["baseline/dns"]);
    expect(hold(two, both, {}, [block("10.20.0.2/32")])).toEqual(["baseline/dns"]);
    expect(hold(two, both, {}, [block("10.20.0.2/31")])).toEqual([]);
  });
  it.each([
    ["node-local", "169.254.20.10/32", []],
    ["node-local, the Service's address", "10.96.0.10/32", []],
    ["node-local, another", "10.96.0.11/32", ["baseline/dns"]],
    ["cloud-dns", "169.254.169.254/32", []],
    ["cloud-dns, node-local's", "169.254.20.10/32", ["baseline/dns"]],
    ["cloud-dns, all but link-local", "0.0.0.0/0", []],
  ])("%s by %s", (what, cidr, deny) => expect(hold(dns, both, { profile: { dnsMode: what.split(",")[0] } }, [block(cidr)])).toEqual(deny));
  it("node-local and cloud-dns do not go to the pods", () => {
    for (const dnsMode of ["node-local", "cloud-dns"]) {
      expect(hold(dns, both, { profile: { dnsMode } })).toEqual(["baseline/dns"]);
      expect(hold(dns, [{ protocol: "UDP", port: 53 }], { profile: { dnsMode } }, [block("169.254.0.0/16")])).toEqual(["baseline/dns"]);
      expect(hold(dns, both, { profile: { dnsMode } }, [block("0.0.0.0/0", ["169.254.0.0/16"])])).toEqual(dnsMode === "cloud-dns" ? ["baseline/dns"] : []);
    }
    expect(hold([], both, { profile: { dnsMode: "node-local" } }, [block("10.96.0.10/32")])).toEqual(["baseline/dns"]);
  });
});

describe("kf/workload-identity", () => {
  const to = (cidr: string, ports?: Record<string, unknown>[], except?: string[]) => egressTo([block(cidr, except)], ports, LABELLED);
  it.each([
    ["port 987 only", to("169.254.169.252/32", tcp(987)), {}, ["kf/workload-identity"]],
    ["987 and 988", to("169.254.169.252/32", tcp(987, 988)), {}, []],
    ["without ports", to("169.254.169.252/32"), {}, []],
    ["V2's address", to("169.254.169.254/32", tcp(80)), {}, ["kf/workload-identity"]],
    ["link-local", to("169.254.0.0/16"), {}, []],
    ["0.0.0.0/0", to("0.0.0.0/0"), {}, []],
    ["0.0.0.0/0 except 169.254.0.0/16", to("0.0.0.0/0", undefined, ["169.254.0.0/16"]), {}, ["kf/workload-identity"]],
    ["UDP", to("169.254.169.252/32", [{ protocol: "UDP", port: 988 }]), {}, ["kf/workload-identity"]],
  ])("V1: %s", (_what, spec, asked, deny) => expect(changed("allow-metadata", spec, asked)).toEqual(denied(...deny)));
  it("V2 asks for 169.254.169.254:80", () => {
    const spec = to("169.254.169.254/32", tcp(80));
    const v2 = cluster(np("closed", "v2", spec));
    const asked = { profile: { dataplane: "v2" } };
    expect(outcome(remove(v2, np("closed", "v2", spec), asked))).toEqual(denied("kf/workload-identity"));
    expect(outcome(remove(v2, policy("allow-metadata"), asked))).toEqual(fine);
    expect(outcome(remove(v2, np("closed", "v2", spec)))).toEqual(fine);
    expect(outcome(update(v2, np("closed", "v2", spec), np("closed", "v2", to("169.254.169.254/32", tcp(988))), asked))).toEqual(denied("kf/workload-identity"));
  });
});

describe("kf/google-apis, kf/registry, kf/buildpacks, kf/kube-apiserver", () => {
  const google = (cidr: string[], ports = tcp(443)) => egressTo(cidr.map((one) => block(one)), ports, LABELLED);
  it.each([
    ["the restricted range", google(["199.36.153.4/30"]), []],
    ["half of each", google(["199.36.153.8/31", "199.36.153.4/31"]), ["kf/google-apis"]],
    ["half a range", google(["199.36.153.8/31"]), ["kf/google-apis"]],
    ["a range in two halves", google(["199.36.153.8/31", "199.36.153.10/31"]), []],
    ["port 80", google(["199.36.153.8/30"], tcp(80)), ["kf/google-apis"]],
    ["the Internet", google(["0.0.0.0/0"]), []],
    ["half the Internet", google(["0.0.0.0/1"]), ["kf/google-apis"]],
  ])("allow-google becomes %s", (_what, spec, deny) => expect(changed("allow-google", spec).deny).toEqual(deny));
  const builds = (to: Record<string, unknown>[], ports = tcp(443)) => egressTo(to, ports, sel(BUILD));
  it.each([
    ["the Internet without private addresses: the API server is private", builds([block("0.0.0.0/0", PUBLIC_EXCEPT)]), ["kf/kube-apiserver"]],
    ["and the API server", builds([block("0.0.0.0/0", PUBLIC_EXCEPT), block("10.10.0.2/32")]), []],
    ["without link-local", builds([block("0.0.0.0/0", ["169.254.0.0/16"])]), []],
    ["without a public address", builds([block("0.0.0.0/0", ["8.8.8.8/32"])]), ["kf/buildpacks"]],
    ["the API server only", builds([block("10.10.0.2/32")]), ["kf/buildpacks"]],
    ["port 80", builds([block("0.0.0.0/0")], tcp(80)), ["kf/buildpacks", "kf/kube-apiserver"]],
  ])("allow-builds becomes %s", (_what, spec, deny) => expect(changed("allow-builds", spec).deny).toEqual(deny));

  it("offlineBuilds turns kf/buildpacks off", () => expect(outcome(remove(world, policy("allow-builds"), { settings: { offlineBuilds: true } }))).toEqual(denied("kf/kube-apiserver")));
  it.each([
    ["10.9.0.0/24", 443, "10.9.0.0/24", []],
    ["10.9.0.1/32:3128", 3128, "10.9.0.1/32", []],
    ["10.9.0.1/32:3128", 443, "10.9.0.1/32", ["kf/buildpacks"]],
    ["10.9.0.0/24", 443, "10.9.0.0/25", ["kf/buildpacks"]],
  ])("buildProxy %s, allowed %i to %s", (buildProxy, port, cidr, deny) => {
    const spec = builds([block(cidr)], tcp(port));
    expect(changed("allow-builds", { podSelector: sel(BUILD), policyTypes: ["Egress"], egress: [...(spec["egress"] as []), { to: [block("10.10.0.2/32")], ports: tcp(443) }] }, { settings: { buildProxy } }).deny).toEqual(deny);
  });
  it("buildProxy or the Internet: either will do", () => expect(changed("allow-builds", builds([block("0.0.0.0/0")]), { settings: { buildProxy: "10.9.0.1/32:3128" } }).deny).toEqual([]));
  it("kf/registry: any of the three, for builds only", () => {
    const noBuilds = clusterWithout(["NetworkPolicy/closed/allow-builds"]);
    expect(remove(noBuilds, policy("allow-google")).deny).toEqual(["kf/google-apis", "kf/registry"]);
    expect(remove(world, policy("allow-google")).deny).toEqual(["kf/google-apis"]);
  });
  it("registries replaces the list; any of it will do", () => {
    const settings = { registries: ["10.8.0.1/32", "10.8.0.2/32"] };
    const to = np("closed", "reg", builds([block("10.8.0.2/32")]));
    const without = clusterWithout(["NetworkPolicy/closed/allow-builds"], to);
    expect(remove(without, to, { settings }).deny).toEqual(["kf/registry"]);
    expect(remove(without, policy("allow-google"), { settings }).deny).toEqual(["kf/google-apis"]);
    expect(update(without, to, withSpec(to, builds([block("10.8.0.1/32")])), { settings }).deny).toEqual([]);
    expect(update(without, to, withSpec(to, builds([block("10.8.0.1/32")], tcp(5000))), { settings }).deny).toEqual(["kf/registry"]);
  });
  it("a block of registries must be open in full", () => {
    const settings = { registries: ["10.8.0.0/24"] };
    const to = np("closed", "reg", builds([block("10.8.0.0/24")]));
    const without = clusterWithout(["NetworkPolicy/closed/allow-builds"], to);
    expect(update(without, to, withSpec(to, builds([block("10.8.0.0/25")])), { settings }).deny).toEqual(["kf/registry"]);
  });
  it("kf/kube-apiserver reads the endpoints' port, an EndpointSlice too, and is unchecked when unset", () => {
    const objects = (...api: KubeObject[]) => snapshotOf(...around, ...dns, gateway(), ...closedSpace.filter(({ metadata }) => metadata.name !== "allow-builds"), np("closed", "api", builds([block("10.10.0.2/32")], tcp(6443))), ...api);
    const api = np("closed", "api", builds([block("10.10.0.2/32")], tcp(6443)));
    const slice = { apiVersion: "discovery.k8s.io/v1", kind: "EndpointSlice", metadata: { name: "kubernetes", namespace: "default", labels: { "kubernetes.io/service-name": "kubernetes" } }, addressType: "IPv4", endpoints: [{ addresses: ["10.10.0.2"] }], ports: [{ name: "https", port: 6443, protocol: "TCP" }] } as unknown as KubeObject;
    expect(remove(objects(endpoints("10.10.0.2", 6443)), api).deny).toEqual(["kf/kube-apiserver"]);
    expect(remove(objects(endpoints("10.10.0.2", 443)), api).deny).toEqual([]);
    expect(remove(objects(slice), api).deny).toEqual(["kf/kube-apiserver"]);
    expect(remove(objects(), api).deny).toEqual([]);
  });
  it("apiServer by profile: TCP 443, whatever the endpoints say", () => {
    const api = np("closed", "api", builds([block("10.77.0.0/28")]));
    const w = clusterWithout(["NetworkPolicy/closed/allow-builds"], api);
    expect(remove(w, api, { profile: { apiServer: ["10.77.0.0/28"] } }).deny).toEqual(["kf/kube-apiserver"]);
    expect(remove(w, api).deny).toEqual([]);
    expect(update(w, api, withSpec(api, builds([block("10.77.0.0/29")])), { profile: { apiServer: ["10.77.0.0/28"] } }).deny).toEqual(["kf/kube-apiserver"]);
    expect(update(w, api, withSpec(api, builds([block("10.77.0.0/28")], tcp(6443))), { profile: { apiServer: ["10.77.0.0/28"] } }).deny).toEqual(["kf/kube-apiserver"]);
  });
});

describe("kf/ingress-gateway", () => {
  const from = (peers: Record<string, unknown>[] | undefined, ports = tcp(8080)) => ingressFrom(peers, ports, sel(APP));
  it.each([
    ["any namespace's gateway", from([{ namespaceSelector: {}, podSelector: sel({ istio: "ingressgateway" }) }]), []],
    ["everyone", from(undefined), []],
    ["port 80", from([byName("asm-gateways")], tcp(80)), ["kf/ingress-gateway"]],
    ["the port's name, which a pod that could be does not declare", from([byName("asm-gateways")], tcp("http-user-port")), ["kf/ingress-gateway"]],
    ["gateways of the own namespace", from([{ podSelector: sel({ istio: "ingressgateway" }) }]), ["kf/ingress-gateway"]],
    ["the gateway's address", from([block("10.20.4.2/32")]), []],
    ["another address", from([block("10.20.4.3/32")]), ["kf/ingress-gateway"]],
    ["all TCP", from([byName("asm-gateways")], [{ protocol: "TCP" }]), []],
    ["a range", from([byName("asm-gateways")], [{ protocol: "TCP", port: 8000, endPort: 8079 }]), ["kf/ingress-gateway"]],
  ] as const)("allow-gateway becomes %s", (_what, spec, deny) => expect(changed("allow-gateway", spec as never).deny).toEqual(deny));
  it("an address is no peer where cidrSelectsPods is false", () => expect(changed("allow-gateway", from([block("10.20.4.2/32")]), { profile: { cidrSelectsPods: false } }).deny).toEqual(["kf/ingress-gateway"]));
  it("none running: one that could be in gatewayNamespaces", () => {
    const none = clusterWithout(["Pod/asm-gateways/gw-1"]);
    expect(remove(none, policy("allow-gateway")).deny).toEqual(["kf/ingress-gateway"]);
    expect(update(none, policy("allow-gateway"), withSpec(policy("allow-gateway"), from([block("0.0.0.0/0")]))).deny).toEqual(["kf/ingress-gateway"]);
    expect(remove(none, policy("allow-gateway"), { settings: { gatewayNamespaces: ["edge"] } }).deny).toEqual([]);
  });
  it("running ones in exempt namespaces and in gatewayNamespaces, no others", () => {
    const at = (namespace: string) => clusterWithout(["Pod/asm-gateways/gw-1"], gateway("gw", namespace), np(namespace, "out", egressTo(undefined, undefined, sel({ istio: "ingressgateway" }))), np("closed", "from-there", from([byName(namespace)])));
    const there = (namespace: string) => np("closed", "from-there", from([byName(namespace)]));
    expect(remove(at("istio-system"), there("istio-system")).deny).toEqual(["kf/ingress-gateway"]);
    expect(remove(at("shop"), there("shop")).deny).toEqual([]);
    expect(remove(at("shop"), there("shop"), { settings: { gatewayNamespaces: ["shop"] } }).deny).toEqual(["kf/ingress-gateway"]);
  });
  it("every running gateway counts", () => {
    const two = cluster(gateway("gw-2", "asm-gateways", "10.20.4.9", { zone: "b" }));
    const zone = from([byName("asm-gateways", { zone: "b" })]);
    expect(update(two, policy("allow-gateway"), withSpec(policy("allow-gateway"), zone)).deny).toEqual(["kf/ingress-gateway"]);
  });
  it("a running app's own port", () => {
    const other = pod("closed", "other-1", { labels: APP, containers: [{ name: "user-container", ports: [{ containerPort: 9000, name: "http-user-port" }] }] });
    const more = np("closed", "more", from([byName("asm-gateways")], tcp(9000)));
    expect(remove(cluster(other, more), more).deny).toEqual(["kf/ingress-gateway"]);
    expect(remove(cluster(more), more).deny).toEqual([]);
    expect(remove(cluster(other), policy("allow-gateway")).deny).toEqual(["kf/ingress-gateway"]);
  });
});

describe("kf/east-west", () => {
  it.each([
    ["egress only", { podSelector: sel(APP), policyTypes: ["Egress"], egress: [{ to: [{ podSelector: sel(APP) }], ports: tcp(8080) }] }, ["kf/east-west"], []],
    ["the own Space only", { podSelector: sel(APP), policyTypes: ["Ingress", "Egress"], ingress: [{ from: [{ podSelector: sel(APP) }], ports: tcp(8080) }], egress: [{ to: [{ podSelector: sel(APP) }], ports: tcp(8080) }] }, [], ["kf/east-west"]],
    ["everyone", { podSelector: sel(APP), policyTypes: ["Ingress", "Egress"], ingress: [{ ports: tcp(8080) }], egress: [{ ports: tcp(8080) }] }, [], []],
    ["some apps", { podSelector: sel(APP), policyTypes: ["Ingress", "Egress"], ingress: [{ ports: tcp(8080) }], egress: [{ to: [{ podSelector: sel({ ...APP, "app.kubernetes.io/component": "app-server" }) }], ports: tcp(8080) }] }, ["kf/east-west"], []],
    ["some callers", { podSelector: sel(APP), policyTypes: ["Ingress", "Egress"], ingress: [{ from: [{ namespaceSelector: {}, podSelector: sel({ ...APP, "app.kubernetes.io/component": "app-server" }) }], ports: tcp(8080) }], egress: [{ ports: tcp(8080) }] }, ["kf/east-west"], []],
  ] as const)("allow-apps becomes %s", (_what, spec, deny, warn) => {
    const answer = changed("allow-apps", spec as never);
    expect(answer.deny).toEqual(deny);
    if (deny.length === 0) expect(answer.warn).toEqual(warn);
  });
  it("between running Spaces only a warning: closing the other Space's end", () => {
    const from = np("open", "extra", { podSelector: sel(APP), policyTypes: ["Ingress"] });
    expect(outcome(create(world, from))).toEqual(fine);
    const answer = update(world, policy("space-app-policy", "open"), withSpec(policy("space-app-policy", "open"), { podSelector: sel(APP), policyTypes: ["Egress", "Ingress"], egress: [{}], ingress: [{ from: [{ podSelector: {} }] }, { from: [byName("asm-gateways")] }] }));
    expect(outcome(answer)).toEqual({ deny: [], warn: ["kf/east-west"] });
  });
});

describe("kf/mesh", () => {
  it("other port, other namespace", () => {
    expect(changed("allow-mesh", egressTo([byName("istio-system")], tcp(15010), LABELLED)).deny).toEqual(["kf/mesh"]);
    expect(changed("allow-mesh", egressTo([byName("istio-system", { istio: "istiod" })], undefined, LABELLED)).deny).toEqual([]);
    expect(changed("allow-mesh", egressTo([byName("istio-system", { istio: "pilot" })], undefined, LABELLED)).deny).toEqual(["kf/mesh"]);
  });
  it("not checked when no istiod runs", () => {
    expect(remove(clusterWithout(["Pod/istio-system/istiod-1"]), policy("allow-mesh")).deny).toEqual([]);
    expect(remove(clusterWithout(["Pod/istio-system/istiod-1"], pod("istio-system", "i", { labels: { app: "istiod" }, phase: "Succeeded" })), policy("allow-mesh")).deny).toEqual([]);
  });
});

describe("kf/vpc", () => {
  const vpc = np("closed", "vpc", egressTo([block("10.128.0.0/20")], [{ protocol: "TCP" }, { protocol: "UDP" }], sel(APP)));
  const w = cluster(vpc);
  const settings = { vpcCidrs: ["10.128.0.0/20"] };
  it("is asked where vpcCidrs is set", () => {
    expect(remove(w, vpc).deny).toEqual([]);
    expect(remove(w, vpc, { settings }).deny).toEqual(["kf/vpc"]);
    expect(remove(w, vpc, { settings: { vpcCidrs: ["10.128.0.0/20", "10.200.0.0/16"] } }).deny).toEqual([]);
  });
  it.each([
    ["TCP only", [block("10.128.0.0/20")], [{ protocol: "TCP" }], ["kf/vpc"]],
    ["half of it", [block("10.128.0.0/21")], undefined, ["kf/vpc"]],
    ["two halves", [block("10.128.0.0/21"), block("10.128.8.0/21")], undefined, []],
    ["a hole", [block("10.128.0.0/20", ["10.128.3.3/32"])], undefined, ["kf/vpc"]],
    ["port ranges", [block("10.128.0.0/20")], [{ protocol: "TCP", port: 1, endPort: 65535 }, { protocol: "UDP", port: 1, endPort: 65535 }], []],
    ["all but one port", [block("10.128.0.0/20")], [{ protocol: "TCP", port: 2, endPort: 65535 }, { protocol: "UDP" }], ["kf/vpc"]],
  ])("%s", (_what, to, ports, deny) => expect(update(w, vpc, withSpec(vpc, egressTo(to, ports, sel(APP))), { settings }).deny).toEqual(deny));
  it("builds do not need it", () => expect(update(w, vpc, withSpec(vpc, egressTo([block("10.128.0.0/20")], undefined, sel({ ...APP }))), { settings }).deny).toEqual([]));
});

describe("Google's six mesh policies, written anew (facts 4.4)", () => {
  const s = "mesh";
  const gateways = np(s, "gateways", ingressFrom([byName("asm-gateways")], undefined));
  const control = np(s, "to-control-plane", egressTo([byName("istio-system", { istio: "istiod" })]));
  const dnsAll = np(s, "to-dns", egressTo([byName("kube-system")], both));
  const google = np(s, "to-google-apis", egressTo([block("199.36.153.4/30"), block("199.36.153.8/30")]));
  const meta = np(s, "to-metadata", egressTo([block("169.254.169.252/32")], tcp(987, 988)));
  const same = np(s, "same-namespace", { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{ from: [{ podSelector: {} }] }], egress: [{ to: [{ podSelector: {} }] }] });
  const team = np(s, "other-team", egressTo([byName("open")]));
  const six = [control, dnsAll, google, meta, same, team];
  const denyAll = [space(s, { ingress: "DenyAll", egress: "DenyAll" }, { ingress: "DenyAll", egress: "DenyAll" }), spaceNs(s), kfPolicy(s, "app", "DenyAll", "DenyAll"), kfPolicy(s, "build", "DenyAll", "DenyAll"), defaultDeny(s)];
  // The other team is the only other Space that runs apps.
  const mesh = (...more: KubeObject[]) => snapshotOf(...around, ...dns, endpoints(), gateway(), ...openSpace, ...denyAll, ...six, gateways, ...more);
  const w = mesh();
  const asked = { settings: { offlineBuilds: true } };
  it("satisfy DNS, control plane, Google APIs, metadata server, the registry and east-west", () => {
    expect(create(w, fresh(s, APP), asked)).toMatchObject({ deny: [], warn: [] });
    expect(create(w, fresh(s, { ...BUILD, "tekton.dev/taskRun": "x" }), asked)).toMatchObject({ deny: [], warn: ["kf/kube-apiserver"] });
  });
  it.each([["to-control-plane", control, ["kf/mesh"]], ["to-dns", dnsAll, ["baseline/dns", "kf/dns"]], ["to-google-apis", google, ["kf/google-apis", "kf/registry"]], ["to-metadata", meta, ["kf/workload-identity"]], ["same-namespace", same, ["kf/east-west"]]])(
    "each is needed: %s", (_what, object, deny) => expect(remove(w, object, asked).deny).toEqual(deny));
  it("on V2 the pair of V2 is needed", () => {
    expect(create(w, fresh(s, APP), { ...asked, profile: { dataplane: "v2" } }).warn).toEqual(["kf/workload-identity"]);
    const v2 = mesh(np(s, "v2", egressTo([block("169.254.169.254/32")])));
    expect(create(v2, fresh(s, APP), { ...asked, profile: { dataplane: "v2" } }).warn).toEqual([]);
  });
});

describe("a whole cluster without surprises", () => {
  it("writing every policy again changes nothing", () => {
    for (const object of [...openSpace, ...closedSpace, ...plain].filter(({ kind }) => kind === "NetworkPolicy")) expect(update(world, object, object)).toMatchObject({ allowed: true, warn: [] });
  });
  it("plain namespaces are asked nothing of Kf", () => {
    expect(remove(world, allowDns("shop")).deny).toEqual(["baseline/dns"]);
    expect(create(cluster(), fresh("shop", APP))).toMatchObject({ deny: [], warn: [], patch: [] });
  });
  it("nothing was unproven", () => {
    for (const name of ["allow-dns", "allow-apps", "allow-gateway"]) expect(remove(world, policy(name)).decision.warnings).toEqual([]);
    void allowances; void baselineOf;
  });
});
