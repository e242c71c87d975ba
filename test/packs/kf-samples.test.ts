import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { denialMessage } from "../../src/reports/denial.js";
import { judge, objectsIn, request, rulesOf, shippedPacks, snapshotOf } from "../review/world.js";
import { namespace, one, packOf, policy } from "../rules/inline-pack.js";
import { brokenRules, DENY, spaceOf, system } from "./standing.js";

/** Policies that people have published for Kf and its mesh: what the packs say of them. */

const SELECTED = "podSelector: {}, policyTypes: [Egress]";
/** The six policies of Google's tutorial on egress from a mesh, written anew for the Space `team-x` (facts/kf.md 4.4). */
const tutorial = (metadata: string): KubeObject[] => [
  policy("team-x", "egress-to-control-plane", `{${SELECTED}, egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: istio-system}}, podSelector: {matchLabels: {istio: istiod}}}]}]}`),
  policy("team-x", "egress-to-dns", `{${SELECTED}, egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}], ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]}]}`),
  policy("team-x", "egress-to-google-apis", `{${SELECTED}, egress: [{to: [{ipBlock: {cidr: 199.36.153.4/30}}, {ipBlock: {cidr: 199.36.153.8/30}}]}]}`),
  policy("team-x", "egress-to-metadata", `{${SELECTED}, egress: [${metadata}]}`),
  policy("team-x", "same-namespace", "{podSelector: {}, policyTypes: [Ingress, Egress], ingress: [{from: [{podSelector: {}}]}], egress: [{to: [{podSelector: {}}]}]}"),
  policy("team-x", "egress-to-team-y", `{${SELECTED}, egress: [{to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: team-y}}}]}]}`),
];
const V1 = "{to: [{ipBlock: {cidr: 169.254.169.252/32}}], ports: [{protocol: TCP, port: 987}, {protocol: TCP, port: 988}]}";
const V2 = "{to: [{ipBlock: {cidr: 169.254.169.254/32}}]}";

const denyAll = (name: string) => policy(name, "default-deny", "{podSelector: {}, policyTypes: [Ingress, Egress]}");
const teamY = [namespace("team-y", "{app.kubernetes.io/managed-by: kf}"), one("{apiVersion: v1, kind: Pod, metadata: {name: y, namespace: team-y, labels: {kf.dev/networkpolicy: app}}, spec: {containers: [{name: user-container}]}, status: {phase: Running, podIP: 10.20.9.9}}")];
const cluster = (...policies: KubeObject[]) => snapshotOf(...system(), ...spaceOf("team-x", DENY, DENY), denyAll("team-x"), ...teamY, ...policies);
const packs = shippedPacks();
/** What the tutorial is not about: routing from the gateway, and builds, which fetch from the Internet and talk to the API server. */
const ELSEWHERE = ["kf/buildpacks", "kf/ingress-gateway", "kf/kube-apiserver"];

describe("the six policies of the mesh egress tutorial", () => {
  it("satisfy every check that they are about", () => {
    expect(brokenRules(cluster(), packs, "team-x")).toEqual(["baseline/dns", "kf/buildpacks", "kf/dns", "kf/east-west", "kf/google-apis", "kf/ingress-gateway", "kf/kube-apiserver", "kf/mesh", "kf/registry", "kf/workload-identity"]);
    expect(brokenRules(cluster(...tutorial(V1)), packs, "team-x")).toEqual(ELSEWHERE);
  });
  it("on Dataplane V2 with its address", () => {
    const v2 = shippedPacks({}, { dataplane: "v2", cidrSelectsPods: false });
    expect(brokenRules(cluster(...tutorial(V2)), v2, "team-x")).toEqual(ELSEWHERE);
    expect(brokenRules(cluster(...tutorial(V1)), v2, "team-x")).toEqual([...ELSEWHERE, "kf/workload-identity"]);
  });
  it.each([
    ["egress-to-control-plane", ["kf/mesh"]],
    ["egress-to-dns", ["baseline/dns", "kf/dns"]],
    ["egress-to-google-apis", ["kf/google-apis", "kf/registry"]],
    ["egress-to-metadata", ["kf/workload-identity"]],
    ["same-namespace", ["kf/east-west"]],
    ["egress-to-team-y", ["kf/east-west"]],
  ])("each is needed: without %s", (name, rules) => {
    const rest = tutorial(V1).filter(({ metadata }) => metadata.name !== name);
    expect(brokenRules(cluster(...rest), packs, "team-x")).toEqual([...ELSEWHERE, ...rules].sort());
    const removed = tutorial(V1).find(({ metadata }) => metadata.name === name) as KubeObject;
    const decision = judge(cluster(...tutorial(V1)), request("DELETE", removed), packs);
    // Traffic between Spaces only warns.
    if (name === "egress-to-team-y") expect([decision.allowed, rulesOf(decision, "warn")]).toEqual([true, expect.arrayContaining(rules)]);
    else expect(rulesOf(decision)).toEqual(rules);
  });
});

