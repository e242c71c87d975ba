import { describe, expect, it } from "vitest";
import { allowDns, ask, around, cluster, create, defaultDeny, dns, endpoints, find, fresh, GC, gateway, KF, MANAGER, NAMESPACES, np, ns, pod, remove, sel, space, update, withLabels, withSpec, baselineOf, both, ingressFrom, tcp, block, egressTo, byName } from "./fixtures/contract.js";
import { snapshotOf } from "./world.js";
import type { KubeObject } from "../../src/model/kubernetes.js";

type Json = Record<string, unknown>;
const world = cluster();
const policy = find("NetworkPolicy", "closed", "allow-dns");
const going = (object: KubeObject, more: Json = {}): KubeObject => ({ ...object, metadata: { ...object.metadata, deletionTimestamp: "2026-01-01T00:00:00Z", ...more } });

describe("deletes", () => {
  it.each([[GC, true], [NAMESPACES, true], [MANAGER, true], ["system:serviceaccount:kube-system:replicaset-controller", false], [KF, false], ["system:admin", false], ["developer", false]])("by %s: %s", (user, admitted) =>
    expect(remove(world, policy, { user, groups: ["system:masters"] }).allowed).toBe(admitted));
  it("a controller's UPDATE is judged all the same", () => expect(update(world, policy, withSpec(policy, { podSelector: {}, policyTypes: ["Egress"] }), { user: GC }).deny).toEqual(["baseline/dns", "kf/dns"]));
  it("in a terminating namespace, by deletionTimestamp or by phase", () => {
    const set = (namespace: KubeObject) => snapshotOf(...around, ...dns, namespace, ...baselineOf("t"));
    expect(remove(set(going(ns("t"))), allowDns("t")).allowed).toBe(true);
    expect(remove(set({ ...ns("t"), status: { phase: "Terminating" } } as KubeObject), allowDns("t")).allowed).toBe(true);
    expect(remove(set(ns("t")), allowDns("t")).allowed).toBe(false);
  });
  it("of an object that goes already, and its finalizers", () => {
    expect(remove(world, going(policy)).allowed).toBe(true);
    expect(update(world, going(policy, { finalizers: ["a/b"] }), going(policy, { finalizers: [] })).allowed).toBe(true);
    expect(update(world, going(policy, { finalizers: ["a/b"] }), going(withSpec(policy, { podSelector: {}, policyTypes: ["Egress"] }))).allowed).toBe(false);
    expect(update(world, policy, { ...policy, metadata: { ...policy.metadata, finalizers: ["a/b"] } }).allowed).toBe(true);
  });
  it("of pods and Spaces", () => {
    for (const object of [find("Pod", "kube-system", "kube-dns-1"), find("Pod", "closed", "billing-1"), space("open")]) expect(remove(world, object).allowed).toBe(true);
  });
  it("collections: without a name", () => {
    expect(remove(world, policy, { user: NAMESPACES, request: { name: undefined } }).allowed).toBe(true);
    expect(remove(world, policy, { request: { name: undefined } }).deny).toEqual(["baseline/dns", "kf/dns"]);
  });
  it("the flows of a terminating namespace are nobody's concern", () => {
    const w = snapshotOf(...around, ...dns, endpoints(), gateway(), going(ns("t")), ...baselineOf("t"));
    expect(update(w, allowDns("t"), withSpec(allowDns("t"), { podSelector: {}, policyTypes: ["Egress"] })).deny).toEqual([]);
  });
  it("kube-system's policy, too, is left to the controllers", () => {
    const allow = np("kube-system", "allow", ingressFrom(undefined, both));
    expect(remove(cluster(allow, np("kube-system", "deny", { podSelector: {}, policyTypes: ["Ingress"] })), allow, { user: NAMESPACES }).allowed).toBe(true);
  });
});

describe("kinds and subresources nobody asked for", () => {
  const configMap = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "c", namespace: "shop" } } as unknown as KubeObject;
  it.each([
    ["ConfigMap", configMap],
    ["Deployment", { apiVersion: "apps/v1", kind: "Deployment", metadata: { name: "d", namespace: "bare" }, spec: {} }],
    ["NetworkPolicy of another group", { apiVersion: "example.com/v1", kind: "NetworkPolicy", metadata: { name: "d", namespace: "bare" }, spec: 7 }],
    ["TaskRun", { apiVersion: "tekton.dev/v1", kind: "TaskRun", metadata: { name: "d", namespace: "closed" } }],
  ])("%s", (_what, object) => expect(create(world, object as KubeObject)).toMatchObject({ allowed: true, warn: [], patch: [] }));
  it.each(["status", "ephemeralcontainers", "resize"])("pods/%s", (subResource) =>
    expect(ask(world, "UPDATE", withLabels(find("Pod", "closed", "billing-1"), {}), { old: find("Pod", "closed", "billing-1"), request: { subResource } }).allowed).toBe(true));
  it("networkpolicies/status", () => expect(ask(world, "UPDATE", policy, { old: policy, request: { subResource: "status" } }).allowed).toBe(true));
  it("CONNECT", () => expect(ask(world, "CONNECT", fresh("closed", {}), { request: { subResource: "exec" } }).allowed).toBe(true));
});

