import { describe, expect, it } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import { affectedRunning, excludes, exclusionRegression, holds, holdsForPod, regression } from "../../src/proof/prove.js";
import { isolated, isolationRegression } from "../../src/proof/prove-isolation.js";
import { equivalent, implies } from "../../src/proof/implies.js";
import type { Counterexample, Flow, FlowPeer, PodSpace, Proof } from "../../src/proof/question.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { DIRECTIONS } from "../../src/model/policy.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { portRange, type TrafficSet } from "../../src/model/traffic.js";
import { IpSet, parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { oneOf } from "../../src/sets/value-set.js";

const context = { profile: { cidrSelectsPods: true }, budget: { steps: 100_000 } };
const HTTPS = portRange("TCP", 443, 443);

function policy(name: string, spec: Record<string, unknown>, namespace = "shop"): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name }, spec };
}

function pod(name: string, labels: Record<string, string>, more: { readonly ip?: string; readonly namespace?: string; readonly ports?: readonly unknown[] } = {}): KubeObject {
  return {
    apiVersion: "v1", kind: "Pod", metadata: { namespace: more.namespace ?? "shop", name, labels },
    spec: { containers: [{ name: "main", ports: more.ports ?? [] }] }, status: { phase: "Running", ...(more.ip ? { podIP: more.ip } : {}) },
  };
}

function clusterPolicy(kind: "AdminNetworkPolicy" | "BaselineAdminNetworkPolicy", spec: Record<string, unknown>): KubeObject {
  return { apiVersion: "policy.networking.k8s.io/v1alpha1", kind, metadata: { name: "default" }, spec };
}

const shopNamespace: KubeObject = { apiVersion: "v1", kind: "Namespace", metadata: { name: "shop", labels: { team: "red" } } };

function snapshotOf(...objects: readonly KubeObject[]): Snapshot {
  return Snapshot.EMPTY.with(readObjects([shopNamespace, ...objects]).changes);
}

function space(snapshot: Snapshot, labels: Record<string, string> = {}): PodSpace {
  return { namespace: snapshot.namespace("shop"), pods: LabelBox.from(Object.entries(labels).map(([key, value]) => [key, oneOf([value])])), ports: [] };
}

function to(snapshot: Snapshot, cidr: string, traffic: TrafficSet = HTTPS): Flow {
  return { subject: space(snapshot), direction: "egress", anyOf: [{ peers: [{ kind: "addresses", addresses: parseCidr(cidr) ?? IpSet.EMPTY }], traffic }] };
}

function counterexample(proof: Proof): Counterexample {
  if (proof.answer !== "counterexample") throw new Error(`expected a counterexample, not ${proof.answer}`);
  return proof.counterexample;
}

const denyEgress = policy("deny", { podSelector: {}, policyTypes: ["Egress"] });

