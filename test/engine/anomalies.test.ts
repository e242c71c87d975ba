import { describe, expect, test } from "vitest";
import { anomalies } from "../../src/engine/anomalies.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import type { Policy, PolicyRule } from "../../src/model/policy.js";
import { ALL_TRAFFIC } from "../../src/model/traffic.js";
import { adminPolicy, cluster, namespace, networkPolicy, pod } from "./cluster.js";

const PODS = [namespace("default"), namespace("shop", { team: "red" }), pod("a", { labels: { app: "a" } }), pod("b", { labels: { app: "b" } })];
const app = (value: string) => ({ matchLabels: { app: value } });

function found(...policies: readonly KubeObject[]): readonly string[] {
  return [...anomalies(cluster(...PODS, ...policies))].map(({ kind, policy, path }) => `${kind} ${policy.name} ${path}`);
}

describe("anomalies", () => {
  test("none in a policy that says what it means", () => {
    expect(found(networkPolicy("p", { podSelector: app("a"), ingress: [{ from: [{ podSelector: app("b") }], ports: [{ port: 80 }] }, { from: [{ namespaceSelector: { matchLabels: { team: "red" } }, podSelector: {} }] }] }))).toEqual([
      // Nobody runs in `shop` yet.
      "peers-select-nothing p spec.ingress[1]",
    ]);
  });

  test("selectors that select nothing, and labels that nothing carries", () => {
    expect(found(networkPolicy("p", { podSelector: app("none"), ingress: [{ from: [{ podSelector: app("gone") }] }] }))).toEqual(["selects-nothing p spec", "peers-select-nothing p spec.ingress[0]"]);
    expect(found(networkPolicy("p", { ingress: [{ from: [{ namespaceSelector: { matchLabels: { name: "shop" } } }, { podSelector: {} }] }] }))).toContain("unknown-label p spec.ingress[0]");
  });

  test("rules that can match nothing", () => {
    const contradiction = { podSelector: { matchLabels: { app: "a" }, matchExpressions: [{ key: "app", operator: "NotIn", values: ["a"] }] } };
    expect(found(networkPolicy("p", { ingress: [{ from: [contradiction] }] }))).toEqual(["dead p spec.ingress[0]"]);
    const [policy] = cluster(networkPolicy("p", { policyTypes: ["Egress"] })).policies();
    const rule: PolicyRule = { action: "Accept", peers: "everyone", traffic: { ports: ALL_TRAFFIC, named: [] }, path: "spec.ingress[0]" };
    const unlisted = { ...(policy as Policy), rules: { ingress: [rule], egress: [] } };
    const snapshot = cluster(...PODS).with([{ put: { fact: "policy", value: unlisted } }]);
    expect([...anomalies(snapshot)].map(({ kind, path }) => `${kind} ${path}`)).toEqual(["dead spec.ingress[0]"]);
  });

  test("two items where one with both selectors may have been meant", () => {
    const team = { matchLabels: { team: "red" } };
    expect(found(networkPolicy("p", { ingress: [{ from: [{ namespaceSelector: team }, { podSelector: app("a") }] }] }))).toEqual(["or-for-and p spec.ingress[0]"]);
    expect(found(networkPolicy("p", { ingress: [{ from: [{ namespaceSelector: {} }, { podSelector: app("a") }] }] }))).toEqual([]);
  });

  test("a rule that another one already says, within a policy and between policies", () => {
    const narrow = { from: [{ podSelector: app("a") }], ports: [{ port: 80 }] };
    const wide = { from: [{ podSelector: {} }], ports: [{ port: 80, endPort: 90 }] };
    expect(found(networkPolicy("p", { ingress: [wide, narrow] }))).toEqual(["redundant p spec.ingress[1]"]);
    expect(found(networkPolicy("p", { ingress: [narrow, wide] }))).toEqual(["redundant p spec.ingress[0]"]);
    expect(found(networkPolicy("p", { ingress: [wide] }), networkPolicy("q", { podSelector: app("a"), ingress: [narrow] }))).toEqual(["redundant q spec.ingress[0]"]);
    expect(found(networkPolicy("p", { podSelector: app("a"), ingress: [wide] }), networkPolicy("q", { ingress: [narrow] }))).toEqual([]);
  });

  test("of two that say the same, the first one stands", () => {
    expect(found(networkPolicy("p", { ingress: [{}] }), networkPolicy("q", { ingress: [{}] }))).toEqual(["redundant q spec.ingress[0]"]);
    expect(found(networkPolicy("p", { ingress: [{}, {}] }))).toEqual(["redundant p spec.ingress[1]"]);
  });

  test("a rule that comes too late", () => {
    const rule = (action: string, port: number) => ({ action, from: [{ namespaces: {} }], ports: [{ portNumber: { protocol: "TCP", port } }] });
    expect(found(adminPolicy("one", 1, { ingress: [rule("Deny", 80), rule("Allow", 80), rule("Allow", 81)] }))).toEqual(["shadowed one spec.ingress[1]"]);
    expect(found(adminPolicy("one", 1, { ingress: [rule("Pass", 80)] }), adminPolicy("two", 2, { ingress: [rule("Deny", 80)] }))).toEqual(["shadowed two spec.ingress[0]"]);
    expect(found(adminPolicy("one", 2, { ingress: [rule("Pass", 80)] }), adminPolicy("two", 2, { ingress: [rule("Deny", 80)] }))).toEqual([]);
  });
});
