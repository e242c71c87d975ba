import { describe, expect, it } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import { fixFlow } from "../../src/fix/fix.js";
import { ipBlocksOf } from "../../src/fix/fix-addresses.js";
import { holds } from "../../src/proof/prove.js";
import type { Flow, FlowTarget, PodSpace } from "../../src/proof/question.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { portRange } from "../../src/model/traffic.js";
import { IpSet, parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { oneOf } from "../../src/sets/value-set.js";

const context = { profile: { cidrSelectsPods: true }, budget: { steps: 100_000 } };
const DNS = portRange("UDP", 53, 53).union(portRange("TCP", 53, 53));
const HTTPS = portRange("TCP", 443, 443);

function policy(namespace: string, name: string, spec: Record<string, unknown>): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name }, spec };
}

const namespaces: readonly KubeObject[] = ["shop", "kube-system"].map((name) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name } }));
const dnsPods: readonly KubeObject[] = [1, 2].map((i) => ({
  apiVersion: "v1", kind: "Pod",
  metadata: { namespace: "kube-system", name: `kube-dns-${i}`, labels: { "k8s-app": "kube-dns", "pod-template-hash": "abc", cluster: "one" } },
  spec: {}, status: { phase: "Running", podIP: `10.1.0.${i}` },
}));
const metricsPod: KubeObject = { apiVersion: "v1", kind: "Pod", metadata: { namespace: "kube-system", name: "metrics", labels: { cluster: "one" } }, spec: {} };
const denyAll = policy("shop", "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });

function snapshotOf(...objects: readonly KubeObject[]): Snapshot {
  return Snapshot.EMPTY.with(readObjects([...namespaces, ...dnsPods, metricsPod, ...objects]).changes);
}

function shop(snapshot: Snapshot, pods: LabelBox = LabelBox.ALL): PodSpace {
  return { namespace: snapshot.namespace("shop"), pods, ports: [] };
}

function dnsFlow(snapshot: Snapshot): Flow {
  const peers = [1, 2].flatMap((i) => snapshot.pod("kube-system", `kube-dns-${i}`) ?? []).map((pod) => ({ kind: "pod" as const, pod }));
  return { subject: shop(snapshot), direction: "egress", anyOf: [{ peers, traffic: DNS }] };
}

/** The fix, after it has been read back and proven. */
function fixed(snapshot: Snapshot, flow: Flow): readonly KubeObject[] | undefined {
  const fix = fixFlow(snapshot, flow, { name: "DNS", context });
  if (!fix) return undefined;
  const { changes, problems } = readObjects(fix.apply);
  expect(problems).toEqual([]);
  expect(holds(snapshot.with(changes), flow, context).answer).toBe("proven");
  return fix.apply;
}

const toDns = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }];
const dnsPorts = [{ protocol: "TCP", port: 53 }, { protocol: "UDP", port: 53 }];