describe("holds", () => {
  it("finds the labels of a pod nobody has created, as few as possible", () => {
    const snapshot = snapshotOf(
      policy("deny", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"] }),
      policy("allow", { podSelector: { matchExpressions: [{ key: "tier", operator: "DoesNotExist" }] }, policyTypes: ["Egress"], egress: [{}] }),
      policy("more", { podSelector: { matchLabels: { zone: "one" } }, policyTypes: ["Ingress"] }),
    );
    const { subject, connection } = counterexample(holds(snapshot, to(snapshot, "34.0.0.0/8"), context));
    expect(subject.origin).toBe("hypothetical");
    expect(Object.keys(subject.labels).sort()).toEqual(["app", "tier"]);
    expect(subject.labels.app).toBe("web");
    expect(connection?.verdict.egress.isolatedBy.map(({ ref }) => ref.name)).toEqual(["deny"]);
  });

  it("prefers a pod that runs", () => {
    const snapshot = snapshotOf(denyEgress, pod("web-1", { app: "web", "pod-template-hash": "x" }));
    expect(counterexample(holds(snapshot, to(snapshot, "34.0.0.0/8"), context)).subject.name).toBe("web-1");
  });

  it("wants all of an address range, or some of it when the flow says so", () => {
    const half = policy("half", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "34.0.0.0/9" } }] }] });
    const snapshot = snapshotOf(half);
    const flow = to(snapshot, "34.0.0.0/8");
    const { connection } = counterexample(holds(snapshot, flow, context));
    expect(connection?.dst).toEqual({ kind: "address", address: 34 * 2 ** 24 + 2 ** 23 });
    expect(holds(snapshot, { ...flow, anyOf: flow.anyOf.map((target) => ({ ...target, some: true })) }, context).answer).toBe("proven");
  });

  it("takes any alternative that is allowed in full", () => {
    const snapshot = snapshotOf(policy("one", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "34.0.0.0/8" } }] }] }));
    const flow = to(snapshot, "35.0.0.0/8");
    expect(holds(snapshot, flow, context).answer).toBe("counterexample");
    expect(holds(snapshot, { ...flow, anyOf: [...flow.anyOf, ...to(snapshot, "34.1.0.0/16").anyOf] }, context).answer).toBe("proven");
  });

  it("asks both ends: a peer's namespace can cut the flow", () => {
    const atDns = policy("quiet", { podSelector: { matchLabels: { "k8s-app": "kube-dns" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: "blue" } } }] }] }, "kube-system");
    const snapshot = snapshotOf(atDns, pod("dns", { "k8s-app": "kube-dns" }, { namespace: "kube-system", ip: "10.1.0.1" }));
    const peer = snapshot.pod("kube-system", "dns");
    const flow: Flow = { subject: space(snapshot), direction: "egress", anyOf: [{ peers: peer ? [{ kind: "pod", pod: peer }] : [], traffic: portRange("UDP", 53, 53) }] };
    expect(counterexample(holds(snapshot, flow, context)).connection?.verdict.ingress.allowed).toBe(false);
  });

  it("judges namespaces that do not exist yet by every label they could have", () => {
    const admin = clusterPolicy("AdminNetworkPolicy", { priority: 1, subject: { namespaces: { matchLabels: { env: "prod" } } }, egress: [{ action: "Deny", to: [{ networks: ["34.0.0.0/8"] }] }] });
    const snapshot = snapshotOf(admin);
    const future = (box: LabelBox): Flow => ({ ...to(snapshot, "34.0.0.0/8"), subject: { namespace: { future: box }, pods: LabelBox.ALL, ports: [] } });
    const { subjectNamespace } = counterexample(holds(snapshot, future(LabelBox.ALL), context));
    expect(subjectNamespace.labels).toEqual({ "kubernetes.io/metadata.name": "future-namespace", env: "prod" });
    expect(holds(snapshot, future(LabelBox.from([["env", oneOf(["dev"])]])), context).answer).toBe("proven");
  });

  it("uses the ports a destination serves", () => {
    const only80 = policy("web", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 80 }] }] });
    const served = (snapshot: Snapshot): Flow => ({
      subject: space(snapshot), direction: "ingress",
      anyOf: [{ peers: [{ kind: "addresses", addresses: parseCidr("34.0.0.0/8") ?? IpSet.EMPTY }], traffic: (destination) => portRange("TCP", destination.ports[0]?.port ?? 80, destination.ports[0]?.port ?? 80) }],
    });
    const usual = snapshotOf(only80, pod("a", {}, { ports: [{ containerPort: 80 }] }));
    expect(holds(usual, served(usual), context).answer).toBe("proven");
    const odd = snapshotOf(only80, pod("a", {}, { ports: [{ containerPort: 9090 }] }));
    expect(counterexample(holds(odd, served(odd), context)).subject.name).toBe("a");
  });

  it("finds a running pod whose address is denied where a pod without one is not", () => {
    const admin = clusterPolicy("AdminNetworkPolicy", { priority: 1, subject: { namespaces: { matchLabels: { "kubernetes.io/metadata.name": "gate" } } }, egress: [{ action: "Deny", to: [{ networks: ["10.0.0.0/8"] }] }] });
    const snapshot = snapshotOf(admin, pod("in", {}, { ip: "10.0.0.1" }), pod("out", {}, { ip: "11.0.0.1" }), pod("gateway", {}, { namespace: "gate", ip: "12.0.0.1" }));
    const gateway = snapshot.pod("gate", "gateway");
    const flow: Flow = { subject: space(snapshot), direction: "ingress", anyOf: [{ peers: gateway ? [{ kind: "pod", pod: gateway }] : [], traffic: HTTPS }] };
    expect(counterexample(holds(snapshot, flow, context)).subject.name).toBe("in");
    expect(holds(snapshot, flow, { ...context, profile: { cidrSelectsPods: false } }).answer).toBe("proven");
  });

  it("finds a running pod without the address family that the rules allow", () => {
    const v6 = policy("v6", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "fd00::/64" } }] }] });
    const dual: KubeObject = { ...pod("dual", {}, { namespace: "other" }), status: { phase: "Running", podIPs: [{ ip: "10.0.0.9" }, { ip: "fd00::9" }] } };
    const snapshot = snapshotOf(v6, dual, pod("v4", {}, { ip: "10.0.0.1" }), pod("v6", {}, { ip: "fd00::1" }));
    const peer = snapshot.pod("other", "dual");
    const flow: Flow = { subject: space(snapshot), direction: "egress", anyOf: [{ peers: peer ? [{ kind: "pod", pod: peer }] : [], traffic: HTTPS }] };
    expect(counterexample(holds(snapshot, flow, context)).subject.name).toBe("v4");
    expect(affectedRunning(undefined, snapshot, { flow, context })).toBe(1);
  });

  it("keeps two namespaces that do not exist yet apart", () => {
    const admin = clusterPolicy("AdminNetworkPolicy", { priority: 1, subject: { namespaces: { matchExpressions: [{ key: "env", operator: "Exists" }] } }, egress: [{ action: "Deny", to: [{ namespaces: { matchLabels: { env: "dev" } } }] }] });
    const snapshot = snapshotOf(admin);
    const future: PodSpace = { namespace: { future: LabelBox.ALL }, pods: LabelBox.ALL, ports: [] };
    const { subjectNamespace, peerNamespace } = counterexample(holds(snapshot, { subject: future, direction: "ingress", anyOf: [{ peers: [{ kind: "space", ...future }], traffic: HTTPS }] }, context));
    expect(subjectNamespace.labels.env).toBe("dev");
    expect(peerNamespace?.name).not.toBe(subjectNamespace.name);
  });

  it("demands nothing without alternatives, peers or traffic", () => {
    const snapshot = snapshotOf(denyEgress);
    const flow = to(snapshot, "34.0.0.0/8");
    expect(holds(snapshot, { ...flow, anyOf: [] }, context).answer).toBe("proven");
    expect(holds(snapshot, { ...flow, anyOf: [{ peers: [], traffic: HTTPS }] }, context).answer).toBe("proven");
    expect(holdsForPod(snapshot, { ...flow, anyOf: [] }, { pod: { ...snapshotPod }, context }).answer).toBe("proven");
  });
});

