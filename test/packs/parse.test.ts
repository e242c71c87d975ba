import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import { parsePack } from "../../src/packs/parse.js";
import { parseProfile } from "../../src/packs/profile.js";
import { CHECKS } from "../../src/rules/index.js";
import { objectsIn } from "../review/world.js";

const profile = parseProfile({});
if (!profile.ok) throw new Error("the default profile must do");

const parse = (spec: string, settings: Readonly<Record<string, unknown>> = {}, head = "apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: t}") => parsePack(objectsIn(`{${head}, spec: ${spec}}`)[0] as KubeObject, settings, profile.value);
const problems = (...given: Parameters<typeof parse>): string[] => {
  const parsed = parse(...given);
  return parsed.ok ? [] : parsed.problems.map(formatProblem);
};
const rule = (more: string): string => `{rules: [{id: a, check: require-default-deny, enforcementAction: deny, with: {namespaces: {names: [x]}}${more}}]}`;

describe("what is wrong with a pack names its path", () => {
  it.each<[string, string, string[]]>([
    ["nothing", "{}", ["spec: must have required property 'rules'"]],
    ["an unknown field", "{rules: [], rulez: []}", ["spec.rulez: unknown field `rulez`"]],
    ["an unknown check", "{rules: [{id: a, check: require-flows, enforcementAction: deny}]}", [`spec.rules[0].check: must be equal to one of the allowed values: ${CHECKS.map(({ id }) => id).join(", ")}`]],
    ["an id that is no name", "{rules: [{id: A b, check: forbid-allow-all, enforcementAction: deny}]}", ['spec.rules[0].id: must match pattern "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$"']],
    ["an action that there is not", "{rules: [{id: a, check: forbid-allow-all, enforcementAction: refuse}]}", ["spec.rules[0].enforcementAction: must be equal to one of the allowed values: deny, warn, dryrun, off"]],
    ["a rule without an action", "{rules: [{id: a, check: forbid-allow-all}]}", ["spec.rules[0]: must have required property 'enforcementAction'"]],
    ["a field of a rule", rule(", holds: deny"), ["spec.rules[0].holds: unknown field `holds`"]],
    ["`with` that its check does not have", "{rules: [{id: a, check: forbid-allow-all, enforcementAction: deny, with: {x: 1}}]}", ["spec.rules[0].with.x: unknown field `x`"]],
    ["`with` that its check needs", "{rules: [{id: a, check: require-default-deny, enforcementAction: deny}]}", ["spec.rules[0]: must have required property 'with'"]],
    ["a match", rule(", match: {operations: [PATCH]}"), ["spec.rules[0].match.operations[0]: must be equal to one of the allowed values: CREATE, UPDATE, DELETE"]],
    ["a flow without direction", "{rules: [{id: a, check: require-flow, enforcementAction: deny, with: {flows: [{what: x, subject: {namespaces: y}}]}}]}", ["spec.rules[0].with.flows[0]: must have required property 'egressTo'"]],
    ["ports that cannot be read", "{rules: [{id: a, check: require-flow, enforcementAction: deny, with: {flows: [{what: x, subject: {namespaces: y}, egressTo: {addresses: [10.0.0.0/8], ports: [443]}}]}}]}", ["spec.rules[0].with.flows[0].egressTo.ports[0]: must be string"]],
    ["an exemption", "{rules: [], exemptions: [{rules: [a/b], becomes: allowed, match: {}}]}", ["spec.exemptions[0].becomes: must be equal to one of the allowed values: off, warn, note"]],
    ["a baseline", "{rules: [], baselines: {b: {policies: []}}}", ["spec.baselines.b: must have required property 'description'"]],
    ["a failure mode", "{rules: [], failureMode: Ignore}", ["spec.failureMode: must be equal to one of the allowed values: Deny, Allow"]],
    ["a parameter without a default", "{rules: [], parameters: {x: {type: string, description: d}}}", ["spec.parameters.x: must have required property 'default'"]],
    ["a parameter of an unknown type", "{rules: [], parameters: {x: {type: map, default: {}, description: d}}}", ["spec.parameters.x.type: must be equal to one of the allowed values: string, boolean, integer, array"]],
  ])("%s", (_what, spec, expected) => expect(problems(spec)).toEqual(expected));
  it("all of them at once", () => expect(problems("{rules: [{id: a, check: forbid-allow-all, enforcementAction: no}], x: 1, failureMode: y}")).toHaveLength(3));
  it("of the head before anything else", () => {
    expect(problems("{}", {}, "apiVersion: sluice.dev/v2, kind: RulePack, metadata: {name: t}")).toEqual(["apiVersion: must be equal to constant: sluice.dev/v1alpha1"]);
    expect(problems("{}", {}, "apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {}")).toEqual(["metadata: must have required property 'name'"]);
  });
});

