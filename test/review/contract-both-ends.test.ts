import { describe, expect, it } from "vitest";
import {
  around, allowDns, APP, baselineOf, block, both, byName, clusterWithout, cluster, create, defaultDeny, dnsPod, dnsService, egressTo, endpoints, find, fresh, gateway, ingressFrom, LABELLED, np, ns, pod, remove, sel, spaceNs, tcp, update,
  withLabels, withSpec, dns, outcome, openSpace, closedSpace, plain,
} from "./fixtures/contract.js";
import { snapshotOf } from "./world.js";

const world = cluster();
const DNS_PODS = sel({ "k8s-app": "kube-dns" });
const everywhereDns = ["baseline/dns", "kf/dns", "kf/system"];

describe("policies on the DNS pods", () => {
  it.each([
    ["no ingress", { podSelector: DNS_PODS, policyTypes: ["Ingress"] }, everywhereDns],
    ["no ingress, whole namespace", { podSelector: {}, policyTypes: ["Ingress"] }, everywhereDns],
    ["policyTypes absent", { podSelector: {} }, everywhereDns],
    ["everyone on 53", ingressFrom(undefined, both, DNS_PODS), []],
    ["UDP only", ingressFrom(undefined, [{ protocol: "UDP", port: 53 }], DNS_PODS), everywhereDns],
    ["all namespaces", ingressFrom([{ namespaceSelector: {} }], both, DNS_PODS), []],
    ["pods of kube-system only", ingressFrom([{ podSelector: {} }], both, DNS_PODS), everywhereDns],
    ["Spaces only", ingressFrom([{ namespaceSelector: sel({ "app.kubernetes.io/managed-by": "kf" }) }], both, DNS_PODS), ["baseline/dns", "kf/system"]],
    ["Spaces and kf", ingressFrom([{ namespaceSelector: sel({ "app.kubernetes.io/managed-by": "kf" }) }, byName("kf")], both, DNS_PODS), ["baseline/dns"]],
    ["pod addresses: pods that could be have none", ingressFrom([block("10.20.0.0/16")], both, DNS_PODS), everywhereDns],
    ["other pods", { podSelector: sel({ "k8s-app": "metrics" }), policyTypes: ["Ingress"] }, []],
    ["egress of the DNS pods", { podSelector: DNS_PODS, policyTypes: ["Egress"] }, []],
    ["by the name of the port", ingressFrom(undefined, [{ protocol: "UDP", port: "dns" }, { protocol: "TCP", port: "dns-tcp" }], DNS_PODS), []],
    ["by a port name of another protocol", ingressFrom(undefined, [{ protocol: "UDP", port: "dns" }, { protocol: "UDP", port: "dns-tcp" }], DNS_PODS), everywhereDns],
  ])("%s", (_what, spec, deny) => expect(create(world, np("kube-system", "p", spec)).deny).toEqual(deny));
  it("does not matter where DNS does not go to the pods", () => {
    const cut = np("kube-system", "p", { podSelector: {}, policyTypes: ["Ingress"] });
    for (const dnsMode of ["node-local", "cloud-dns"]) expect(create(world, cut, { profile: { dnsMode } }).deny).toEqual([]);
  });
  it("DELETE of an allowance there", () => {
    const allow = np("kube-system", "allow", ingressFrom(undefined, both));
    const w = cluster(allow, np("kube-system", "deny", { podSelector: {}, policyTypes: ["Ingress"] }));
    expect(remove(w, allow).deny).toEqual(everywhereDns);
    expect(remove(w, np("kube-system", "deny", { podSelector: {}, policyTypes: ["Ingress"] })).deny).toEqual([]);
  });
  it("no policy of an exempt namespace must be a baseline", () => {
    expect(remove(cluster(...baselineOf("kube-system")), defaultDeny("kube-system")).deny).toEqual([]);
    expect(outcome(create(world, np("kube-system", "open", { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] })))).toEqual({ deny: [], warn: [] });
  });
});