const snapshotPod = { namespace: "shop", name: "new", labels: {}, addresses: [], ports: [], hostNetwork: false, finished: false, origin: "pod" as const };

describe("regression", () => {
  const allow = policy("allow", { podSelector: {}, policyTypes: ["Egress"], egress: [{}] });

  it("costs nothing when nothing that matters changed", () => {
    const before = snapshotOf(denyEgress);
    const after = before.with(readObjects([policy("elsewhere", { podSelector: {} }, "other")]).changes);
    expect(regression(before, after, { flow: to(after, "34.0.0.0/8"), context })).toEqual({ answer: "proven", steps: 0 });
  });

  it("finds the pod for which the flow held before, and not the one for which it was broken already", () => {
    const odd = policy("odd", { podSelector: { matchLabels: { app: "odd" } }, policyTypes: ["Egress"] });
    const before = snapshotOf(odd, pod("odd-1", { app: "odd" }), pod("web-1", { app: "web" }));
    const after = before.with(readObjects([denyEgress]).changes);
    const flow = to(after, "34.0.0.0/8");
    expect(counterexample(regression(before, after, { flow, context })).subject.name).toBe("web-1");
    expect(affectedRunning(before, after, { flow, context })).toBe(1);
    expect(affectedRunning(undefined, after, { flow, context })).toBe(2);
    const same = before.with(readObjects([policy("twice", { podSelector: { matchLabels: { app: "odd" } }, policyTypes: ["Egress"] })]).changes);
    expect(regression(before, same, { flow: to(same, "34.0.0.0/8"), context }).answer).toBe("proven");
  });

  it("sees a policy go, a pod relabelled and a namespace relabelled", () => {
    const flowOf = (snapshot: Snapshot): Flow => to(snapshot, "34.0.0.0/8");
    const with2 = snapshotOf(denyEgress, allow);
    const without = with2.with([{ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "allow" } }]);
    expect(regression(with2, without, { flow: flowOf(without), context }).answer).toBe("counterexample");
    const onlyWeb = snapshotOf(policy("web", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"] }), pod("p", { app: "free" }));
    const relabelled = onlyWeb.with(readObjects([pod("p", { app: "web" })]).changes);
    expect(counterexample(regression(onlyWeb, relabelled, { flow: flowOf(relabelled), context })).subject.labels).toEqual({ app: "web" });
    const admin = clusterPolicy("AdminNetworkPolicy", { priority: 1, subject: { namespaces: { matchLabels: { team: "blue" } } }, egress: [{ action: "Deny", to: [{ networks: ["0.0.0.0/0"] }] }] });
    const red = snapshotOf(admin);
    const blue = red.with(readObjects([{ ...shopNamespace, metadata: { name: "shop", labels: { team: "blue" } } }]).changes);
    expect(regression(red, blue, { flow: flowOf(blue), context }).answer).toBe("counterexample");
  });

  it("looks at a pair of pods: a peer that was unreachable before excuses no other", () => {
    const box = (snapshot: Snapshot): FlowPeer => ({ kind: "space", ...space(snapshot) });
    const quarantine = policy("quarantine", { podSelector: { matchLabels: { quarantine: "yes" } }, policyTypes: ["Ingress"] });
    const before = snapshotOf(quarantine);
    const after = before.with(readObjects([policy("all", { podSelector: {}, policyTypes: ["Ingress"] })]).changes);
    const flow: Flow = { subject: space(after), direction: "egress", anyOf: [{ peers: [box(after)], traffic: HTTPS }] };
    expect(regression(before, after, { flow, context }).answer).toBe("counterexample");
  });
});

describe("excludes", () => {
  it("finds who reaches what it must not, and what a change opened", () => {
    const closed = snapshotOf(denyEgress);
    const flow = to(closed, "169.254.169.254/32");
    expect(excludes(closed, flow, context).answer).toBe("proven");
    const open = closed.with(readObjects([policy("debug", { podSelector: { matchLabels: { debug: "on" } }, policyTypes: ["Egress"], egress: [{}] })]).changes);
    expect(counterexample(excludes(open, flow, context)).subject.labels).toEqual({ debug: "on" });
    expect(exclusionRegression(closed, open, { flow, context }).answer).toBe("counterexample");
    expect(exclusionRegression(open, closed, { flow, context }).answer).toBe("proven");
  });
});

describe("isolated", () => {
  const ask = (snapshot: Snapshot): Proof => isolated(snapshot, { space: space(snapshot), directions: DIRECTIONS, context });

  it("accepts any set of policies that together select every pod in both directions", () => {
    const without = { matchExpressions: [{ key: "app", operator: "DoesNotExist" }] };
    const both = ["Ingress", "Egress"];
    const present = policy("b", { podSelector: { matchExpressions: [{ key: "app", operator: "Exists" }] }, policyTypes: both });
    expect(ask(snapshotOf(policy("a", { podSelector: without, policyTypes: both }), present)).answer).toBe("proven");
    const one = counterexample(ask(snapshotOf(present)));
    expect([one.subject.labels, one.direction]).toEqual([{}, "ingress"]);
  });

  it("counts tiers that decide about every stranger, and no less", () => {
    const everyone = { namespaces: {} };
    const deny = (networks: readonly string[]): KubeObject => clusterPolicy("BaselineAdminNetworkPolicy", { subject: everyone, egress: [{ action: "Deny", to: [everyone] }, { action: "Deny", to: [{ networks }] }] });
    const egress = (snapshot: Snapshot): Proof => isolated(snapshot, { space: space(snapshot), directions: ["egress"], context });
    expect(egress(snapshotOf(deny(["0.0.0.0/0", "::/0"]))).answer).toBe("proven");
    expect(egress(snapshotOf(deny(["0.0.0.0/0"]))).answer).toBe("counterexample");
  });

  it("sees isolation taken away", () => {
    const deny = policy("deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] });
    const before = snapshotOf(deny);
    const after = snapshotOf(policy("deny", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress", "Egress"] }));
    const question = { space: space(after), directions: DIRECTIONS, context };
    expect(isolationRegression(before, after, question).answer).toBe("counterexample");
    expect(isolationRegression(after, before, question).answer).toBe("proven");
    expect(isolationRegression(before, before.with([]), question)).toEqual({ answer: "proven", steps: 0 });
  });
});

describe("implies", () => {
  it("compares what policies mean, not how they are written", () => {
    const one = snapshotOf(policy("a", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] }));
    const other = snapshotOf(policy("b", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "shop" } } }] }] }));
    expect(equivalent(one, other, { context }).answer).toBe("proven");
    const wider = snapshotOf(policy("c", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }] }] }));
    expect(implies(one, wider, { context }).answer).toBe("proven");
    expect(equivalent(one, wider, { context })).toMatchObject({ answer: "counterexample", allowedBy: "b" });
  });
});

