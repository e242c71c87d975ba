import { describe, expect, test } from "vitest";
import { endpointOf } from "../../src/engine/endpoints.js";
import { evaluate, evaluateEnd } from "../../src/engine/evaluate.js";
import type { Policy, PolicyRule, Tier } from "../../src/model/policy.js";
import { trafficPoint } from "../../src/model/traffic.js";
import { parseAddress } from "../../src/sets/ip-set.js";
import { adminPolicy, allows, ask, baselinePolicy, cluster, clusterPolicy, networkPolicy, node, pod, PODS_BY_CIDR } from "./cluster.js";

const a = pod("a", { labels: { app: "a" }, ips: ["10.0.0.1"] });
const b = pod("b", { labels: { app: "b" }, ips: ["10.0.0.2"] });
const from = [{ namespaces: {} }];
const to = from;

describe("tiers", () => {
  test("Pass of an AdminNetworkPolicy skips the remaining ones, not the NetworkPolicies", () => {
    const pass = adminPolicy("pass", 1, { ingress: [{ action: "Pass", from }] });
    const deny = adminPolicy("deny", 2, { ingress: [{ action: "Deny", from }] });
    expect(allows(cluster(a, b, pass, deny), "a > b")).toBe(true);
    expect(ask(cluster(a, b, pass, deny, networkPolicy("p", {})), "a > b").ingress.reason).toBe("isolated");
  });

  test("a NetworkPolicy decides before the baseline, also when it allows", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ingress: [{}] }), baselinePolicy({ ingress: [{ action: "Deny", from }] }));
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: true, decidedBy: { policy: { ref: { kind: "NetworkPolicy" } } } });
  });

  test("Accept at the source does not open the destination", () => {
    const snapshot = cluster(a, b, clusterPolicy("x", { tier: "Admin", priority: 1 }, { egress: [{ action: "Accept", to }] }), networkPolicy("p", { podSelector: { matchLabels: { app: "b" } } }));
    expect(ask(snapshot, "a > b")).toMatchObject({ allowed: false, egress: { allowed: true, reason: "rule" }, ingress: { reason: "isolated" } });
  });

  test("a rule without a match leaves the decision to the next policy", () => {
    const web = [{ portNumber: { port: 443 } }];
    const snapshot = cluster(a, b, adminPolicy("x", 1, { ingress: [{ action: "Allow", from, ports: web }] }), adminPolicy("y", 2, { ingress: [{ action: "Deny", from }] }));
    expect([allows(snapshot, "a > b TCP 443"), allows(snapshot, "a > b TCP 80")]).toEqual([true, false]);
  });
});

/** What no dialect writes yet: tiers with a default, Log rules, conditions. */
describe("the normal form", () => {
  const tier: Tier = { name: "platform", order: 500, defaultAction: "Deny" };
  const [template] = cluster(networkPolicy("p", { podSelector: {}, ingress: [{}] })).policies();
  const rule = (template as Policy).rules.ingress[0] as PolicyRule;

  function decide(change: Partial<Policy>, ...rules: PolicyRule[]) {
    const policy = { ...(template as Policy), tier, isolates: { ingress: true, egress: false }, rules: { ingress: rules, egress: [] }, ...change };
    return ask(cluster(a, b).with([{ put: { fact: "policy", value: policy } }]), "a > b").ingress;
  }

  test("Log goes on to the next rule", () => {
    expect(decide({}, { ...rule, action: "Log" }, { ...rule, action: "Deny", path: "spec.ingress[1]" })).toMatchObject({ allowed: false, decidedBy: { rule: { path: "spec.ingress[1]" } } });
  });

  test("a tier that isolates and matches nothing applies its default", () => {
    expect(decide({})).toMatchObject({ allowed: false, reason: "isolated", isolatedBy: [{ ref: { name: "p" } }] });
    expect(decide({ tier: { ...tier, defaultAction: "Pass" } })).toMatchObject({ allowed: true, reason: "default" });
  });

  test("Pass leaves a tier whose default is Deny", () => {
    expect(decide({}, { ...rule, action: "Pass" })).toMatchObject({ allowed: true, reason: "default" });
  });

  test("what is allowed under a condition says so", () => {
    expect(decide({}, { ...rule, conditional: "http" })).toMatchObject({ allowed: true, conditional: "http" });
  });
});