describe("a change from one of them to", () => {
  const world = cluster(...tutorial(V1));
  const stored = (name: string): KubeObject => tutorial(V1).find(({ metadata }) => metadata.name === name) as KubeObject;
  const change = (name: string, spec: string) => judge(world, request("UPDATE", policy("team-x", name, spec), { old: stored(name) }), packs);
  it("the Internet except link-local addresses is refused for Workload Identity", () => {
    const decision = change("egress-to-metadata", `{${SELECTED}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0, except: [169.254.0.0/16]}}]}]}`);
    expect(rulesOf(decision)).toEqual(["kf/workload-identity"]);
    expect(denialMessage(decision)).toContain("to `169.254.169.252` on TCP 988: egress denied");
    expect(change("egress-to-metadata", `{${SELECTED}, egress: [{to: [{ipBlock: {cidr: 0.0.0.0/0}}]}]}`).allowed).toBe(true);
  });
  it("DNS by UDP only is refused, and the message names TCP", () => {
    const to = "to: [{namespaceSelector: {matchLabels: {kubernetes.io/metadata.name: kube-system}}}]";
    const decision = change("egress-to-dns", `{${SELECTED}, egress: [{${to}, ports: [{port: 53, protocol: UDP}]}]}`);
    expect(rulesOf(decision)).toEqual(["baseline/dns", "kf/dns"]);
    expect(denialMessage(decision)).toContain("on TCP 53: egress denied");
    expect(change("egress-to-dns", `{${SELECTED}, egress: [{${to}, ports: [{port: 53, protocol: UDP}]}, {${to}, ports: [{port: 53}]}]}`).allowed).toBe(true);
  });
  it("a label that kube-system does not carry is refused, and the message says so", () => {
    const ports = "ports: [{port: 53, protocol: UDP}, {port: 53, protocol: TCP}]";
    const decision = change("egress-to-dns", `{${SELECTED}, egress: [{to: [{namespaceSelector: {matchLabels: {name: kube-system}}}], ${ports}}]}`);
    expect(rulesOf(decision)).toEqual(["baseline/dns", "kf/dns"]);
    expect(denialMessage(decision)).toContain("no namespace carries label `name=kube-system`");
    expect(denialMessage(decision)).toContain("did you mean `kubernetes.io/metadata.name: kube-system`?");
    // The twin: a cluster where somebody has set that label.
    const labelled = snapshotOf(...system().map((object) => (object.kind === "Namespace" && object.metadata.name === "kube-system" ? namespace("kube-system", "{name: kube-system}") : object)), ...spaceOf("team-x", DENY, DENY), denyAll("team-x"), ...tutorial(V1));
    expect(judge(labelled, request("UPDATE", policy("team-x", "egress-to-dns", `{${SELECTED}, egress: [{to: [{namespaceSelector: {matchLabels: {name: kube-system}}}], ${ports}}]}`), { old: stored("egress-to-dns") }), packs).allowed).toBe(true);
  });
  it("the label written without `matchLabels` is refused with the right spelling", () => {
    const decision = change("egress-to-dns", `{${SELECTED}, egress: [{to: [{namespaceSelector: {name: kube-system}}], ports: [{port: 53, protocol: UDP}, {port: 53}]}]}`);
    expect(rulesOf(decision)).toContain("sluice/readable");
    expect(denialMessage(decision)).toContain("did you mean `matchLabels: {name: ...}`?");
  });
});

describe("the sample policy of Kf's Cloud Service Broker (facts/kf.md 3.2), written anew", () => {
  const [sample] = objectsIn(`
apiVersion: networking.k8s.io/v1
kind: NetworkPolicy
metadata: {name: access-csb, namespace: kf-csb}
spec:
  podSelector: {matchLabels: {app: csb-controller}}
  policyTypes: [Ingress]
  ingress:
    - from:
        - namespaceSelector:
            matchLabels: {app.kubernetes.io/name: kf}
            ports: [{protocol: TCP, port: 80}]
        - podSelector: {matchLabels: {app: controller}}
    - ports: [{protocol: TCP, port: 80}]
`) as [KubeObject];
  const world = snapshotOf(...system(), namespace("kf-csb"));
  it("is refused for the stray `ports` in a selector, with its path", () => {
    const decision = judge(world, request("CREATE", sample), packs);
    expect(rulesOf(decision)).toEqual(["sluice/readable"]);
    expect(denialMessage(decision)).toContain("spec.ingress[0].from[0].namespaceSelector.ports");
    expect(denialMessage(decision)).toContain("unknown field `ports`");
  });
  it("its second rule, which lets everybody in, is what `forbid-all-namespaces` finds; with a peer it is fine", () => {
    const strict = packOf("{rules: [{id: any-namespace, check: forbid-all-namespaces, enforcementAction: warn, with: {directions: [ingress]}}]}");
    // The API server drops the stray field: so it is stored.
    const from = (second: string): KubeObject => policy("kf-csb", "access-csb", `{podSelector: {matchLabels: {app: csb-controller}}, policyTypes: [Ingress], ingress: [{from: [{namespaceSelector: {matchLabels: {app.kubernetes.io/name: kf}}}, {podSelector: {matchLabels: {app: controller}}}]}, ${second}]}`);
    const decision = judge(world, request("CREATE", from("{ports: [{protocol: TCP, port: 80}]}")), strict);
    expect(decision.violations.map(({ message, path }) => [message, path])).toEqual([["rule `spec.ingress[1]` allows ingress from every pod of every namespace", "spec.ingress[1]"]]);
    const meant = "{from: [{namespaceSelector: {matchLabels: {app.kubernetes.io/name: kf}}, podSelector: {matchLabels: {app: controller}}}], ports: [{protocol: TCP, port: 80}]}";
    expect(judge(world, request("CREATE", from(meant)), strict).violations).toEqual([]);
  });
});