describe("malformed and unknown parts", () => {
  it.each([
    ["unknown field of the spec", { podSelector: {}, ingres: [{}] }, "ingres"],
    ["unknown field of a rule", { podSelector: {}, ingress: [{ form: [] }] }, "ingress[0].form"],
    ["ports under namespaceSelector (the access-csb sample)", { podSelector: sel({ app: "csb-controller" }), ingress: [{ from: [{ namespaceSelector: { matchLabels: { "app.kubernetes.io/name": "kf" }, ports: [{ port: 80 }] } }, { podSelector: sel({ app: "controller" }) }] }, { ports: tcp(80) }] }, "ports"],
    ["an unknown policy type", { podSelector: {}, policyTypes: ["Ingres"] }, "policyTypes[0]"],
    ["an empty peer", { podSelector: {}, ingress: [{ from: [{}] }] }, "from[0]"],
    ["ipBlock with a selector", { podSelector: {}, ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/8" }, podSelector: {} }] }] }, "from[0]"],
    ["a bad CIDR", { podSelector: {}, ingress: [{ from: [block("10.0.0.0/33")] }] }, "cidr"],
    ["except outside", { podSelector: {}, ingress: [{ from: [block("10.0.0.0/8", ["11.0.0.0/16"])] }] }, "except[0]"],
    ["endPort less than port", { podSelector: {}, ingress: [{ ports: [{ port: 80, endPort: 79 }] }] }, "endPort"],
    ["endPort with a name", { podSelector: {}, ingress: [{ ports: [{ port: "http", endPort: 80 }] }] }, "endPort"],
    ["an unknown protocol", { podSelector: {}, ingress: [{ ports: [{ protocol: "ICMP" }] }] }, "protocol"],
    ["port 0", { podSelector: {}, ingress: [{ ports: [{ port: 0 }] }] }, "port"],
    ["In without values", { podSelector: { matchExpressions: [{ key: "a", operator: "In" }] } }, "matchExpressions[0]"],
    ["an unknown operator", { podSelector: { matchExpressions: [{ key: "a", operator: "Is", values: ["b"] }] } }, "operator"],
    ["a text for a list", { podSelector: {}, ingress: "all" }, "ingress"],
  ])("%s is refused with its path", (_what, spec, path) => {
    const answer = create(world, np("shop", "p", spec));
    expect(answer.allowed).toBe(false);
    expect(answer.message).toContain(path);
    expect(JSON.stringify(answer.response)).toContain(path);
  });
  it("the access-csb sample in its exempt namespace", () => {
    const spec = { podSelector: sel({ app: "csb-controller" }), ingress: [{ from: [{ namespaceSelector: { matchLabels: { "app.kubernetes.io/name": "kf" }, ports: [{ port: 80 }] } }, { podSelector: sel({ app: "controller" }) }] }, { ports: tcp(80) }] };
    const answer = create(cluster(ns("kf-csb")), np("kf-csb", "access-csb", spec));
    expect(answer.allowed).toBe(false);
    expect(answer.message).toContain("spec.ingress[0].from[0]");
  });
  it("host bits of stored objects are masked", () => expect(create(world, np("shop", "p", ingressFrom([block("10.1.2.3/8")]))).deny).toEqual([]));
  it("a stored malformed object is judged only when its spec changes", () => {
    const bad = np("shop", "p", { podSelector: {}, ingress: [{ from: [{}] }] });
    const w = (() => { try { return cluster(bad); } catch { return world; } })();
    expect(update(w, bad, { ...bad, metadata: { ...bad.metadata, annotations: { a: "b" } } }).allowed).toBe(true);
    expect(update(w, bad, withSpec(bad, { podSelector: {}, ingress: [{ from: [{}, {}] }] })).allowed).toBe(false);
    expect(remove(w, bad).allowed).toBe(true);
  });
  it("a version that is not read", () => {
    const answer = create(world, { ...np("shop", "p", { podSelector: {} }), apiVersion: "networking.k8s.io/v9" });
    expect([answer.allowed, answer.message.includes("apiVersion")]).toEqual([false, true]);
  });
  it("no spec at all, and an empty one, deny all ingress", () => {
    expect(create(world, np("legacy", "p", {})).deny).toEqual([]);
    const none = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p", namespace: "closed" } } as unknown as KubeObject;
    expect(create(world, none).deny).toEqual([]);
  });
  it("rules of a direction that policyTypes does not list have no effect", () => {
    // "policyTypes:["Egress"] with ingress rules: ingress rules ignored" (S1), edge case 4
    const inert = np("closed", "p", { podSelector: {}, policyTypes: ["Ingress"], egress: [{ to: [block("169.254.169.252/32")], ports: tcp(988) }] });
    const meta = find("NetworkPolicy", "closed", "allow-metadata");
    expect(remove(cluster(inert), meta).deny).toEqual(["kf/workload-identity"]);
    expect(update(world, meta, withSpec(meta, { ...(meta.spec as Json), policyTypes: ["Ingress"] })).deny).toEqual(["kf/workload-identity"]);
    const gate = find("NetworkPolicy", "closed", "allow-gateway");
    expect(update(world, gate, withSpec(gate, { ...(gate.spec as Json), policyTypes: ["Egress"] })).deny).toEqual(["kf/ingress-gateway"]);
  });
});
void defaultDeny; void pod; void egressTo; void byName;