describe("the budget", () => {
  /** Every pod with a pigeon in each of n holes is isolated; two in one hole are let out again: n + 1 pigeons prove that nobody is. */
  function pigeons(holes: number): Snapshot {
    const names = Array.from({ length: holes }, (_, i) => `h${i}`);
    const keys = Array.from({ length: holes + 1 }, (_, i) => `pigeon-${i}`);
    const inAHole = policy("in-a-hole", { podSelector: { matchExpressions: keys.map((key) => ({ key, operator: "In", values: names })) }, policyTypes: ["Egress"] });
    const pairs = names.flatMap((hole) => keys.flatMap((a, i) => keys.slice(i + 1).map((b) => policy(`${hole}-${a}-${b}`, { podSelector: { matchLabels: { [a]: hole, [b]: hole } }, policyTypes: ["Egress"], egress: [{}] }))));
    return snapshotOf(inAHole, ...pairs);
  }

  it("is enough for what a person would write, and ends what an adversary would", () => {
    const small = pigeons(4);
    expect(holds(small, to(small, "34.0.0.0/8"), context).answer).toBe("proven");
    const large = pigeons(12);
    const proof = holds(large, to(large, "34.0.0.0/8"), context);
    expect(proof.answer).toBe("not-proven");
    expect(proof.steps).toBeLessThan(3 * context.budget.steps);
  });

  it("does not hide a pod that runs", () => {
    const large = pigeons(12).with(readObjects([policy("web", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"] }), pod("web-1", { app: "web" })]).changes);
    expect(counterexample(holds(large, to(large, "34.0.0.0/8"), { ...context, budget: { steps: 3_000 } })).subject.name).toBe("web-1");
  });

  it("takes the same steps every time", () => {
    const snapshot = pigeons(4);
    const steps = [1, 2].map(() => holds(snapshot, to(snapshot, "34.0.0.0/8"), context).steps);
    expect(steps[0]).toBe(steps[1]);
  });
});