describe("policies on the gateway", () => {
  it.each([
    ["no egress", { podSelector: {}, policyTypes: ["Egress"] }, ["kf/ingress-gateway"]],
    ["egress to Spaces", egressTo([{ namespaceSelector: sel({ "app.kubernetes.io/managed-by": "kf" }) }]), []],
    ["egress to one Space", egressTo([byName("open")]), ["kf/ingress-gateway"]],
    ["egress to 8080", egressTo(undefined, tcp(8080)), []],
    ["egress to 80", egressTo(undefined, tcp(80)), ["kf/ingress-gateway"]],
    ["egress to apps", egressTo([{ namespaceSelector: {}, podSelector: sel(APP) }]), []],
    ["egress of others", { podSelector: sel({ istio: "egressgateway" }), policyTypes: ["Egress"] }, []],
    ["ingress", { podSelector: {}, policyTypes: ["Ingress"] }, []],
  ])("%s", (_what, spec, deny) => expect(create(world, np("asm-gateways", "p", spec)).deny).toEqual(deny));
  it("with no gateway running, one that could be counts", () => {
    const none = clusterWithout(["Pod/asm-gateways/gw-1"]);
    expect(create(none, np("asm-gateways", "p", { podSelector: {}, policyTypes: ["Egress"] })).deny).toEqual(["kf/ingress-gateway"]);
    expect(create(none, np("istio-system", "p", { podSelector: {}, policyTypes: ["Egress"] })).deny).toEqual([]);
  });
});

describe("policies on istiod, and on the other Space's apps", () => {
  it("ingress of istiod", () => {
    expect(create(world, np("istio-system", "p", { podSelector: sel({ app: "istiod" }), policyTypes: ["Ingress"] })).deny).toEqual(["kf/mesh"]);
    expect(create(world, np("istio-system", "p", ingressFrom(undefined, tcp(15012)))).deny).toEqual([]);
    expect(create(world, np("istio-system", "p", ingressFrom(undefined, tcp(15010)))).deny).toEqual(["kf/mesh"]);
  });
  it("the other Space's ingress is warned about", () => {
    const spec = (from: Record<string, unknown>[]) => ({ ...(find("NetworkPolicy", "closed", "allow-apps").spec as Record<string, unknown>), ingress: [{ from, ports: tcp(8080) }] });
    expect(outcome(update(world, find("NetworkPolicy", "closed", "allow-apps"), withSpec(find("NetworkPolicy", "closed", "allow-apps"), spec([{ podSelector: {} }]))))).toEqual({ deny: [], warn: ["kf/east-west"] });
  });
});

describe("labels of namespaces", () => {
  const dnsBy = (name: string) => np(name, "allow-dns", egressTo([{ namespaceSelector: sel({ role: "dns" }) }], both));
  const labelled = ns("kube-system", { role: "dns" });
  const w = snapshotOf(...around.filter((o) => o.metadata.name !== "kube-system"), labelled, ...dns, endpoints(), gateway(), ns("team"), defaultDeny("team"), dnsBy("team"), ns("other"));
  it("a label that DNS is found by", () => {
    expect(update(w, labelled, ns("kube-system")).deny).toEqual(["baseline/dns"]);
    expect(update(w, labelled, ns("kube-system", { role: "dns", more: "x" })).deny).toEqual([]);
    expect(update(w, ns("other"), ns("other", { x: "y" })).deny).toEqual([]);
  });
  it("a label that the gateway is found by", () => {
    const gw = ns("asm-gateways", { edge: "yes" });
    const from = np("closed", "allow-gateway", ingressFrom([{ namespaceSelector: sel({ edge: "yes" }) }], tcp(8080), sel(APP)));
    const v = snapshotOf(...around.filter((o) => o.metadata.name !== "asm-gateways"), gw, ...dns, endpoints(), gateway(), ...closedSpace.filter((o) => o.metadata.name !== "allow-gateway"), from);
    expect(update(v, gw, ns("asm-gateways")).deny).toEqual(["kf/ingress-gateway"]);
    expect(update(v, gw, ns("asm-gateways", { edge: "yes", a: "b" })).deny).toEqual([]);
  });
  it("a label of a Space that a policy elsewhere selects by", () => {
    const cut = np("kube-system", "only", ingressFrom([{ namespaceSelector: sel({ dns: "yes" }) }], both, DNS_PODS));
    const space = spaceNs("open", { dns: "yes" });
    const v = snapshotOf(...around, ...dns, endpoints(), gateway(), ...openSpace.filter((o) => o.kind !== "Namespace"), space, cut);
    expect(update(v, space, spaceNs("open")).deny).toEqual(["baseline/dns", "kf/dns"]);
    expect(update(v, space, spaceNs("open", { dns: "yes", x: "y" })).deny).toEqual([]);
  });
  it("a namespace that becomes a Space loses nothing", () => expect(update(world, ns("shop"), ns("shop", { "app.kubernetes.io/managed-by": "kf" })).deny).toEqual([]));
});

