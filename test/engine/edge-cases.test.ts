import { describe, expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import {
  adminPolicy, allows, ask, baselinePolicy, cluster, clusterPolicy, connections, namespace, networkPolicy, node, pod, PODS_APART, PODS_BY_CIDR,
} from "./cluster.js";

/** The edge-case checklist of the specification notes; each test's name begins with its number there. */

const a = pod("a", { labels: { app: "a" }, ips: ["10.0.0.1"] });
const b = pod("b", { labels: { app: "b" }, ips: ["10.0.0.2"] });
const other = pod("other/c", { labels: { app: "a" }, ips: ["10.0.1.1"] });
const app = (name: string) => ({ podSelector: { matchLabels: { app: name } } });
const ALL = { namespaces: {} };

describe("NetworkPolicy", () => {
  test("1 policyTypes, ingress and egress absent: ingress is isolated, egress is not", () => {
    const snapshot = cluster(a, b, networkPolicy("p", app("b")));
    expect(allows(snapshot, "a > b")).toBe(false);
    expect(allows(snapshot, "b > a")).toBe(true);
  });

  test("2 policyTypes absent, egress present and empty: ingress only", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), egress: [] }));
    expect(allows(snapshot, "a > b")).toBe(false);
    expect(allows(snapshot, "b > a")).toBe(true);
  });

  test("3 policyTypes absent, egress: [{}]: both, egress all allowed", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), egress: [{}] }));
    expect(allows(snapshot, "a > b")).toBe(false);
    expect(ask(snapshot, "b > a").egress).toMatchObject({ allowed: true, reason: "rule" });
  });

  test("4 policyTypes [Egress] and ingress rules: they are inert", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), policyTypes: ["Egress"], ingress: [{ ports: [{ port: 1 }] }] }));
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: true, reason: "default" });
    expect(allows(snapshot, "b > a")).toBe(false);
  });

  test.each([[[]], [null], [undefined]])("5 ingress %j: nothing is allowed in", (ingress) => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), ingress }));
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: false, reason: "isolated" });
  });

  test.each([{ from: [] }, { from: null }, {}])("6 ingress rule %j: all sources", (rule) => {
    const snapshot = cluster(a, b, other, networkPolicy("p", { ...app("b"), ingress: [rule] }));
    for (const src of ["a", "other/c", "8.8.8.8", "2001:db8::1"]) expect(allows(snapshot, `${src} > b`), src).toBe(true);
  });

  test.each([{ ports: [] }, { ports: null }, {}])("7 ingress rule %j: all ports and protocols", (rule) => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), ingress: [rule] }));
    for (const port of ["TCP 1", "UDP 65535", "SCTP 80", "ICMP"]) expect(allows(snapshot, `a > b ${port}`), port).toBe(true);
  });

  test("8 ports: [{}]: every TCP port, nothing else", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), ingress: [{ ports: [{}] }] }));
    expect(["TCP 1", "TCP 65535", "UDP 53", "SCTP 80", "ICMP"].filter((port) => allows(snapshot, `a > b ${port}`))).toEqual(["TCP 1", "TCP 65535"]);
  });

  test("9 ports: [{protocol: UDP}]: UDP 1 to 65535", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), ingress: [{ ports: [{ protocol: "UDP" }] }] }));
    expect(["TCP 80", "UDP 1", "UDP 65535", "SCTP 80"].filter((port) => allows(snapshot, `a > b ${port}`))).toEqual(["UDP 1", "UDP 65535"]);
  });

  test("10 endPort equal to port and endPort 65535: one port; an inclusive range", () => {
    const ports = [{ port: 80, endPort: 80 }, { port: 65000, endPort: 65535 }];
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), ingress: [{ ports }] }));
    const asked = ["TCP 79", "TCP 80", "TCP 81", "TCP 64999", "TCP 65000", "TCP 65535"];
    expect(asked.filter((port) => allows(snapshot, `a > b ${port}`))).toEqual(["TCP 80", "TCP 65000", "TCP 65535"]);
  });

  test("11 a port name resolves on each pod, with its protocol", () => {
    const http = (name: string, ports: readonly Record<string, unknown>[]) => pod(name, { labels: { web: "yes" }, ports });
    const snapshot = cluster(
      a,
      http("w80", [{ name: "http", containerPort: 80 }]),
      http("w8080", [{ name: "http", containerPort: 8080 }]),
      http("wnone", [{ containerPort: 80 }]),
      http("wudp", [{ name: "http", containerPort: 80, protocol: "UDP" }]),
      networkPolicy("p", { podSelector: { matchLabels: { web: "yes" } }, ingress: [{ ports: [{ port: "http" }] }] }),
    );
    const asked = ["w80", "w8080", "wnone", "wudp"].flatMap((to) => ["TCP 80", "TCP 8080", "UDP 80"].map((port) => `a > ${to} ${port}`));
    expect(asked.filter((question) => allows(snapshot, question))).toEqual(["a > w80 TCP 80", "a > w8080 TCP 8080"]);
  });

  test("12 a port name in an egress rule resolves on the peer, not on the subject", () => {
    const named = (name: string, port: number) => pod(name, { labels: { app: name }, ports: [{ name: "http", containerPort: port }] });
    const snapshot = cluster(named("a", 80), named("b", 8080), networkPolicy("p", { ...app("a"), egress: [{ to: [app("b")], ports: [{ port: "http" }] }] }));
    expect(allows(snapshot, "a > b TCP 8080")).toBe(true);
    expect(allows(snapshot, "a > b TCP 80")).toBe(false);
  });

  test("13 a port name towards an ipBlock: nothing matches for that pair", () => {
    const web = pod("web", { ips: ["10.0.0.9"], ports: [{ name: "http", containerPort: 80 }] });
    const to = [{ ipBlock: { cidr: "10.0.0.0/8" } }];
    const snapshot = cluster(a, web, networkPolicy("p", { ...app("a"), egress: [{ to, ports: [{ port: "http" }] }] }));
    expect(allows(snapshot, "a > web")).toBe(false);
    expect(allows(snapshot, "a > 10.9.9.9")).toBe(false);
    const number = cluster(a, web, networkPolicy("p", { ...app("a"), egress: [{ to, ports: [{ port: 80 }] }] }));
    expect(allows(number, "a > web")).toBe(true);
    const inward = cluster(a, web, networkPolicy("p", { ingress: [{ from: to, ports: [{ port: "http" }] }] }));
    expect(allows(inward, "10.9.9.9 > web"), "from an ipBlock the name is the subject's own").toBe(true);
  });

  test("14 two containers share a port name: the union of both", () => {
    const spec = { containers: [80, 81].map((containerPort) => ({ name: `c${containerPort}`, ports: [{ name: "http", containerPort }] })) };
    const snapshot = cluster(a, pod("web", { spec }), networkPolicy("p", { ingress: [{ ports: [{ port: "http" }] }] }));
    expect(["TCP 80", "TCP 81", "TCP 82"].filter((port) => allows(snapshot, `a > web ${port}`))).toEqual(["TCP 80", "TCP 81"]);
  });

  test("14 a sidecar's port name counts, an ordinary init container's does not", () => {
    const ports = [{ name: "http", containerPort: 80 }];
    const withInit = (name: string, init: Record<string, unknown>) => pod(name, { spec: { containers: [], initContainers: [{ name: "i", ports, ...init }] } });
    const policy = networkPolicy("p", { ingress: [{ ports: [{ port: "http" }] }] });
    const snapshot = cluster(a, withInit("side", { restartPolicy: "Always" }), withInit("init", {}), policy);
    expect(allows(snapshot, "a > side")).toBe(true);
    expect(allows(snapshot, "a > init")).toBe(false);
  });

  test("15 podSelector {} without namespaceSelector: own namespace only", () => {
    const snapshot = cluster(a, b, other, networkPolicy("p", { ...app("b"), ingress: [{ from: [{ podSelector: {} }] }] }));
    expect(allows(snapshot, "a > b")).toBe(true);
    expect(allows(snapshot, "other/c > b")).toBe(false);
  });

  test("16 namespaceSelector {} without podSelector: every namespace, no address", () => {
    const snapshot = cluster(a, b, other, networkPolicy("p", { ...app("b"), ingress: [{ from: [{ namespaceSelector: {} }] }] }));
    expect(["a", "other/c", "8.8.8.8"].filter((src) => allows(snapshot, `${src} > b`))).toEqual(["a", "other/c"]);
  });

  test("17 both selectors in one item: AND; in two items: OR", () => {
    const selectors = [{ namespaceSelector: { matchLabels: { team: "x" } } }, app("a")];
    const objects = [a, b, other, pod("other/d", { labels: { app: "d" } }), namespace("other", { team: "x" })];
    const sources = (from: readonly object[]) => {
      const snapshot = cluster(...objects, networkPolicy("p", { ...app("b"), ingress: [{ from }] }));
      return ["a", "other/c", "other/d"].filter((src) => allows(snapshot, `${src} > b`));
    };
    expect(sources([{ ...selectors[0], ...selectors[1] }])).toEqual(["other/c"]);
    expect(sources(selectors)).toEqual(["a", "other/c", "other/d"]);
  });

  test.each([
    [{ key: "gone", operator: "NotIn", values: ["x"] }, true],
    [{ key: "gone", operator: "DoesNotExist" }, true],
    [{ key: "gone", operator: "In", values: ["x"] }, false],
    [{ key: "gone", operator: "Exists" }, false],
  ])("18 %j on a pod without the key", (expression, matches) => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), ingress: [{ from: [{ podSelector: { matchExpressions: [expression] } }] }] }));
    expect(allows(snapshot, "a > b")).toBe(matches);
  });

  test("19 duplicate values count once; a contradiction selects nothing", () => {
    const twice = { matchExpressions: [{ key: "app", operator: "In", values: ["b", "b"] }] };
    const never = { matchLabels: { app: "b" }, matchExpressions: [{ key: "app", operator: "In", values: ["c"] }] };
    expect(allows(cluster(a, b, networkPolicy("p", { podSelector: twice })), "a > b")).toBe(false);
    expect(allows(cluster(a, b, networkPolicy("p", { podSelector: never })), "a > b")).toBe(true);
  });

  test("20 a namespace without an object has its name as label", () => {
    const from = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "other" } } }];
    const snapshot = cluster(a, b, other, networkPolicy("p", { ...app("b"), ingress: [{ from }] }));
    expect(["a", "other/c"].filter((src) => allows(snapshot, `${src} > b`))).toEqual(["other/c"]);
  });

  test("21 ipBlock 0.0.0.0/0 and pods: as the profile says", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("a"), egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0" } }] }] }));
    expect(allows(snapshot, "a > b", { profile: PODS_BY_CIDR })).toBe(true);
    expect(allows(snapshot, "a > b", { profile: PODS_APART })).toBe(false);
    for (const profile of [PODS_BY_CIDR, PODS_APART]) expect(allows(snapshot, "a > 8.8.8.8", { profile })).toBe(true);
  });

  test("22 an except is allowed again by a second item", () => {
    const cidr = "10.0.0.0/8";
    const except = { ipBlock: { cidr, except: ["10.1.0.0/16"] } };
    const reach = (to: readonly object[]) => allows(cluster(a, networkPolicy("p", { egress: [{ to }] })), "a > 10.1.2.3");
    expect(reach([except])).toBe(false);
    expect(reach([except, { ipBlock: { cidr: "10.1.2.0/24" } }])).toBe(true);
  });

  test("23 ipBlock ::/0 and pods with IPv4 only: no match", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("a"), egress: [{ to: [{ ipBlock: { cidr: "::/0" } }] }] }));
    expect(allows(snapshot, "a > b")).toBe(false);
    expect(allows(snapshot, "a > 8.8.8.8")).toBe(false);
    expect(allows(snapshot, "a > 2001:db8::1")).toBe(true);
  });

  test("24 host bits of a cidr are masked", () => {
    const snapshot = cluster(a, networkPolicy("p", { egress: [{ to: [{ ipBlock: { cidr: "10.1.2.3/8" } }] }] }));
    expect(allows(snapshot, "a > 10.200.0.1")).toBe(true);
    expect(allows(snapshot, "a > 11.0.0.1")).toBe(false);
  });

  test("25 two addresses: a match in one family allows that family's traffic", () => {
    const two = (name: string, end: number) => pod(name, { labels: { app: name }, ips: [`10.0.0.${end}`, `fd00::${end}`] });
    const to = [{ ipBlock: { cidr: "fd00::/64" } }];
    const snapshot = cluster(two("a", 1), two("b", 2), networkPolicy("p", { ...app("a"), egress: [{ to }] }));
    expect(allows(snapshot, "a > b")).toBe(true);
    expect(allows(snapshot, "a > fd00::2")).toBe(true);
    expect(allows(snapshot, "a > 10.0.0.2")).toBe(false);
  });

  test("25 two addresses: families do not mix between the ends", () => {
    const two = (name: string, end: number) => pod(name, { labels: { app: name }, ips: [`10.0.0.${end}`, `fd00::${end}`] });
    const egress = networkPolicy("out", { ...app("a"), policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "fd00::/64" } }] }] });
    const ingress = networkPolicy("in", { ...app("b"), ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] });
    expect(allows(cluster(two("a", 1), two("b", 2), egress, ingress), "a > b")).toBe(false);
  });

  test("26 from the pod's own node: always allowed", () => {
    const onNode = pod("b", { spec: { nodeName: "n1" } });
    const kubelet = pod("agent", { spec: { hostNetwork: true, nodeName: "n1" }, ips: ["192.168.0.1"] });
    const snapshot = cluster(onNode, kubelet, node("n1", "192.168.0.1"), node("n2", "192.168.0.2"), networkPolicy("p", {}));
    expect(ask(snapshot, "192.168.0.1 > b").ingress).toMatchObject({ allowed: true, reason: "local-node" });
    expect(ask(snapshot, "agent > b").ingress).toMatchObject({ allowed: true, reason: "local-node" });
    expect(allows(snapshot, "192.168.0.2 > b")).toBe(false);
  });

  test("27 a pod to itself is allowed; through a Service a ClusterNetworkPolicy may deny it", () => {
    const denied = clusterPolicy("deny", { tier: "Admin", priority: 1 }, { ingress: [{ action: "Deny", from: [ALL] }] });
    const snapshot = cluster(a, networkPolicy("p", {}), denied);
    expect(ask(snapshot, "a > a")).toMatchObject({ allowed: true, ingress: { reason: "self" }, egress: { reason: "self" } });
    expect(allows(snapshot, "a > a", { hairpin: true })).toBe(false);
    expect(allows(cluster(a, networkPolicy("p", {})), "a > a", { hairpin: true })).toBe(true);
  });

  test("28 a hostNetwork pod is no subject and no pod peer; its node's address is matched", () => {
    const host = pod("host", { labels: { app: "host" }, spec: { hostNetwork: true, nodeName: "n2" }, ips: ["192.168.0.2"] });
    const objects = [a, host, node("n2", "192.168.0.2")];
    expect(ask(cluster(...objects, networkPolicy("p", { ingress: [] })), "a > host").ingress).toMatchObject({ allowed: true, reason: "not-a-subject" });
    const from = (peer: object) => allows(cluster(...objects, networkPolicy("p", { ...app("a"), ingress: [{ from: [peer] }] })), "host > a");
    expect(from(app("host"))).toBe(false);
    expect(from({ namespaceSelector: {} })).toBe(false);
    expect(from({ ipBlock: { cidr: "192.168.0.2/32" } })).toBe(true);
    const apart = cluster(...objects, networkPolicy("p", { ...app("a"), ingress: [{ from: [{ ipBlock: { cidr: "192.168.0.2/32" } }] }] }));
    expect(allows(apart, "host > a", { profile: PODS_APART }), "a node is no pod: the profile does not matter").toBe(true);
  });

  test.each(["Succeeded", "Failed"])("29 a %s pod whose address is used again is ignored", (phase) => {
    const done = pod("done", { labels: { app: "done" }, ips: ["10.0.0.1"], phase });
    const snapshot = cluster(done, a, b, networkPolicy("p", { ...app("b"), ingress: [{ from: [app("done")] }] }));
    expect(allows(snapshot, "10.0.0.1 > b")).toBe(false);
    expect(allows(snapshot, "done > b")).toBe(false);
    expect(ask(cluster(done, b, networkPolicy("q", { ...app("done") })), "b > done").ingress.reason).toBe("not-a-subject");
  });

  test("30 a pod without an address: labels match it, no ipBlock does", () => {
    const pending = pod("b", { labels: { app: "b" }, phase: "Pending" });
    const reach = (peer: object) => allows(cluster(a, pending, networkPolicy("p", { ...app("a"), egress: [{ to: [peer] }] })), "a > b");
    expect(reach(app("b"))).toBe(true);
    expect(reach({ ipBlock: { cidr: "0.0.0.0/0" } })).toBe(false);
  });

  test("31 a verdict is for the connection's first packet: replies are not asked about", () => {
    const snapshot = cluster(a, b, networkPolicy("p", { ...app("b"), policyTypes: ["Ingress", "Egress"], ingress: [{ from: [app("a")] }] }));
    for (const port of ["TCP 80", "UDP 53"]) expect(allows(snapshot, `a > b ${port}`)).toBe(true);
    expect(allows(snapshot, "b > a")).toBe(false);
  });

  test("32 one policy without rules, one that allows: allowed", () => {
    const snapshot = cluster(a, b, networkPolicy("none", app("b")), networkPolicy("some", { ...app("b"), ingress: [{ from: [app("a")] }] }));
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: true, decidedBy: { policy: { ref: { name: "some" } }, rule: { path: "spec.ingress[0]" } } });
  });

  test("33 egress allowed, ingress denied: the ingress side is named", () => {
    const snapshot = cluster(a, b, networkPolicy("deny-in", app("b")));
    expect(ask(snapshot, "a > b")).toMatchObject({
      allowed: false,
      egress: { allowed: true },
      ingress: { allowed: false, reason: "isolated", isolatedBy: [{ ref: { name: "deny-in" } }] },
    });
  });

  test("34 a namespace's labels change: its pods become peers, or stop being peers", () => {
    const policy = networkPolicy("p", { ...app("b"), ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "x" } } }] }] });
    const before = cluster(b, other, namespace("other"), policy);
    const after = before.with(readObjects([namespace("other", { team: "x" })]).changes);
    expect(allows(before, "other/c > b")).toBe(false);
    expect(allows(after, "other/c > b")).toBe(true);
  });

  test("35 deleting the only policy opens everything it closed", () => {
    const before = cluster(a, b, networkPolicy("p", app("b")));
    const after = before.with([{ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "default", name: "p" } }]);
    const opened = connections(after).filter((connection) => !connections(before).includes(connection));
    expect(opened).toEqual(["default/a > default/b TCP 80", "default/a > default/b UDP 53", "default/a > default/b ICMP"]);
  });

  test("36 the first policy of a namespace closes all it does not list, DNS too", () => {
    const dns = pod("kube-system/dns", { labels: { "k8s-app": "kube-dns" } });
    const before = cluster(a, b, dns);
    const after = before.with(readObjects([networkPolicy("p", { ...app("a"), policyTypes: ["Egress"], egress: [{ to: [app("b")] }] })]).changes);
    const closed = connections(before).filter((connection) => !connections(after).includes(connection));
    expect(closed).toEqual(["default/a > kube-system/dns TCP 80", "default/a > kube-system/dns UDP 53", "default/a > kube-system/dns ICMP"]);
  });
});

