import { describe, expect, test } from "vitest";
import { endpointOf } from "../../src/engine/endpoints.js";
import { reachability, type Reachability } from "../../src/engine/reachability.js";
import type { Endpoint } from "../../src/model/endpoint.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot, type Change } from "../../src/model/snapshot.js";
import { formatTraffic, trafficPoint } from "../../src/model/traffic.js";
import { readObjects } from "../../src/dialects/index.js";
import { adminPolicy, baselinePolicy, cluster, namespace, networkPolicy, node, pod, PODS_APART, PODS_BY_CIDR } from "./cluster.js";

function end(snapshot: Snapshot, text: string): Endpoint {
  const found = endpointOf(snapshot, /[/:]|^\d/.test(text) ? text : `default/${text}`);
  if (!found) throw new Error(`no such end: ${text}`);
  return found;
}

/** `a > b` as text. */
function between(reach: Reachability, question: string): string {
  const [src = "", dst = ""] = question.split(" > ");
  return formatTraffic(reach.reach(end(reach.snapshot, src), end(reach.snapshot, dst)));
}

function putAll(...objects: readonly KubeObject[]): Change[] {
  return readObjects(objects).changes;
}

const app = (value: string) => ({ matchLabels: { app: value } });
const [a, b] = [pod("a", { labels: { app: "a" }, ips: ["10.0.0.1"] }), pod("b", { labels: { app: "b" }, ips: ["10.0.0.2"], ports: [{ name: "web", containerPort: 8080 }] })];

describe("reachability", () => {
  test("gives whole sets of traffic, of both ends and of each", () => {
    const snapshot = cluster(a, b, networkPolicy("out", { podSelector: app("a"), policyTypes: ["Egress"], egress: [{ ports: [{ port: 80, endPort: 90 }] }] }), networkPolicy("in", { podSelector: app("b"), ingress: [{ ports: [{ port: 85 }, { protocol: "UDP" }] }] }));
    const reach = reachability(snapshot, PODS_BY_CIDR);
    const [src, dst] = [end(snapshot, "a"), end(snapshot, "b")];
    expect(formatTraffic(reach.reach(src, dst))).toBe("TCP 85");
    expect(formatTraffic(reach.egressOf(src, dst))).toBe("TCP 80-90");
    expect(formatTraffic(reach.ingressOf(src, dst))).toBe("TCP 85,UDP 1-65535");
    expect(reach.check({ src, dst, traffic: trafficPoint("TCP", 80) })).toEqual({ allowed: false, egressAllowed: true, ingressAllowed: false });
  });

  test("port names mean the destination's ports, at both ends", () => {
    const named = { ports: [{ port: "web" }] };
    const reach = reachability(cluster(a, b, networkPolicy("out", { podSelector: app("a"), policyTypes: ["Egress"], egress: [named] }), networkPolicy("in", { podSelector: app("b"), ingress: [named] })), PODS_BY_CIDR);
    expect(between(reach, "a > b")).toBe("TCP 8080");
    expect(between(reach, "a > 8.8.8.8")).toBe("No Connections");
    expect(between(reach, "b > a")).toBe("All Connections");
  });

  test("tiers: the first match decides, Pass leaves the tier, baseline comes last", () => {
    const objects = [
      a, b,
      adminPolicy("first", 1, { ingress: [{ action: "Deny", from: [{ namespaces: {} }], ports: [{ portNumber: { protocol: "TCP", port: 1 } }] }, { action: "Pass", from: [{ namespaces: {} }], ports: [{ portNumber: { protocol: "TCP", port: 2 } }] }] }),
      adminPolicy("second", 2, { ingress: [{ action: "Allow", from: [{ namespaces: {} }], ports: [{ portRange: { protocol: "TCP", start: 1, end: 3 } }] }] }),
      baselinePolicy({ ingress: [{ action: "Deny", from: [{ namespaces: {} }] }] }),
    ];
    expect(between(reachability(cluster(...objects), PODS_APART), "a > b")).toBe("TCP 3");
  });

  test("policies of one priority that disagree: the worst case", () => {
    const rule = (action: string) => ({ ingress: [{ action, from: [{ namespaces: {} }], ports: [{ portNumber: { protocol: "TCP", port: 80 } }] }] });
    const reach = reachability(cluster(a, b, adminPolicy("one", 5, rule("Allow")), adminPolicy("other", 5, rule("Deny"))), PODS_APART);
    expect(between(reach, "a > b")).not.toContain("80,");
    expect(between(reach, "a > b")).toContain("TCP 1-79,81-65535");
  });

  test("policies of one priority, one accepts, one passes on to a denial: the worst case", () => {
    const rule = (action: string) => ({ ingress: [{ action, from: [{ namespaces: {} }] }] });
    const tied = [adminPolicy("one", 5, rule("Allow")), adminPolicy("other", 5, rule("Pass"))];
    expect(between(reachability(cluster(a, b, ...tied), PODS_APART), "a > b")).toBe("All Connections");
    expect(between(reachability(cluster(a, b, ...tied, baselinePolicy(rule("Deny"))), PODS_APART), "a > b")).toBe("No Connections");
  });

  test("self traffic, the own node and hostNetwork pods are beyond policies", () => {
    const objects = [pod("a", { ips: ["10.0.0.1"], spec: { nodeName: "n1" } }), pod("host", { ips: ["192.168.0.1"], spec: { nodeName: "n1", hostNetwork: true } }), node("n1", "192.168.0.1"), node("n2", "192.168.0.2"), networkPolicy("shut", { policyTypes: ["Ingress", "Egress"] })];
    const reach = reachability(cluster(...objects), PODS_BY_CIDR);
    expect(["a > a", "192.168.0.1 > a", "host > a", "host > 192.168.0.2"].map((question) => between(reach, question))).toEqual(Array(4).fill("All Connections"));
    expect(["192.168.0.2 > a", "a > 192.168.0.1", "a > host"].map((question) => between(reach, question))).toEqual(Array(3).fill("No Connections"));
  });

  test("addresses count by family: one that both ends have in common", () => {
    const dual = pod("dual", { ips: ["10.0.0.9", "fd00::9"] });
    const only6 = networkPolicy("p", { policyTypes: ["Ingress"], ingress: [{ from: [{ ipBlock: { cidr: "fd00::/8" } }] }] });
    const reach = reachability(cluster(dual, pod("x/four", { ips: ["10.1.0.1"] }), pod("x/six", { ips: ["fd00::2"] }), pod("x/both", { ips: ["10.1.0.3", "fd00::3"] }), only6), PODS_BY_CIDR);
    expect(["x/four > dual", "x/six > dual", "x/both > dual"].map((question) => between(reach, question))).toEqual(["No Connections", "All Connections", "All Connections"]);
  });
});

