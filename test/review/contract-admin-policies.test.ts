import { describe, expect, it } from "vitest";
import { allowDns, APP, baselineOf, block, both, cluster, clusterWithout, create, defaultDeny, egressTo, find, fresh, ingressFrom, kfPolicy, np, outcome, ownedBySpace, remove, sel, tcp, update, withSpec, byName, KF, ns } from "./fixtures/contract.js";
import type { KubeObject } from "../../src/model/kubernetes.js";

type Json = Record<string, unknown>;
const world = cluster();
const admin = (kind: string, name: string, spec: Json): KubeObject => ({ apiVersion: `policy.networking.k8s.io/${kind === "ClusterNetworkPolicy" ? "v1alpha2" : "v1alpha1"}`, kind, metadata: { name }, spec }) as unknown as KubeObject;
const anp = (spec: Json, name = "a"): KubeObject => admin("AdminNetworkPolicy", name, { priority: 10, subject: { namespaces: {} }, ...spec });
const banp = (spec: Json): KubeObject => admin("BaselineAdminNetworkPolicy", "default", { subject: { namespaces: {} }, ...spec });
const cnp = (spec: Json, name = "c"): KubeObject => admin("ClusterNetworkPolicy", name, { tier: "Admin", priority: 10, subject: { namespaces: {} }, ...spec });
const everyNet = [{ networks: ["0.0.0.0/0"] }];
const dnsPorts = [{ portNumber: { protocol: "UDP", port: 53 } }, { portNumber: { protocol: "TCP", port: 53 } }];
const inSpaces = { pods: { namespaceSelector: sel({ "app.kubernetes.io/managed-by": "kf" }), podSelector: {} } };

describe("policies of the cluster that break flows", () => {
  it.each([
    ["ANP denies DNS egress", anp({ egress: [{ action: "Deny", to: [{ namespaces: {} }], ports: dnsPorts }] }), ["baseline/dns", "kf/dns", "kf/system"]],
    ["ANP denies UDP DNS of Spaces", anp({ subject: inSpaces, egress: [{ action: "Deny", to: [{ namespaces: {} }], ports: [dnsPorts[0]] }] }), ["baseline/dns", "kf/dns"]],
    ["ANP denies the metadata server", anp({ subject: inSpaces, egress: [{ action: "Deny", to: [{ networks: ["169.254.169.252/32"] }] }] }), ["kf/workload-identity"]],
    ["ANP denies the metadata server everywhere", anp({ egress: [{ action: "Deny", to: [{ networks: ["169.254.169.252/32"] }] }] }), ["kf/system", "kf/workload-identity"]],
    ["ANP denies V2's metadata server", anp({ egress: [{ action: "Deny", to: [{ networks: ["169.254.169.254/32"] }] }] }), []],
    ["ANP passes", anp({ egress: [{ action: "Pass", to: everyNet }] }), []],
    ["ANP allows before it denies", anp({ subject: inSpaces, egress: [{ action: "Allow", to: [{ networks: ["169.254.169.252/32"] }] }, { action: "Deny", to: [{ networks: ["169.254.169.252/32"] }] }] }), []],
    ["ANP denies gateways", anp({ subject: inSpaces, ingress: [{ action: "Deny", from: [{ namespaces: sel({ "kubernetes.io/metadata.name": "asm-gateways" }) }] }] }), ["kf/ingress-gateway"]],
    ["CNP denies gateways", cnp({ subject: inSpaces, ingress: [{ action: "Deny", from: [{ namespaces: sel({ "kubernetes.io/metadata.name": "asm-gateways" }) }] }] }), ["kf/ingress-gateway"]],
    ["CNP denies TCP 443", cnp({ subject: inSpaces, egress: [{ action: "Deny", to: everyNet, protocols: [{ tcp: { destinationPort: { number: 443 } } }] }] }), ["kf/buildpacks", "kf/google-apis", "kf/kube-apiserver", "kf/registry"]],
    ["CNP accepts", cnp({ egress: [{ action: "Accept", to: everyNet }] }), []],
    // Pods that policies select are decided by the NetworkPolicy tier; kf's control plane is selected by none.
    ["BANP denies what no policy decides", banp({ egress: [{ action: "Deny", to: [{ networks: ["0.0.0.0/0"] }] }] }), ["baseline/dns", "kf/system"]],
    ["BANP of plain namespaces with policies", banp({ subject: { namespaces: sel({ "kubernetes.io/metadata.name": "shop" }) }, egress: [{ action: "Deny", to: everyNet }] }), []],
    ["CNP of the Baseline tier likewise", cnp({ tier: "Baseline", egress: [{ action: "Deny", to: everyNet }] }), ["baseline/dns", "kf/system"]],
  ])("CREATE: %s", (_what, object, deny) => {
    // Future Spaces and namespaces have no policies: what a baseline tier denies breaks there too.
    const found = create(world, object).deny;
    if (object.kind === "BaselineAdminNetworkPolicy" || (object.spec as Json)["tier"] === "Baseline") expect(found).toEqual(expect.arrayContaining(deny));
    else expect(found).toEqual(deny);
  });
  it("DELETE and UPDATE of an allowance", () => {
    const allow = anp({ subject: inSpaces, egress: [{ action: "Allow", to: [{ networks: ["169.254.169.252/32"] }], ports: [{ portNumber: { protocol: "TCP", port: 988 } }] }] });
    const w = clusterWithout(["NetworkPolicy/closed/allow-metadata"], allow);
    expect(create(w, fresh("closed", APP)).warn).toEqual([]);
    expect(remove(w, allow).deny).toEqual(["kf/workload-identity"]);
    const other = { ...allow, spec: { ...(allow.spec as Json), egress: [{ action: "Allow", to: [{ networks: ["169.254.169.252/32"] }], ports: [{ portNumber: { protocol: "TCP", port: 80 } }] }] } } as KubeObject;
    expect(update(w, allow, other).deny).toEqual(["kf/workload-identity"]);
    expect(outcome(update(w, allow, { ...allow, spec: { ...(allow.spec as Json), priority: 11 } } as KubeObject))).toEqual({ deny: [], warn: [] });
  });
  it("warns of no default deny of namespaces that do not exist yet: none has one before its policies", () => {
    expect(create(world, anp({ egress: [{ action: "Pass", to: everyNet }] })).warnings).toEqual([]);
  });
  it("provide a baseline: default deny by a policy, DNS by an admin tier", () => {
    const dns = anp({ subject: { namespaces: {} }, egress: [{ action: "Allow", to: [{ pods: { namespaceSelector: sel({ "kubernetes.io/metadata.name": "kube-system" }), podSelector: sel({ "k8s-app": "kube-dns" }) } }], ports: dnsPorts }] });
    // DNS by the cluster's policy is DNS of the baseline; default deny by NetworkPolicy.
    expect(create(cluster(dns, defaultDeny("bare")), fresh("bare", {})).deny).toEqual([]);
    expect(remove(cluster(dns, defaultDeny("bare")), dns).deny).toContain("baseline/dns");
  });
  it("an ANP that allows everything is no default deny, and takes it away from nobody by letter", () => {
    expect(create(world, anp({ ingress: [{ action: "Allow", from: [{ namespaces: {} }] }] })).deny).toEqual([]);
  });
});