describe("AdminNetworkPolicy and BaselineAdminNetworkPolicy", () => {
  const denyIn = networkPolicy("deny", {});
  const rule = (action: string, more: object = {}) => ({ action, from: [ALL], ...more });

  test("37 ANP Allow, then NetworkPolicy deny: allowed", () => {
    expect(allows(cluster(a, b, denyIn, adminPolicy("p", 1, { ingress: [rule("Allow")] })), "a > b")).toBe(true);
  });

  test("38 ANP Pass, no NetworkPolicy, BANP Deny: denied", () => {
    const snapshot = cluster(a, b, adminPolicy("p", 1, { ingress: [rule("Pass")] }), baselinePolicy({ ingress: [rule("Deny")] }));
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: false, decidedBy: { policy: { ref: { kind: "BaselineAdminNetworkPolicy" } } } });
  });

  test("39 ANP Deny of port 80, NetworkPolicy allows all: all but 80", () => {
    const ports = [{ portNumber: { protocol: "TCP", port: 80 } }];
    const snapshot = cluster(a, b, networkPolicy("all", { ingress: [{}] }), adminPolicy("p", 1, { ingress: [rule("Deny", { ports })] }));
    expect(["TCP 80", "TCP 81", "UDP 80"].filter((port) => allows(snapshot, `a > b ${port}`))).toEqual(["TCP 81", "UDP 80"]);
  });

  test("40 the order of rules and of priorities decides", () => {
    const swap = (rules: readonly string[]) => allows(cluster(a, b, adminPolicy("p", 1, { ingress: rules.map((action) => rule(action)) })), "a > b");
    expect([swap(["Allow", "Deny"]), swap(["Deny", "Allow"])]).toEqual([true, false]);
    const priorities = (allow: number, deny: number) =>
      allows(cluster(a, b, adminPolicy("x", allow, { ingress: [rule("Allow")] }), adminPolicy("y", deny, { ingress: [rule("Deny")] })), "a > b");
    expect([priorities(1, 2), priorities(2, 1)]).toEqual([true, false]);
  });

  test("41 same priority, opposite actions: ambiguous, judged by the worst case", () => {
    const pair = (first: string, second: string) =>
      ask(cluster(a, b, adminPolicy("x", 5, { ingress: [rule(first)] }), adminPolicy("y", 5, { ingress: [rule(second)] })), "a > b").ingress;
    expect(pair("Allow", "Deny")).toMatchObject({ allowed: false, ambiguous: true });
    expect(pair("Deny", "Allow")).toMatchObject({ allowed: false, ambiguous: true });
    expect(pair("Deny", "Deny")).toMatchObject({ allowed: false, ambiguous: false });
    expect(pair("Allow", "Pass"), "what Pass leads to is the same").toMatchObject({ allowed: true, ambiguous: false });
  });

  test("41 same priority, Allow and Pass before a NetworkPolicy that denies: ambiguous", () => {
    const snapshot = cluster(a, b, denyIn, adminPolicy("x", 5, { ingress: [rule("Allow")] }), adminPolicy("y", 5, { ingress: [rule("Pass")] }));
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: false, ambiguous: true, reason: "isolated" });
  });

  test("42 networks 0.0.0.0/0 Deny after namespaces Allow: pods outside of the list are denied too", () => {
    const egress = [
      { action: "Allow", to: [{ namespaces: { matchLabels: { "kubernetes.io/metadata.name": "default" } } }] },
      { action: "Deny", to: [{ networks: ["0.0.0.0/0"] }] },
    ];
    const snapshot = cluster(a, b, other, adminPolicy("p", 1, { egress }));
    expect(["b", "other/c", "8.8.8.8"].filter((dst) => allows(snapshot, `a > ${dst}`))).toEqual(["b"]);
    expect(["b", "other/c", "8.8.8.8"].filter((dst) => allows(snapshot, `a > ${dst}`, { profile: PODS_APART }))).toEqual(["b", "other/c"]);
  });
});

