import { describe, expect, it } from "vitest";
import { formatProblem } from "../../src/model/result.js";
import { compilePacks } from "../../src/packs/compile.js";
import { judge, objectsIn, request, rulesOf, snapshotOf } from "../review/world.js";
import { namespace, packOf, pod, policy, tryPack } from "../rules/inline-pack.js";

const cel = (expression: string, more = ""): string => `{rules: [{id: r, check: cel-expression, enforcementAction: deny${more}, with: {expression: "${expression}", says: "'no'"}}]}`;

describe("names and conditions that cannot be", () => {
  it.each<[string, string, RegExp[]]>([
    ["CEL that does not parse", cel("object.x =="), [/^spec\.rules\[0\]\.with\.expression: expression `object\.x ==` does not compile: \S/]],
    ["an unknown variable", cel("objekt.x == 1"), [/^spec\.rules\[0\]\.with\.expression: expression .* does not compile: .*objekt/]],
    ["an unknown function", cel("labels(object)"), [/^spec\.rules\[0\]\.with\.expression: expression .* does not compile/]],
    ["types that do not fit", cel("label(object, 1) == 'x'"), [/^spec\.rules\[0\]\.with\.expression: expression .* does not compile/]],
    ["an expression nested too deep", cel(`${"(".repeat(40)}true${")".repeat(40)}`.replaceAll("(", "[").replaceAll(")", "]")), [/does not compile/]],
    ["a text", "{rules: [{id: r, check: cel-expression, enforcementAction: deny, with: {expression: 'true', says: oops(}}]}", [/^spec\.rules\[0\]\.with\.says: expression `oops\(` does not compile/]],
    ["a condition", cel("true", ", match: {conditions: ['true', '1 +']}"), [/^spec\.rules\[0\]\.match\.conditions\[1\]: expression `1 \+` does not compile/]],
    ["a `when`", cel("true", ", when: params.x"), [/^spec\.rules\[0\]\.when: expression `params\.x` failed/]],
    ["a case of a label", "{rules: [{id: r, check: set-pod-label, enforcementAction: deny, with: {label: l, cases: [{when: 'true', value: a}, {when: '(', value: b}]}}]}", [/^spec\.rules\[0\]\.with\.cases\[1\]\.when: expression `\(` does not compile/]],
    ["a namespace set that is not defined", cel("true", ", match: {namespaces: shops}"), [/^spec\.rules\[0\]\.match\.namespaces: `shops` names nothing in `spec\.namespaces`$/]],
    ["one of a pack that is not in force", cel("true", ", match: {namespaces: other/shops}"), [/`other\/shops` names nothing in `spec\.namespaces` \(pack `other` is not in force\)$/]],
    ["a baseline that nobody defines", "{rules: [], provisions: [{baseline: b, match: {}}]}", [/^spec\.provisions\[0\]\.baseline: no pack in force defines a baseline `b`$/]],
    ["an exemption's condition", "{rules: [], exemptions: [{rules: ['*'], becomes: off, match: {conditions: ['(']}}]}".replace("becomes: off", 'becomes: "off"'), [/^spec\.exemptions\[0\]\.match\.conditions\[0\]: expression `\(` does not compile/]],
    ["several", "{rules: [{id: a, check: cel-expression, enforcementAction: deny, with: {expression: '(', says: \"''\"}}, {id: b, check: require-default-deny, enforcementAction: deny, with: {namespaces: x}}]}", [/^spec\.rules\[0\]/, /^spec\.rules\[1\]\.with\.namespaces: `x` names nothing/]],
  ])("%s", (_what, spec, expected) => {
    const found = tryPack(spec) as readonly string[];
    expect(found).toHaveLength(expected.length);
    expected.forEach((message, i) => expect(found[i]).toMatch(message));
  });
});