describe("labels of pods", () => {
  it("a relabelled pod that leaves the default deny", () => {
    const some = np("bare", "some", { podSelector: sel({ app: "web" }), policyTypes: ["Ingress", "Egress"], egress: [{ ports: both }] });
    const web = pod("bare", "web", { labels: { app: "web" } });
    const w = cluster(some, web);
    expect(update(w, web, withLabels(web, { app: "other" })).deny).toEqual(["baseline/default-deny"]);
    expect(update(w, web, withLabels(web, { app: "web", x: "y" })).deny).toEqual([]);
  });
  it("a relabelled pod that loses DNS", () => {
    const web = pod("bare", "web", { labels: { dns: "yes" } });
    const w = cluster(defaultDeny("bare"), np("bare", "dns", egressTo(undefined, both, sel({ dns: "yes" }))), web);
    expect(update(w, web, withLabels(web, {})).deny).toEqual(["baseline/dns"]);
    expect(update(w, withLabels(web, {}), web).deny).toEqual([]);
  });
  it("an app that loses the label its allowance selects by", () => {
    const old = pod("closed", "x", { labels: { ...APP, meta: "yes" } });
    const by = np("closed", "allow-metadata", egressTo([block("169.254.169.252/32")], tcp(988), sel({ meta: "yes" })));
    const w = clusterWithout(["NetworkPolicy/closed/allow-metadata"], by, old);
    expect(update(w, old, withLabels(old, APP)).deny).toEqual(["kf/workload-identity"]);
  });
  it("a gateway relabelled in an exempt namespace", () => {
    const gw = gateway("gw-1", "asm-gateways", "10.20.4.2", { role: "edge" });
    const from = np("closed", "allow-gateway", ingressFrom([byName("asm-gateways", { role: "edge" })], tcp(8080), sel(APP)));
    const w = snapshotOf(...around, ...dns, endpoints(), gw, ...closedSpace.filter((o) => o.metadata.name !== "allow-gateway"), from);
    expect(update(w, gw, withLabels(gw, { istio: "ingressgateway" })).deny).toEqual(["kf/ingress-gateway"]);
    expect(update(w, gw, withLabels(gw, { istio: "ingressgateway", role: "edge", x: "y" })).deny).toEqual([]);
  });
  it("a DNS pod relabelled out of the selector of its allowance", () => {
    const two = dnsPod("kube-dns-1", "10.20.0.2", { tier: "dns" });
    const w = snapshotOf(...around, dnsService(), two, endpoints(), ...plain, np("kube-system", "deny", { podSelector: {}, policyTypes: ["Ingress"] }), np("kube-system", "allow", ingressFrom(undefined, both, sel({ tier: "dns" }))));
    expect(update(w, two, withLabels(two, { "k8s-app": "kube-dns" })).deny).toEqual(everywhereDns);
  });
  it("an annotation, an image, a status change nothing", () => {
    const web = find("Pod", "legacy", "old-1");
    expect(outcome(update(world, web, { ...web, metadata: { ...web.metadata, annotations: { a: "b" } } }))).toEqual({ deny: [], warn: [] });
  });
});

