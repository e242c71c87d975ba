import { describe, expect, it } from "vitest";
import { compilePacks } from "../../src/packs/compile.js";
import { joinOverrides, overrideRule, ruleAt } from "../../src/packs/overlay.js";
import type { EnforcementPoint, RuleEntry } from "../../src/packs/pack.js";
import { judge, objectsIn, request, rulesOf, shippedPacks, snapshotOf } from "../review/world.js";
import { namespace, packOf, pod } from "../rules/inline-pack.js";

const entry = (more: Partial<RuleEntry> = {}): RuleEntry => ({ id: "r", check: "c", enforcementAction: "deny", hold: "deny", with: {}, ...more });

describe("what a rule does at an enforcement point", () => {
  it("its action, unless the point has one of its own, which is also the most that it does to pods", () => {
    const rule = entry({ enforcement: { check: "warn", audit: "off" } });
    const at = (point: EnforcementPoint) => [ruleAt(rule, point).enforcementAction, ruleAt(rule, point).hold];
    expect([at("webhook"), at("check"), at("audit")]).toEqual([["deny", "deny"], ["warn", "warn"], ["off", "off"]]);
  });
  it("whoever says what it does says it everywhere, unless he says otherwise", () => {
    const rule = entry({ enforcement: { webhook: "deny", check: "deny" } });
    expect(ruleAt(overrideRule(rule, { enforcementAction: "warn" }), "webhook").enforcementAction).toBe("warn");
    expect(ruleAt(overrideRule(rule, { enforcementAction: "warn", enforcement: { check: "deny" } }), "check").enforcementAction).toBe("deny");
    expect(ruleAt(overrideRule(rule, { enforcement: { check: "warn" } }), "webhook").enforcementAction).toBe("deny");
  });
  it("overlays over each other: the same", () => {
    expect(joinOverrides({ enforcement: { check: "warn" }, hold: "warn" }, { enforcementAction: "deny" })).toEqual({ enforcementAction: "deny", hold: "warn" });
    expect(joinOverrides({ enforcementAction: "warn", enforcement: { check: "deny" } }, { enforcement: { audit: "deny" } })).toEqual({ enforcementAction: "warn", enforcement: { check: "deny", audit: "deny" } });
  });
  it("a rule that is off here and on there", () => {
    const pack = objectsIn("{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: t}, spec: {rules: [{id: r, check: forbid-allow-all, enforcementAction: 'off', enforcement: {check: deny}}]}}");
    const idsAt = (point: EnforcementPoint): string[] => {
      const compiled = compilePacks(pack, { settings: {}, profile: shippedPacks().profile, point });
      return compiled.ok ? compiled.value.rules.map(({ id }) => id) : ["problem"];
    };
    expect([idsAt("webhook"), idsAt("check"), idsAt("audit")]).toEqual([[], ["t/r"], []]);
  });
});

it("message, severity, remediation and link of a rule are told with every violation", () => {
  const packs = packOf("{rules: [{id: r, check: require-label, enforcementAction: warn, severity: high, message: every pod has an owner, remediation: ask, link: 'https://example.com/owner', match: {kinds: [Pod]}, with: {labels: [{key: team}]}}]}");
  const decision = judge(snapshotOf(namespace("a")), request("CREATE", pod("a", "p")), packs);
  expect(rulesOf(decision, "warn")).toEqual(["t/r"]);
  expect(decision.violations[0]).toMatchObject({ message: "every pod has an owner: label `team` is missing", severity: "high", remediation: "ask", link: "https://example.com/owner" });
});