describe("fixFlow", () => {
  it("writes what a person would write for missing DNS", () => {
    const snapshot = snapshotOf(denyAll);
    expect(fixed(snapshot, dnsFlow(snapshot))).toEqual([policy("shop", "allow-dns-egress", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: toDns, ports: dnsPorts }] })]);
  });

  it("allows only what is missing", () => {
    const udp = policy("shop", "udp", { podSelector: {}, policyTypes: ["Egress"], egress: [{ ports: [{ protocol: "UDP", port: 53 }] }] });
    const snapshot = snapshotOf(denyAll, udp);
    expect(fixed(snapshot, dnsFlow(snapshot))?.[0]?.spec).toEqual({ podSelector: {}, policyTypes: ["Egress"], egress: [{ to: toDns, ports: [{ protocol: "TCP", port: 53 }] }] });
  });

  it("mends the other end, in its namespace, and both when both are missing", () => {
    const atDns = policy("kube-system", "dns", { podSelector: { matchLabels: { "k8s-app": "kube-dns" } }, policyTypes: ["Ingress"] });
    const ingress = policy("kube-system", "allow-dns-ingress", {
      podSelector: { matchLabels: { "k8s-app": "kube-dns" } }, policyTypes: ["Ingress"],
      ingress: [{ from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } } }], ports: dnsPorts }],
    });
    const one = snapshotOf(atDns);
    expect(fixed(one, dnsFlow(one))).toEqual([ingress]);
    const both = snapshotOf(atDns, denyAll);
    expect(fixed(both, dnsFlow(both))?.map(({ metadata }) => `${metadata.namespace}/${metadata.name}`)).toEqual(["shop/allow-dns-egress", "kube-system/allow-dns-ingress"]);
  });

  it("never isolates a pod that is not isolated: selects what the isolating policy selects", () => {
    const some = policy("shop", "web", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"] });
    const snapshot = snapshotOf(some);
    expect(fixed(snapshot, dnsFlow(snapshot))?.[0]?.spec).toMatchObject({ podSelector: { matchLabels: { app: "web" } } });
  });

  it("writes one policy for both ends within a namespace", () => {
    const snapshot = snapshotOf(denyAll);
    const app = shop(snapshot, LabelBox.from([["app", oneOf(["web"])]]));
    const flow: Flow = { subject: app, direction: "egress", anyOf: [{ peers: [{ kind: "space", ...app }], traffic: portRange("TCP", 8080, 8080) }] };
    const web = { podSelector: { matchLabels: { app: "web" } } };
    const ports = [{ protocol: "TCP", port: 8080 }];
    expect(fixed(snapshot, flow)).toEqual([policy("shop", "allow-dns", { ...web, policyTypes: ["Ingress", "Egress"], egress: [{ to: [web], ports }], ingress: [{ from: [web], ports }] })]);
  });

  it("takes the alternative with the least to read", () => {
    const snapshot = snapshotOf(denyAll);
    const to = (...cidrs: readonly string[]): FlowTarget => ({ peers: cidrs.map((cidr) => ({ kind: "addresses", addresses: parseCidr(cidr) ?? IpSet.EMPTY })), traffic: HTTPS });
    const flow: Flow = { subject: shop(snapshot), direction: "egress", anyOf: [to("34.0.0.0/8", "35.0.0.0/8"), to("199.36.153.8/30")] };
    expect(fixed(snapshot, flow)?.[0]?.spec).toMatchObject({ egress: [{ to: [{ ipBlock: { cidr: "199.36.153.8/30" } }], ports: [{ protocol: "TCP", port: 443 }] }] });
  });

  it("keeps off names that are taken", () => {
    const snapshot = snapshotOf(denyAll, policy("shop", "allow-dns-egress", { podSelector: { matchLabels: { app: "other" } }, policyTypes: ["Ingress"] }));
    expect(fixed(snapshot, dnsFlow(snapshot))?.[0]?.metadata.name).toBe("allow-dns-egress-2");
  });

  it("has no answer to an admin's deny, nor where only a baseline denies", () => {
    const deny = [{ action: "Deny", to: [{ namespaces: {} }] }];
    const admin: KubeObject = { apiVersion: "policy.networking.k8s.io/v1alpha1", kind: "AdminNetworkPolicy", metadata: { name: "no" }, spec: { priority: 1, subject: { namespaces: {} }, egress: deny } };
    const baseline: KubeObject = { ...admin, kind: "BaselineAdminNetworkPolicy", metadata: { name: "default" }, spec: { subject: { namespaces: {} }, egress: deny } };
    const denied = snapshotOf(denyAll, admin);
    expect(fixed(denied, dnsFlow(denied))).toBeUndefined();
    const lower = snapshotOf(baseline);
    expect(fixed(lower, dnsFlow(lower))).toBeUndefined();
  });
});

describe("ipBlocksOf", () => {
  it("writes a block with exceptions when that is shorter, and blocks one by one else", () => {
    const most = IpSet.ALL_V4.subtract(parseCidr("10.0.0.0/8") as IpSet).subtract(parseCidr("169.254.0.0/16") as IpSet);
    expect(ipBlocksOf(most)).toEqual([{ cidr: "0.0.0.0/0", except: ["10.0.0.0/8", "169.254.0.0/16"] }]);
    expect(ipBlocksOf((parseCidr("10.0.0.0/8") as IpSet).union(parseCidr("192.168.0.0/16") as IpSet))).toEqual([{ cidr: "10.0.0.0/8" }, { cidr: "192.168.0.0/16" }]);
    expect(ipBlocksOf(parseCidr("fd00::/64") as IpSet)).toEqual([{ cidr: "fd00::/64" }]);
  });
});
