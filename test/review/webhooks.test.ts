import { describe, expect, it } from "vitest";
import type { CompiledPacks } from "../../src/packs/compile.js";
import { unsendable } from "../../src/review/webhook-needs.js";
import { webhookConfigurations } from "../../src/review/webhooks.js";
import { packOf } from "../rules/inline-pack.js";
import { shippedPacks } from "./world.js";

interface Webhook {
  readonly name: string;
  readonly failurePolicy: string;
  readonly rules: readonly { apiGroups: string[]; resources: string[]; operations: string[]; scope: string }[];
  readonly namespaceSelector: unknown;
  readonly matchConditions: readonly { name: string; expression: string }[];
}

function webhooksOf(packs: CompiledPacks): Webhook[] {
  const made = webhookConfigurations(packs, { at: { url: "https://x" } });
  if (!made.ok) throw new Error(made.problems.map(({ message }) => message).join());
  // The one about packs themselves is always there.
  return made.value.flatMap(({ webhooks }) => webhooks as Webhook[]).filter(({ name }) => name !== "packs.sluice.dev");
}

/** `name`: `OPERATION,... resource,...`. */
function rules(packs: CompiledPacks): Record<string, string[]> {
  return Object.fromEntries(webhooksOf(packs).map((webhook) => [webhook.name, webhook.rules.map(({ resources, operations }) => `${operations.join()} ${resources.join()}`)]));
}

const POLICIES = ["networkpolicies", "adminnetworkpolicies,baselineadminnetworkpolicies", "clusternetworkpolicies"];
const writes = POLICIES.map((resource) => `CREATE,UPDATE ${resource}`);
const all = POLICIES.map((resource) => `CREATE,UPDATE,DELETE ${resource}`);
const cel = (more: string, action = "deny"): string => `{id: r, check: cel-expression, enforcementAction: ${action}, with: {expression: 'true', says: "'x'"}${more}}`;

