import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { denialMessage, warningsOf } from "../../src/reports/denial.js";
import { review, reviewMutation, reviewValidation } from "../../src/review/review.js";
import { judge, kfCluster, objectsIn, request, rulesOf, shippedPacks, snapshotOf, stored } from "./world.js";
import { packOf } from "../rules/inline-pack.js";

const cluster = kfCluster();

function object(text: string): KubeObject {
  return objectsIn(text)[0] as KubeObject;
}

const KF = "system:serviceaccount:kf:controller";

describe("namespaces", () => {
  const plain = object("{apiVersion: v1, kind: Namespace, metadata: {name: shop}}");
  it("refuses one that declares no baseline, and shows the line to add", () => {
    const decision = judge(cluster, request("CREATE", plain));
    expect(rulesOf(decision)).toEqual(["baseline/declared"]);
    expect(denialMessage(decision)).toContain("sluice.dev/baseline: default-deny-dns");
  });
  it("admits a declared one", () => {
    const declared = object("{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {sluice.dev/baseline: default-deny-dns}}}");
    expect(judge(cluster, request("CREATE", declared))).toMatchObject({ allowed: true, violations: [] });
  });
  it("names the known baselines when an unknown one is declared", () => {
    const declared = object("{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {sluice.dev/baseline: none}}}");
    expect(denialMessage(judge(cluster, request("CREATE", declared)))).toContain("default-deny-dns");
  });
  it("admits exempt names, and Kf's by identity", () => {
    expect(judge(cluster, request("CREATE", object("{apiVersion: v1, kind: Namespace, metadata: {name: gke-managed-cim}}"))).allowed).toBe(true);
    expect(judge(cluster, request("CREATE", plain, { user: KF })).allowed).toBe(true);
  });
  it("only warns when the pack says Hold", () => {
    const decision = judge(cluster, request("CREATE", plain), shippedPacks({ onNamespaceCreate: "Hold" }));
    expect(decision.allowed).toBe(true);
    expect(rulesOf(decision, "warn")).toEqual(["baseline/declared"]);
  });
});

describe("deleting an allowance in a DenyAll Space", () => {
  it.each([
    ["allow-workload-identity", ["kf/workload-identity"]],
    ["allow-google-apis", ["kf/google-apis"]],
    ["allow-builds", ["kf/buildpacks", "kf/kube-apiserver"]],
    ["allow-gateway", ["kf/ingress-gateway"]],
    ["allow-apps", ["kf/east-west"]],
    ["allow-mesh", ["kf/mesh"]],
    ["allow-dns", ["baseline/dns", "kf/dns"]],
    ["default-deny", ["baseline/default-deny"]],
  ])("%s is refused by %j", (name, rules) => {
    const decision = judge(cluster, request("DELETE", stored("NetworkPolicy", "space-closed", name)));
    expect(rulesOf(decision)).toEqual(rules);
  });
  it("names a concrete running pod, the flow and the policies that deny", () => {
    const text = denialMessage(judge(cluster, request("DELETE", stored("NetworkPolicy", "space-closed", "allow-workload-identity"))));
    expect(text.split("\n")[0]).toBe(
      "[kf/workload-identity] Workload Identity of apps breaks for pods of namespace `space-closed` (also: Workload Identity of builds breaks for pods of namespace `space-closed`): pod `space-closed/billing-7b5d-k8k2` to `169.254.169.252` on TCP 988: egress denied by `space-closed/default-deny`, `space-closed/space-app-policy` and 4 more (1 running pod affected)",
    );
  });
});

describe("the same in a PermitAll Space", () => {
  it.each(["allow-google", "allow-dns"])("deleting %s", (name) => {
    const decision = judge(cluster, request("DELETE", stored("NetworkPolicy", "space-open", name)));
    // DNS of pods without the network label does break; what apps and builds need does not.
    expect(rulesOf(decision)).toEqual(name === "allow-dns" ? ["baseline/dns"] : []);
  });
});