describe("the regression rule", () => {
  const meta = (podSelector: Record<string, unknown>) => egressTo([block("169.254.169.252/32")], tcp(988), podSelector);
  it("broken before: only warned, where the change touches an end", () => {
    const broken = clusterWithout(["NetworkPolicy/closed/allow-metadata"]);
    const more = np("closed", "more", egressTo([block("10.0.0.0/8")], tcp(5432), sel(APP)));
    const answer = create(broken, more);
    expect([answer.allowed, answer.warn]).toEqual([true, ["kf/workload-identity"]]);
    expect(create(world, more).warn).toEqual([]);
  });
  it("one odd endpoint broken already does not wave a later outage through", () => {
    const odd = pod("closed", "odd", { labels: { ...APP, odd: "yes" } });
    const notOdd = np("closed", "allow-metadata", meta({ matchExpressions: [{ key: "kf.dev/networkpolicy", operator: "Exists" }, { key: "odd", operator: "DoesNotExist" }] }));
    const w = clusterWithout(["NetworkPolicy/closed/allow-metadata"], notOdd, odd);
    expect(remove(w, notOdd).deny).toEqual(["kf/workload-identity"]);
    // It names one for which it held.
    expect(remove(w, notOdd).message).not.toContain("closed/odd");
    expect(update(w, notOdd, { ...notOdd, spec: meta(LABELLED) }).deny).toEqual([]);
  });
  it("an outage of the odd endpoint itself is none", () => {
    const odd = pod("closed", "odd", { labels: { ...APP, odd: "yes" } });
    const w = clusterWithout(["NetworkPolicy/closed/allow-metadata"], np("closed", "allow-metadata", meta({ matchExpressions: [{ key: "odd", operator: "DoesNotExist" }] })), np("closed", "odd", egressTo([block("10.0.0.0/8")], undefined, sel({ odd: "yes" }))), odd);
    expect(remove(w, np("closed", "odd", egressTo([block("10.0.0.0/8")], undefined, sel({ odd: "yes" })))).deny).toEqual([]);
  });
  it("pods that could be count: a selector that leaves future pods out", () => {
    const only = np("closed", "allow-metadata", meta({ matchExpressions: [{ key: "kf.dev/networkpolicy", operator: "Exists" }, { key: "app.kubernetes.io/component", operator: "In", values: ["app-server"] }] }));
    expect(update(world, find("NetworkPolicy", "closed", "allow-metadata"), only).deny).toEqual(["kf/workload-identity"]);
  });
  it("the state before is the request's oldObject", () => {
    const stale = clusterWithout(["NetworkPolicy/closed/allow-metadata"]);
    expect(remove(stale, find("NetworkPolicy", "closed", "allow-metadata")).deny).toEqual(["kf/workload-identity"]);
    expect(update(stale, find("NetworkPolicy", "closed", "allow-metadata"), withSpec(find("NetworkPolicy", "closed", "allow-metadata"), meta(sel(APP)))).deny).toEqual(["kf/workload-identity"]);
  });
  it("one odd DNS pod that is cut off already does not wave a later outage through", () => {
    // "One odd endpoint for which it was broken already must not wave later outages through": an endpoint may be the other end, too.
    const odd = dnsPod("kube-dns-odd", "10.20.0.9", { odd: "yes" });
    const cut = np("kube-system", "cut", { podSelector: sel({ odd: "yes" }), policyTypes: ["Ingress"] });
    const w = cluster(odd, cut);
    expect(remove(w, allowDns("closed")).deny).toEqual(["baseline/dns", "kf/dns"]);
    expect(create(w, np("kube-system", "cut-all", { podSelector: {}, policyTypes: ["Ingress"] })).deny).toEqual(everywhereDns);
  });
  it("one odd gateway that cannot reach apps already does not wave a later outage through", () => {
    const odd = gateway("gw-odd", "asm-gateways", "10.20.4.9", { odd: "yes" });
    const cut = np("asm-gateways", "cut", { podSelector: sel({ odd: "yes" }), policyTypes: ["Egress"] });
    expect(remove(cluster(odd, cut), find("NetworkPolicy", "closed", "allow-gateway")).deny).toEqual(["kf/ingress-gateway"]);
  });
  it("one odd app of the Space does not wave a later outage of east-west through", () => {
    const odd = pod("closed", "odd", { labels: { ...APP }, containers: [{ name: "user-container", ports: [{ containerPort: 9999 }] }] });
    expect(remove(cluster(odd), find("NetworkPolicy", "closed", "allow-apps")).deny).toEqual(["kf/east-west"]);
  });
  it("a policy that changes nothing is admitted, whatever it looks like", () => {
    expect(create(world, np("closed", "deny-again", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }))).toMatchObject({ allowed: true, warn: [] });
    expect(create(world, np("open", "deny-apps", { podSelector: sel(APP), policyTypes: ["Ingress", "Egress"] }))).toMatchObject({ allowed: true, warn: [] });
  });
  it("one that looks harmless but is the first to isolate is refused", () => {
    expect(create(cluster(), np("legacy", "allow-web", ingressFrom([{ podSelector: {} }], tcp(8080)))).deny).toEqual([]);
    expect(create(cluster(), np("legacy", "allow-db", egressTo([{ podSelector: {} }], tcp(5432)))).deny).toEqual(["baseline/dns"]);
    expect(create(cluster(), np("legacy", "allow-db", egressTo([{ podSelector: {} }], tcp(5432), sel({ app: "none-such" })))).deny).toEqual(["baseline/dns"]);
  });
  it("a flow that holds by any alternative before and another one after holds", () => {
    const w = world;
    const google = find("NetworkPolicy", "closed", "allow-google");
    expect(update(w, google, withSpec(google, egressTo([block("199.36.153.4/30")], tcp(443), LABELLED))).deny).toEqual([]);
  });
});