describe("baseline/allow-all", () => {
  const all = (spec: Json, namespace = "shop") => create(world, np(namespace, "p", spec));
  it.each([
    ["ingress: [{}]", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{}] }, 1],
    ["both directions", { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{}] }, 2],
    ["from: [] and ports: []", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [], ports: [] }] }, 1],
    ["null lists", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: null, ports: null }] }, 1],
    ["of some pods", { podSelector: sel({ app: "x" }), policyTypes: ["Ingress"], ingress: [{}] }, 1],
    ["a direction that is not listed", { podSelector: {}, policyTypes: ["Egress"], ingress: [{}], egress: [{ ports: both }] }, 0],
    ["all ports in three items", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ protocol: "TCP" }, { protocol: "UDP" }, { protocol: "SCTP" }] }] }, 1],
    ["all TCP", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{}] }] }, 0],
    ["all but one port", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 2, endPort: 65535 }, { protocol: "UDP" }, { protocol: "SCTP" }] }] }, 0],
    ["all namespaces", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ namespaceSelector: {} }] }] }, 0],
    ["all namespaces and all addresses", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ namespaceSelector: {} }, block("0.0.0.0/0"), block("::/0")] }] }, 1],
    ["the second rule", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ ports: tcp(80) }, {}] }, 1],
    ["own namespace", { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: {} }] }] }, 0],
    ["policyTypes absent", { podSelector: {}, egress: [{}] }, 1],
  ])("%s", (_what, spec, count) => {
    const answer = all(spec);
    expect(answer.allowed).toBe(true);
    expect(answer.warnings.filter((text) => text.includes("[baseline/allow-all]"))).toHaveLength(count);
  });
  it("every address of both families is everyone where ipBlock selects pods", () => {
    // "by meaning, grants all peers": with cidrSelectsPods every pod has an address in 0.0.0.0/0 and ::/0
    expect(all({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [block("0.0.0.0/0"), block("::/0")] }] }).warn).toEqual(["baseline/allow-all"]);
  });
  it("UPDATE too, DELETE not", () => {
    const old = allowDns("shop");
    expect(update(world, old, withSpec(old, { podSelector: {}, policyTypes: ["Egress"], egress: [{}] })).warn).toEqual(["baseline/allow-all"]);
    expect(remove(cluster(np("shop", "p", { podSelector: {}, ingress: [{}] })), np("shop", "p", { podSelector: {}, ingress: [{}] })).warn).toEqual([]);
  });
  it("Space-owned and exempt aside", () => {
    expect(create(cluster(...[]), kfPolicy("open", "app", "PermitAll", "PermitAll"), { user: KF }).warn).toEqual([]);
    expect(update(world, kfPolicy("open", "app", "PermitAll", "PermitAll"), kfPolicy("open", "app", "PermitAll", "PermitAll")).warn).toEqual([]);
    expect(all({ podSelector: {}, ingress: [{}] }, "kube-system").warn).toEqual([]);
    expect(all({ podSelector: {}, ingress: [{}] }, "open").warn).toEqual(["baseline/allow-all"]);
    const owned = np("open", "mine", { podSelector: {}, ingress: [{}] }, { ownerReferences: [{ ...ownedBySpace("open")[0], kind: "App" }] });
    expect(create(world, owned).warn).toEqual(["baseline/allow-all"]);
  });
});
void baselineOf; void egressTo; void ingressFrom; void find; void byName; void ns;