describe("webhook configurations", () => {
  it("send what a rule's match names, and no more", () => {
    expect(rules(packOf(`{rules: [${cel(", match: {kinds: [Pod], operations: [UPDATE]}", "warn")}]}`))).toEqual({ "warn.sluice.dev": ["UPDATE pods"] });
    expect(rules(packOf(`{rules: [${cel(", match: {kinds: [Namespace]}")}]}`))).toEqual({ "deny.sluice.dev": ["CREATE,UPDATE namespaces", ...writes] });
    const watched = "watches: [{group: shop.example, version: v2, kind: Widget, resource: widgets, namespaced: true}]";
    const [deny] = webhooksOf(packOf(`{${watched}, rules: [${cel(", match: {kinds: [Widget.shop.example]}")}]}`));
    expect(deny?.rules[0]).toEqual({ apiGroups: ["shop.example"], apiVersions: ["v2"], resources: ["widgets"], operations: ["CREATE", "UPDATE", "DELETE"], scope: "Namespaced" });
  });

  it("know what a check is about where the match does not say", () => {
    expect(rules(packOf("{rules: [{id: r, check: forbid-allow-all, enforcementAction: warn}]}"))).toEqual({ "warn.sluice.dev": all });
    expect(rules(packOf(`{rules: [${cel("", "dryrun")}]}`))).toEqual({ "warn.sluice.dev": ["CREATE,UPDATE pods,namespaces", ...all].flatMap((one) => (one.includes("pods") ? ["CREATE,UPDATE pods", "CREATE,UPDATE namespaces"] : [one])) });
  });

  it("send pod creations only where something is held or labelled", () => {
    const flow = (hold: string): string => `{namespaces: {a: {names: [a]}}, rules: [{id: r, check: require-default-deny, enforcementAction: deny${hold}, with: {namespaces: a}}]}`;
    expect(rules(packOf(flow("")))["deny.sluice.dev"]).toEqual(["UPDATE pods", "UPDATE namespaces", ...all]);
    expect(rules(packOf(flow(", hold: deny")))["deny.sluice.dev"]).toContain("CREATE,UPDATE pods");
    expect(rules(packOf(flow(", hold: warn")))).toEqual({ "deny.sluice.dev": ["UPDATE pods", "UPDATE namespaces", ...all], "warn.sluice.dev": ["CREATE pods"] });
    const label = "{rules: [{id: r, check: set-pod-label, enforcementAction: deny, match: {kinds: [Pod], operations: [CREATE]}, with: {label: a, cases: [{when: 'true', value: b}]}}]}";
    expect(rules(packOf(label))).toEqual({ "label.sluice.dev": ["CREATE pods"] });
  });

  it("no request is sent to be judged twice: what may be refused is told its warnings with the same answer", () => {
    const packs = packOf(`{exemptNamespaces: [mine], rules: [${cel(", match: {kinds: [Pod], operations: [CREATE]}")}, ${cel(", match: {kinds: [Pod, Namespace]}", "warn").replace("id: r", "id: s")}]}`);
    expect(rules(packs)).toEqual({ "deny.sluice.dev": ["CREATE pods", ...writes], "warn.sluice.dev": ["UPDATE pods", "CREATE,UPDATE namespaces"] });
  });

  it("exempt namespaces are sent what can matter elsewhere, and fail open", () => {
    const packs = packOf(`{exemptNamespaces: [mine, "sys-*"], rules: [${cel(", match: {kinds: [Pod, Namespace, NetworkPolicy, ClusterNetworkPolicy]}")}]}`);
    const exempt = webhooksOf(packs).find(({ name }) => name === "exempt.sluice.dev");
    expect(rules(packs)["exempt.sluice.dev"]).toEqual(["UPDATE pods", "UPDATE namespaces", "CREATE,UPDATE,DELETE networkpolicies"]);
    expect(exempt?.failurePolicy).toBe("Ignore");
    expect(exempt?.matchConditions[0]?.expression).toMatch(/^has\(request\.namespace\) && \(request\.namespace in \["mine"\] \|\| \["sys-"\]\.exists\(/);
  });

  it("nothing that may refuse: no configuration that fails closed holds anything", () => {
    const audit = packOf("{rules: [{id: r, check: forbid-allow-all, enforcementAction: warn}]}");
    expect(webhooksOf(audit).filter(({ failurePolicy }) => failurePolicy === "Fail")).toEqual([]);
  });

  it("a pack that fails open is not made to fail closed, and no request is sent twice", () => {
    const open = packOf(`{failureMode: Allow, rules: [${cel(", match: {kinds: [Pod]}")}]}`);
    const found = webhooksOf(open).filter(({ name }) => name.startsWith("deny"));
    // Unreadable policies are refused by Sluice itself.
    expect(found.map(({ name, failurePolicy, rules: sent }) => [name, failurePolicy, sent.flatMap(({ resources }) => resources)])).toEqual([
      ["deny.sluice.dev", "Fail", ["networkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"]],
      ["deny-open.sluice.dev", "Ignore", ["pods"]],
    ]);
  });

  it("the shipped packs: exempt names are left out of what fails closed, and refusals there fail open", () => {
    const [label, deny, exempt] = webhooksOf(shippedPacks({ "baseline.exemptNamespaces": ["mine", "a*b.c", 'it"s'] }));
    const names = (deny?.namespaceSelector as { matchExpressions: { values: string[] }[] }).matchExpressions[0]?.values;
    expect(names).toEqual(expect.arrayContaining(["kube-system", "mine", 'it"s']));
    expect(label?.namespaceSelector).toEqual(deny?.namespaceSelector);
    expect(exempt?.namespaceSelector).toEqual({});
    const pattern = deny?.matchConditions.find(({ name }) => name === "no-exempt-pattern")?.expression;
    expect(pattern).toBe('!has(request.namespace) || !(["gke-", "gmp-", "tekton-pipelines"].exists(prefix, request.namespace.startsWith(prefix)) || request.namespace.matches("^a.*b\\\\.c$"))');
    expect([deny, exempt, label].map((one) => one?.failurePolicy)).toEqual(["Fail", "Ignore", "Ignore"]);
  });

  it("tell which rules of other packs nothing could be sent to", () => {
    const of = (...kinds: string[]): CompiledPacks => packOf(`{rules: [${kinds.map((kind) => cel(`, match: {kinds: [${kind}]}`)).join()}]}`);
    expect(unsendable(of("Pod", "Widget"), of("Pod")).map(({ message }) => message)).toEqual(["rule `t/r` is about `Widget`, whose resource is not known: list it in `spec.watches` of its pack"]);
    expect(unsendable(of("Widget"), of("Widget"))).toEqual([]);
  });

  it("packs and exceptions are always judged, and fail closed", () => {
    const made = webhookConfigurations(packOf("{rules: []}"), { at: { url: "https://x" } });
    const webhooks = made.ok ? made.value.flatMap((one) => one["webhooks"] as Webhook[]) : [];
    expect(webhooks.map(({ name, failurePolicy, rules: sent }) => [name, failurePolicy, sent])).toEqual([
      ["packs.sluice.dev", "Fail", [{ apiGroups: ["sluice.dev"], apiVersions: ["v1alpha1"], resources: ["rulepacks", "policyexceptions"], operations: ["CREATE", "UPDATE", "DELETE"], scope: "Cluster" }]],
    ]);
  });

  it("no condition reads `namespaceObject`, or a field that may be absent without asking first", () => {
    for (const { expression } of webhooksOf(shippedPacks()).flatMap(({ matchConditions }) => matchConditions)) {
      expect(expression).not.toContain("namespaceObject");
      for (const field of ["request.namespace", "request.userInfo.groups", "request.userInfo.username"]) if (expression.includes(`${field} `) || expression.includes(`in ${field}`)) expect(expression).toContain(`has(${field})`);
    }
  });
});