describe("an evaluator made from an earlier one", () => {
  const base = cluster(namespace("default"), a, b, networkPolicy("in", { podSelector: app("b"), ingress: [{ from: [{ podSelector: app("a") }] }] }));

  function after(...changes: readonly Change[]): { readonly from: Reachability; readonly next: Reachability } {
    const from = reachability(base, PODS_BY_CIDR);
    between(from, "a > b");
    return { from, next: reachability(base.with(changes), PODS_BY_CIDR, from) };
  }

  test("sees a policy that reads a label no policy read before", () => {
    const { from, next } = after(...putAll(pod("c", { labels: { app: "a", tier: "x" } }), networkPolicy("in", { podSelector: app("b"), ingress: [{ from: [{ podSelector: { matchLabels: { tier: "x" } } }] }] })));
    expect([between(next, "c > b"), between(next, "a > b")]).toEqual(["All Connections", "No Connections"]);
    expect(between(from, "a > b")).toBe("All Connections");
  });

  test("sees a block of addresses that no policy named before", () => {
    const { next } = after(...putAll(networkPolicy("in", { podSelector: app("b"), ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.1/32" } }] }] }), pod("c", { ips: ["10.0.0.3"] })));
    expect([between(next, "a > b"), between(next, "c > b")]).toEqual(["All Connections", "No Connections"]);
  });

  test("sees a namespace that is labelled anew", () => {
    const policy = networkPolicy("in", { podSelector: app("b"), ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "red" } } }] }] });
    const { next } = after(...putAll(policy));
    const red = reachability(next.snapshot.with(putAll(namespace("default", { team: "red" }))), PODS_BY_CIDR, next);
    expect([between(next, "a > b"), between(red, "a > b")]).toEqual(["No Connections", "All Connections"]);
  });

  test("sees a policy that is gone, and a port that a pod declares anew", () => {
    const { next } = after({ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "default", name: "in" } });
    expect(between(next, "8.8.8.8 > b")).toBe("All Connections");
    const named = putAll(networkPolicy("in", { podSelector: app("b"), ingress: [{ ports: [{ port: "web" }] }] }));
    const one = reachability(base.with(named), PODS_BY_CIDR, next);
    const two = reachability(one.snapshot.with(putAll(pod("b", { labels: { app: "b" }, ports: [{ name: "web", containerPort: 9090 }] }))), PODS_BY_CIDR, one);
    expect([between(one, "a > b"), between(two, "a > b")]).toEqual(["TCP 8080", "TCP 9090"]);
  });

  test("does not share its work with one of another profile", () => {
    const { from } = after();
    expect(reachability(base, PODS_APART, from).index).not.toBe(from.index);
    expect(reachability(base, PODS_BY_CIDR, from).index).toBe(from.index);
  });
});