describe("policies elsewhere", () => {
  it("refuses one in kube-system that cuts ingress to the DNS pods", () => {
    const cut = object("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: cut, namespace: kube-system}, spec: {podSelector: {matchLabels: {k8s-app: kube-dns}}, policyTypes: [Ingress]}}");
    const decision = judge(cluster, request("CREATE", cut));
    expect(rulesOf(decision)).toEqual(["baseline/dns", "kf/dns", "kf/system"]);
    expect(denialMessage(decision)).toContain("ingress denied by `kube-system/cut`");
  });
  it("refuses one that lets in only today's namespaces: tomorrow's would have no DNS", () => {
    const only = object(`{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: only, namespace: kube-system}, spec: {podSelector: {matchLabels: {k8s-app: kube-dns}}, ingress: [{from: [{namespaceSelector: {matchExpressions: [{key: kubernetes.io/metadata.name, operator: In, values: [space-open, space-closed, kf, default]}]}}]}]}}`);
    // A future Space is a future namespace too.
    expect(rulesOf(judge(cluster, request("CREATE", only)))).toEqual(["baseline/dns", "kf/dns"]);
  });
  it("admits one there that lets everybody in", () => {
    const open = object("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: open, namespace: kube-system}, spec: {podSelector: {matchLabels: {k8s-app: kube-dns}}, ingress: [{ports: [{protocol: UDP, port: 53}, {port: 53}]}]}}");
    expect(judge(cluster, request("CREATE", open)).allowed).toBe(true);
  });
  it("refuses egress of the gateway that leaves the apps out", () => {
    const cut = object("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: cut, namespace: asm-gateways}, spec: {podSelector: {}, policyTypes: [Egress]}}");
    expect(rulesOf(judge(cluster, request("CREATE", cut)))).toEqual(["kf/ingress-gateway"]);
  });
});

describe("pods", () => {
  const pod = (namespace: string, labels = "{}", spec = ""): KubeObject => object(`{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: ${namespace}, labels: ${labels}}, spec: {containers: [{name: c}]${spec}}}`);
  it("labels a pod of a Space that lacks the label", () => {
    const decision = judge(cluster, request("CREATE", pod("space-open", "{app.kubernetes.io/component: app-server}")));
    expect(decision).toMatchObject({ allowed: true, patch: [{ op: "add", path: "/metadata/labels/kf.dev~1networkpolicy", value: "app" }] });
    const build = judge(cluster, request("CREATE", pod("space-open", "{tekton.dev/taskRun: x}")));
    expect(build.patch).toEqual([{ op: "add", path: "/metadata/labels/kf.dev~1networkpolicy", value: "build" }]);
  });
  it("refuses spoofed and unknown values", () => {
    expect(rulesOf(judge(cluster, request("CREATE", pod("space-open", "{kf.dev/networkpolicy: build}"))))).toEqual(["kf/pod-label-claim"]);
    expect(rulesOf(judge(cluster, request("CREATE", pod("space-open", "{kf.dev/networkpolicy: other}"))))).toEqual(["kf/pod-label-value"]);
  });
  it("holds a pod of a namespace without baseline, and admits hostNetwork pods", () => {
    const held = judge(cluster, request("CREATE", pod("shop")));
    expect(rulesOf(held)).toEqual(["baseline/default-deny"]);
    expect(denialMessage(held)).toContain("held");
    expect(judge(cluster, request("CREATE", pod("shop", "{}", ", hostNetwork: true"))).allowed).toBe(true);
    expect(judge(cluster, request("CREATE", pod("kube-system"))).allowed).toBe(true);
  });
  it("refuses taking the label away", () => {
    const old = stored("Pod", "space-closed", "billing-7b5d-k8k2");
    const bare = { ...old, metadata: { ...old.metadata, labels: {} } };
    expect(rulesOf(judge(cluster, request("UPDATE", bare, { old })))).toContain("kf/pod-label-change");
  });
});