describe("kf/system", () => {
  const api = { profile: { apiServerSources: ["10.10.0.0/28"] } };
  const kf = (name: string, spec: Record<string, unknown>) => np("kf", name, spec);
  const control = { matchExpressions: [{ key: "app", operator: "In", values: ["controller", "webhook", "subresource-apiserver"] }] };
  const needs = egressTo(undefined, [...both, ...tcp(443), ...tcp(988)], control);
  it.each([
    ["egress of nothing", { podSelector: {}, policyTypes: ["Egress"] }, {}, ["kf/system"]],
    ["egress of everything", { podSelector: {}, policyTypes: ["Egress"], egress: [{}] }, {}, []],
    ["egress of what they need", needs, {}, []],
    ["without DNS over TCP", egressTo(undefined, [{ protocol: "UDP", port: 53 }, ...tcp(443, 988)], control), {}, ["kf/system"]],
    ["without the metadata server", egressTo(undefined, [...both, ...tcp(443)], control), {}, ["kf/system"]],
    ["V2 without port 80", needs, { profile: { dataplane: "v2" } }, ["kf/system"]],
    ["webhook: no registry needed", { ...needs, podSelector: sel({ app: "webhook" }), egress: [{ ports: [...both, ...tcp(988)] }, { to: [block("10.10.0.2/32")], ports: tcp(443) }] }, {}, []],
    ["controller: a registry is needed", { ...needs, podSelector: sel({ app: "controller" }), egress: [{ ports: [...both, ...tcp(988)] }, { to: [block("10.10.0.2/32")], ports: tcp(443) }] }, {}, ["kf/system"]],
    ["controller: Google's range is a registry", { ...needs, podSelector: sel({ app: "controller" }), egress: [{ ports: [...both, ...tcp(988)] }, { to: [block("10.10.0.2/32"), block("199.36.153.4/30")], ports: tcp(443) }] }, {}, []],
    ["subresource-apiserver: a registry is needed", { ...needs, podSelector: sel({ app: "subresource-apiserver" }), egress: [{ ports: [...both, ...tcp(988)] }, { to: [block("10.10.0.2/32")], ports: tcp(443) }] }, {}, ["kf/system"]],
    ["other pods of kf", { podSelector: sel({ app: "other" }), policyTypes: ["Ingress", "Egress"] }, {}, []],
    ["ingress of nothing", { podSelector: {}, policyTypes: ["Ingress"] }, {}, ["kf/system"]],
    ["ingress of nothing to the controller", { podSelector: sel({ app: "controller" }), policyTypes: ["Ingress"] }, {}, []],
    ["ingress from the API server to 8443", ingressFrom([block("10.10.0.2/32")], tcp(8443), sel({ app: "webhook" })), {}, []],
    ["ingress from the API server to 443", ingressFrom([block("10.10.0.2/32")], tcp(443), sel({ app: "webhook" })), {}, ["kf/system"]],
    ["ingress from its sources", ingressFrom([block("10.10.0.0/28")], tcp(8443), sel({ app: "webhook" })), api, []],
    ["ingress from one of its sources", ingressFrom([block("10.10.0.2/32")], tcp(8443), sel({ app: "webhook" })), api, ["kf/system"]],
    ["apiServerSources defaults to apiServer", ingressFrom([block("10.10.0.2/32")], tcp(8443), sel({ app: "webhook" })), { profile: { apiServer: ["10.66.0.0/28"] } }, ["kf/system"]],
    ["uploads on 6443", ingressFrom([block("10.10.0.2/32")], tcp(6443), sel({ app: "subresource-apiserver" })), {}, []],
    ["uploads on 8443", ingressFrom([block("10.10.0.2/32")], tcp(8443), sel({ app: "subresource-apiserver" })), {}, ["kf/system"]],
    ["by a port name that the webhook does not declare", ingressFrom(undefined, tcp("https-webhook"), sel({ app: "webhook" })), {}, ["kf/system"]],
  ] as const)("%s", (_what, spec, asked, deny) => expect(create(world, kf("p", spec as never), asked as never).deny).toEqual(deny));
  it("the API server is unset: neither flow is checked", () => {
    const w = clusterWithout(["Endpoints/default/kubernetes"]);
    expect(create(w, kf("p", { podSelector: {}, policyTypes: ["Ingress"] })).deny).toEqual([]);
    expect(create(w, kf("p", egressTo(undefined, [...both, ...tcp(988)], sel({ app: "webhook" })))).deny).toEqual([]);
    expect(create(w, kf("p", { podSelector: {}, policyTypes: ["Ingress"] }), api).deny).toEqual(["kf/system"]);
  });
  it("pods of kf are not held", () => {
    expect(create(cluster(kf("p", { podSelector: sel({ odd: "yes" }), policyTypes: ["Egress"] })), fresh("kf", { app: "controller", odd: "yes" }))).toMatchObject({ allowed: true });
  });
  it("other namespaces' controllers are nobody's", () => expect(create(world, np("shop", "p", { podSelector: sel({ app: "controller" }), policyTypes: ["Ingress"] })).deny).toEqual([]));
});