describe("parameters", () => {
  const pack = "{parameters: {who: {type: array, items: {type: string}, default: [a], description: d}, mode: {type: string, enum: [x, y], default: x, description: d}, n: {type: integer, default: 3, description: d}}, rules: []}";
  const params = (settings: Readonly<Record<string, unknown>>) => {
    const parsed = parse(pack, settings);
    return parsed.ok ? parsed.value.params : parsed.problems.map(formatProblem);
  };
  it("hold their defaults, else what is set for all packs, else what is set for this one", () => {
    expect(params({})).toEqual({ who: ["a"], mode: "x", n: 3 });
    expect(params({ mode: "y", who: [] })).toEqual({ who: [], mode: "y", n: 3 });
    expect(params({ mode: "x", "t.mode": "y" })).toMatchObject({ mode: "y" });
    expect(params({ "other.mode": "y", unheard: 1 })).toMatchObject({ mode: "x" });
  });
  it("are checked against their own schema", () => {
    expect(params({ mode: "z", n: 1.5, who: "a" })).toEqual([
      "t.who: parameter `t.who` must be array",
      "t.mode: parameter `t.mode` must be equal to one of the allowed values: x, y",
      "t.n: parameter `t.n` must be integer",
    ]);
    expect(params({ who: [1] })).toEqual(["t.who: parameter `t.who` must be string"]);
  });
  it("a bad default is found", () => expect(problems("{parameters: {b: {type: boolean, default: maybe, description: d}}, rules: []}")).toEqual(["t.b: parameter `t.b` must be boolean"]));
});

describe("substitution", () => {
  const PARAMETERS = "parameters: {list: {type: array, default: [b, c], description: d}, text: {type: string, default: it, description: d}, n: {type: integer, default: 2, description: d}, flag: {type: boolean, default: true, description: d}}";
  const anywhere = (value: string): unknown => {
    const parsed = parse(`{${PARAMETERS}, baselines: {e: {description: d, policies: [{x: ${value}}]}}, rules: []}`);
    return parsed.ok ? (parsed.value.pack.spec.baselines["e"]?.policies[0] as unknown as { x: unknown }).x : parsed.problems.map(formatProblem);
  };
  it.each<[string, string, unknown]>([
    ["a value keeps its type", "$(params.flag)", true],
    ["numbers are numbers", "$(params.n)", 2],
    ["also those that CEL counts", "$(size(params.list))", 2],
    ["a list", "$(params.list)", ["b", "c"]],
    ["a list in a list is spliced in", "[a, $(params.list), d]", ["a", "b", "c", "d"]],
    ["a text in a list is not", "[a, $(params.text)]", ["a", "it"]],
    ["the profile", "$(profile.dnsMode)", "kube-dns"],
    ["an expression", "\"$(params.flag ? 'yes' : 'no')\"", "yes"],
    ["deep down", "{y: [{z: $(params.text)}]}", { y: [{ z: "it" }] }],
    ["only whole texts", "x $(params.text)", "x $(params.text)"],
    ["what is no expression stays", "$params.text", "$params.text"],
  ])("%s", (_what, value, expected) => expect(anywhere(value)).toEqual(expected));
  it("over several lines", () => expect(anywhere('"$(params.flag\\n ? 1\\n : 2)"')).toBe(1));
  it.each([
    ["does not compile", "$(params.)", /^spec\.baselines\.e\.policies\[0\]\.x: expression `params\.` does not compile/],
    ["names something unknown", "$(parms.text)", /^spec\.baselines\.e\.policies\[0\]\.x: expression `parms\.text` does not compile: .*parms/],
    ["fails", "$(params.nothing)", /^spec\.baselines\.e\.policies\[0\]\.x: expression `params\.nothing` failed/],
    ["stands in a list", "[a, $(params.)]", /^spec\.baselines\.e\.policies\[0\]\.x\[1\]: expression/],
  ])("an expression that %s is a problem with its path", (_what, value, message) => expect((anywhere(value) as string[])[0]).toMatch(message));
  it("the schema is checked after it", () => expect(problems(`{${PARAMETERS}, rules: [{id: a, check: forbid-allow-all, enforcementAction: $(params.text)}]}`)).toEqual(["spec.rules[0].enforcementAction: must be equal to one of the allowed values: deny, warn, dryrun, off"]));
});