describe("a namespace that is being set up", () => {
  const shop = object("{apiVersion: v1, kind: Namespace, metadata: {name: shop, annotations: {sluice.dev/baseline: default-deny-dns}}}");
  const deny = object("{apiVersion: networking.k8s.io/v1, kind: NetworkPolicy, metadata: {name: default-deny, namespace: shop}, spec: {podSelector: {}, policyTypes: [Ingress, Egress]}}");
  it("may isolate before its allowances arrive, with a warning", () => {
    const decision = judge(cluster.with(snapshotChanges(shop)), request("CREATE", deny));
    expect(decision.allowed).toBe(true);
    expect(warningsOf(decision).join()).toContain("[baseline/dns]");
  });
  it("may not while a pod runs there", () => {
    const running = object("{apiVersion: v1, kind: Pod, metadata: {name: web, namespace: shop}, spec: {containers: [{name: c}]}, status: {phase: Running, podIP: 10.20.9.9}}");
    expect(rulesOf(judge(cluster.with(snapshotChanges(shop, running)), request("CREATE", deny)))).toEqual(["baseline/dns"]);
  });
});

describe("Kf's own writes", () => {
  it("admits its DenyAll policy with a warning, and judges a user's", () => {
    const old = stored("NetworkPolicy", "space-open", "space-app-policy");
    const closed = { ...old, spec: { podSelector: { matchLabels: { "kf.dev/networkpolicy": "app" } }, policyTypes: ["Egress", "Ingress"] } };
    const byKf = judge(cluster, request("UPDATE", closed, { old, user: KF }));
    expect(byKf.allowed).toBe(true);
    expect(rulesOf(byKf, "warn")).toContain("kf/workload-identity");
    const byUser = judge(cluster, request("UPDATE", closed, { old }));
    expect(rulesOf(byUser)).toContain("kf/workload-identity");
    expect(denialMessage(byUser)).toContain("Kf owns this policy and will undo the change");
  });
});

describe("always admitted", () => {
  it("cleaning up by controllers, in terminating namespaces, and of terminating objects", () => {
    const policy = stored("NetworkPolicy", "space-closed", "allow-dns");
    const gc = "system:serviceaccount:kube-system:generic-garbage-collector";
    expect(judge(cluster, request("DELETE", policy, { user: gc })).allowed).toBe(true);
    expect(judge(cluster, request("DELETE", { ...policy, metadata: { ...policy.metadata, deletionTimestamp: "2026-01-01T00:00:00Z" } })).allowed).toBe(true);
    expect(judge(cluster, request("DELETE", policy)).allowed).toBe(false);
  });
});

function snapshotChanges(...objects: KubeObject[]): Parameters<typeof cluster.with>[0] {
  const snapshot = snapshotOf(...objects);
  const namespaces = [...snapshot.namespaces.values()].map(({ namespace }) => ({ put: { fact: "namespace" as const, value: namespace } }));
  return [...namespaces, ...[...snapshot.pods()].map((value) => ({ put: { fact: "pod" as const, value } }))];
}

describe("pods", () => {
  it("may have a label that is called as what JavaScript's objects have by birth", () => {
    const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "space-closed", labels: { constructor: "x" } }, spec: { containers: [{ name: "a" }] } };
    const { allowed, patch } = judge(cluster, request("CREATE", pod));
    expect([allowed, patch]).toEqual([true, [{ op: "add", path: "/metadata/labels/kf.dev~1networkpolicy", value: "app" }]]);
  });
});

describe("a rule that fails while it adds to an object", () => {
  const context = { snapshot: cluster, packs: packOf("{rules: [{id: zone, check: set-pod-label, enforcementAction: deny, match: {kinds: [Pod]}, with: {label: zone, cases: [{when: 'object.spec.absent', value: a}]}}]}"), now: 0 };
  const asked = request("CREATE", object("{apiVersion: v1, kind: Pod, metadata: {name: p, namespace: space-open}, spec: {containers: [{name: a}]}}"));
  it("is let through by the mutating half, which says what failed", () => {
    expect(reviewMutation(asked, context)).toMatchObject({ allowed: true, patch: [], errors: [{ code: "cel/evaluation" }] });
  });
  it("is judged by its failure mode in the validating half, and once in both together", () => {
    const validated = reviewValidation(asked, context);
    expect(validated.violations.map(({ rule, action, message }) => [rule, action, message])).toEqual([["zone", "deny", expect.stringMatching(/^the rule could not be judged \(failure mode Deny\): expression `object.spec.absent` failed/)]]);
    expect(review(asked, context)).toEqual(validated);
  });
});