describe("ClusterNetworkPolicy", () => {
  const from = [ALL];
  const admin = { tier: "Admin", priority: 1 };
  const baseline = (priority: number) => ({ tier: "Baseline", priority });

  test("43 several Baseline policies: by priority", () => {
    const order = (accept: number, deny: number) =>
      allows(
        cluster(
          a, b,
          clusterPolicy("x", baseline(accept), { ingress: [{ action: "Accept", from }] }),
          clusterPolicy("y", baseline(deny), { ingress: [{ action: "Deny", from }] }),
        ),
        "a > b",
      );
    expect([order(1, 2), order(2, 1)]).toEqual([true, false]);
  });

  test("44 Pass in Baseline: the default, allow", () => {
    const snapshot = cluster(
      a, b,
      clusterPolicy("x", baseline(1), { ingress: [{ action: "Pass", from }] }),
      clusterPolicy("y", baseline(2), { ingress: [{ action: "Deny", from }] }),
    );
    expect(ask(snapshot, "a > b").ingress).toMatchObject({ allowed: true, reason: "default" });
  });

  test("45 a rule without protocols matches ICMP too, one with protocols does not", () => {
    const deny = (more: object) => cluster(a, b, clusterPolicy("x", admin, { ingress: [{ action: "Deny", from, ...more }] }));
    expect(allows(deny({}), "a > b ICMP")).toBe(false);
    expect(allows(deny({ protocols: [{ tcp: { destinationPort: { number: 80 } } }] }), "a > b ICMP")).toBe(true);
  });

  test.each([["Accept", "TCP 80", true], ["Deny", "TCP 80", false], ["Pass", "TCP 80", false]])("46 an unknown peer field in a rule that says %s: fail closed", (action, port, expected) => {
    const policy = clusterPolicy("x", admin, { ingress: [{ action, from: [{ clusters: {} }] }] });
    expect(allows(cluster(a, b, policy), `a > b ${port}`)).toBe(expected);
    expect(readObjects([policy]).problems).toMatchObject([{ code: "object/unknown-field", path: "spec.ingress[0].from[0].clusters" }]);
  });

  test("46 an unknown peer field in an Accept rule accepts nothing", () => {
    const accepts = clusterPolicy("x", admin, { ingress: [{ action: "Accept", from: [{ clusters: {} }] }] });
    expect(allows(cluster(a, b, accepts, networkPolicy("deny", {})), "a > b")).toBe(false);
  });

  test("47 a hostNetwork pod is not selected", () => {
    const host = pod("host", { spec: { hostNetwork: true } });
    const snapshot = cluster(a, host, clusterPolicy("x", admin, { ingress: [{ action: "Deny", from }], egress: [{ action: "Deny", to: [ALL] }] }));
    expect(allows(snapshot, "a > host")).toBe(true);
    expect(allows(snapshot, "host > a")).toBe(true);
    expect(allows(snapshot, "a > 8.8.8.8")).toBe(true);
  });

  test("48 a NetworkPolicy for ingress only, baseline denies egress: egress is denied, per direction", () => {
    const objects: KubeObject[] = [a, b, networkPolicy("p", { ingress: [{}] }), baselinePolicy({ egress: [{ action: "Deny", to: [ALL] }], ingress: [{ action: "Deny", from }] })];
    const verdict = ask(cluster(...objects), "a > b");
    expect(verdict.egress).toMatchObject({ allowed: false, reason: "rule" });
    expect(verdict.ingress).toMatchObject({ allowed: true, reason: "rule" });
  });
});