describe("when a rule is asked", () => {
  const web = pod("a", "web");
  const world = snapshotOf(namespace("a"));
  const asked = (more: string, profile = {}) => rulesOf(judge(world, request("CREATE", web), packOf(cel("false", more), profile)));
  it.each<[string, string, string[]]>([
    ["always", "", ["t/r"]],
    ["its kind", ", match: {kinds: [Pod]}", ["t/r"]],
    ["another kind", ", match: {kinds: [Namespace, Pod.apps]}", []],
    ["another operation", ", match: {operations: [UPDATE]}", []],
    ["its namespace", ", match: {namespaces: {names: ['a*']}}", ["t/r"]],
    ["another namespace", ", match: {namespaces: {names: [b]}}", []],
    ["all conditions", ", match: {conditions: [\"object.metadata.name == 'web'\", \"request.operation == 'CREATE'\"]}", ["t/r"]],
    ["not all conditions", ", match: {conditions: [\"object.metadata.name == 'web'\", \"false\"]}", []],
    ["when", ", when: \"profile.dnsMode == 'kube-dns'\"", ["t/r"]],
    ["when not", ", when: \"profile.dnsMode == 'cloud-dns'\"", []],
  ])("%s", (_what, more, rules) => expect(asked(more)).toEqual(rules));
  it("off is not asked, dryrun and warn admit", () => {
    for (const action of ["off", "dryrun", "warn"]) {
      const packs = packOf(`{rules: [{id: r, check: cel-expression, enforcementAction: "${action}", with: {expression: "false", says: "'no'"}}]}`);
      const decision = judge(world, request("CREATE", web), packs);
      expect([decision.allowed, decision.violations.map((violation) => violation.action)]).toEqual([true, action === "off" ? [] : [action]]);
    }
  });
  it("an error is decided by the failure mode", () => {
    const broken = "rules: [{id: r, check: cel-expression, enforcementAction: deny, with: {expression: object.spec.nothing == 1, says: \"'no'\"}}]";
    expect(judge(world, request("CREATE", web), packOf(`{${broken}}`)).allowed).toBe(false);
    const lenient = judge(world, request("CREATE", web), packOf(`{failureMode: Allow, ${broken}}`));
    expect([lenient.allowed, rulesOf(lenient, "warn")]).toEqual([true, ["t/r"]]);
  });
});

describe("packs together", () => {
  it("`exempt` means the names of all of them, globs included", () => {
    const packs = packOf("{exemptNamespaces: [kube-*, x], namespaces: {guarded: {exempt: false}}, rules: [{id: r, check: require-default-deny, enforcementAction: deny, hold: deny, with: {namespaces: guarded}}]}");
    expect(["kube-system", "x", "xy", "kube"].map(packs.isExempt)).toEqual([true, true, false, false]);
    expect(judge(snapshotOf(), request("CREATE", pod("x", "p")), packs).allowed).toBe(true);
    expect(judge(snapshotOf(), request("CREATE", pod("y", "p")), packs).allowed).toBe(false);
  });
  it("exemptions cover rules by name", () => {
    const spec = (becomes: string, rules: string): string =>
      `{rules: [{id: r, check: forbid-allow-all, enforcementAction: deny, remediation: think}], exemptions: [{rules: ['${rules}'], becomes: "${becomes}", note: again, match: {kinds: [NetworkPolicy], conditions: ["request.userInfo.username == 'boss'"]}}]}`;
    const open = policy("a", "p", "{podSelector: {}, ingress: [{}]}");
    const ask = (becomes: string, rules = "t/*", user = "boss") => judge(snapshotOf(namespace("a")), request("CREATE", open, { user }), packOf(spec(becomes, rules)));
    expect(ask("off")).toMatchObject({ allowed: true, violations: [] });
    expect(rulesOf(ask("warn"), "warn")).toEqual(["t/r"]);
    expect(ask("note").violations[0]).toMatchObject({ action: "deny", remediation: "think; again" });
    expect(ask("off", "other/*").allowed).toBe(false);
    expect(ask("off", "t/*", "developer").allowed).toBe(false);
  });
  it("two of one name are a problem: which is meant by `PACK.NAME`?", () => {
    const pack = objectsIn("{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: t}, spec: {rules: []}}");
    const compiled = compilePacks([...pack, ...pack], { settings: {}, profile: {} });
    expect(compiled.ok ? [] : compiled.problems.map(formatProblem)).toEqual(["two packs in force are named `t`; take one out of the folder"]);
  });
});