describe("peers", () => {
  test("nodes are matched by label and address, and by their hostNetwork pods", () => {
    const host = pod("host", { spec: { hostNetwork: true, nodeName: "n1" }, ips: ["192.168.0.1"] });
    const egress = [{ action: "Deny", to: [{ nodes: { matchLabels: { pool: "x" } } }] }];
    const snapshot = cluster(a, host, node("n1", "192.168.0.1", { pool: "x" }), node("n2", "192.168.0.2"), adminPolicy("p", 1, { egress }));
    expect(["192.168.0.1", "host", "192.168.0.2", "192.168.0.3"].filter((dst) => allows(snapshot, `a > ${dst}`))).toEqual(["192.168.0.2", "192.168.0.3"]);
  });

  test("egress to the pod's own node is judged like any other", () => {
    const own = pod("own", { spec: { nodeName: "n1" } });
    const snapshot = cluster(own, node("n1", "192.168.0.1"), networkPolicy("p", { policyTypes: ["Egress"] }));
    expect(ask(snapshot, "own > 192.168.0.1").egress.reason).toBe("isolated");
  });

  test("domain names match no pod and no address", () => {
    const accept = clusterPolicy("x", { tier: "Admin", priority: 1 }, { egress: [{ action: "Accept", to: [{ domainNames: ["example.com"] }] }] });
    const snapshot = cluster(a, b, accept, networkPolicy("p", { policyTypes: ["Egress"] }));
    for (const dst of ["b", "8.8.8.8"]) expect(allows(snapshot, `a > ${dst}`)).toBe(false);
  });

  test("a port name without a protocol has the protocol of the pod's port", () => {
    const dns = pod("dns", { ports: [{ name: "dns", containerPort: 53, protocol: "UDP" }] });
    const snapshot = cluster(a, dns, adminPolicy("p", 1, { ingress: [{ action: "Deny", from, ports: [{ namedPort: "dns" }] }] }));
    expect([allows(snapshot, "a > dns UDP 53"), allows(snapshot, "a > dns TCP 53")]).toEqual([false, true]);
  });

  test("policies of other namespaces select no pod here", () => {
    expect(allows(cluster(a, b, networkPolicy("other/p", {})), "a > b")).toBe(true);
  });
});

describe("endpoints", () => {
  const snapshot = cluster(a, pod("done", { ips: ["10.0.0.9"], phase: "Succeeded" }), pod("host", { ips: ["192.168.0.1"], spec: { hostNetwork: true } }), pod("twin/z", { ips: ["10.0.0.1"] }));

  test.each([
    ["default/a", { kind: "pod", pod: { name: "a" } }],
    ["10.0.0.1", { kind: "pod", pod: { name: "a", namespace: "default" }, address: parseAddress("10.0.0.1") }],
    ["default/done", { kind: "pod", pod: { name: "done" } }],
    ["10.0.0.9", { kind: "address" }],
    ["192.168.0.1", { kind: "address" }],
    ["2001:db8::1", { kind: "address", address: parseAddress("2001:db8::1") }],
  ])("%s", (text, endpoint) => {
    expect(endpointOf(snapshot, text)).toMatchObject(endpoint);
  });

  test.each(["default/none", "a", "default/a/b", "10.0.0.256", "", "/"])("`%s` is none", (text) => {
    expect(endpointOf(snapshot, text)).toBeUndefined();
  });
});

test("one end can be asked about by itself", () => {
  const snapshot = cluster(a, b, networkPolicy("p", { podSelector: { matchLabels: { app: "b" } } }));
  const [src, dst] = [endpointOf(snapshot, "default/a"), endpointOf(snapshot, "default/b")];
  if (!src || !dst) throw new Error("no pods");
  const connection = { src, dst, traffic: trafficPoint("TCP", 80) };
  expect(evaluateEnd(snapshot, connection, { ...PODS_BY_CIDR, direction: "ingress" })).toEqual(evaluate(snapshot, connection, PODS_BY_CIDR).ingress);
  expect(evaluateEnd(snapshot, connection, { ...PODS_BY_CIDR, direction: "egress" }).allowed).toBe(true);
});
