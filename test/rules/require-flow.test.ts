import { describe, expect, it } from "vitest";
import { denialMessage } from "../../src/reports/denial.js";
import { judge, request, rulesOf, snapshotOf } from "../review/world.js";
import { namespace, packOf, pod, policy, tryPack } from "./inline-pack.js";

const pack = (protects: string): string => `
  rules:
    - id: proxy
      check: require-flow
      enforcementAction: deny
      with: {flows: [{what: the proxy, protects: ${protects}, subject: {namespaces: {names: [a]}, matchLabels: {app: web}}, egressTo: {addresses: [10.1.2.3], ports: [3128/TCP]}}]}`;

describe("protects", () => {
  const world = snapshotOf(namespace("a"), pod("a", "web-1", "{app: web, tier: front}"));
  const shut = (labels: string) => request("CREATE", policy("a", "shut", `{podSelector: {matchLabels: ${labels}}, policyTypes: [Egress]}`));
  it("AllPods: a pod that nobody has created yet loses it too", () => {
    const decision = judge(world, shut("{tier: back}"), packOf(pack("AllPods")));
    expect(rulesOf(decision)).toEqual(["t/proxy"]);
    expect(denialMessage(decision)).toMatch(/a pod with labels `(app=web,tier=back|tier=back,app=web)` in `a` to `10\.1\.2\.3` on TCP 3128: egress denied/);
  });
  it("ExistingPods: only those that run count", () => {
    const existing = packOf(pack("ExistingPods"));
    expect(judge(world, shut("{tier: back}"), existing)).toMatchObject({ allowed: true, violations: [] });
    expect(rulesOf(judge(world, shut("{tier: front}"), existing))).toEqual(["t/proxy"]);
    expect(judge(snapshotOf(namespace("a")), shut("{tier: front}"), existing).allowed).toBe(true);
  });
});

it("tells what is wrong with a flow, with its path", () => {
  expect(tryPack(pack("AllPods").replace("matchLabels: {app: web}", "matchLabels: {app: 1}").replace("10.1.2.3", "10.1.2"))).toEqual([
    "spec.rules[0].with.flows[0].subject.matchLabels.app: the value of label `app` must be a string",
    "spec.rules[0].with.flows[0].egressTo.addresses[0]: `10.1.2` is no address or CIDR",
  ]);
  expect(tryPack(pack("Everybody"))).toEqual(["spec.rules[0].with.flows[0].protects: must be equal to one of the allowed values: AllPods, ExistingPods"]);
});
