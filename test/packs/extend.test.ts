import { describe, expect, it } from "vitest";
import { extendPacks } from "../../src/packs/extend.js";
import { LISTS, MAPS, SCALARS } from "../../src/packs/assembly.js";
import { PACK_SCHEMA } from "../../src/packs/schema.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { compilePacks } from "../../src/packs/compile.js";
import { one } from "../rules/inline-pack.js";
import { shippedPacks } from "../review/world.js";

const pack = (name: string, spec: string): KubeObject => one(`{apiVersion: sluice.dev/v1alpha1, kind: RulePack, metadata: {name: ${name}}, spec: ${spec}}`);
const whole = (name: string, ...objects: KubeObject[]): Record<string, unknown> => {
  const { packs, problems } = extendPacks(objects);
  expect(problems).toEqual([]);
  return packs.find(({ object }) => object.metadata.name === name)?.object.spec as Record<string, unknown>;
};
const problems = (...objects: KubeObject[]): string[] => extendPacks(objects).problems.map(({ object, path, message }) => `${object.metadata.name ?? ""} ${path}: ${message}`);

const BASE = pack("base", "{description: base, failureMode: Allow, parameters: {team: {type: string, default: a, description: d}}, namespaces: {n: {names: [x]}, m: {names: [y]}}, exemptNamespaces: [x], rules: [{id: r, check: forbid-allow-all, enforcementAction: deny, remediation: think}, {id: s, check: forbid-allow-all, enforcementAction: deny}], exemptions: [{rules: ['*'], becomes: warn, match: {}}]}");

describe("what a pack has of the one it extends", () => {
  it("all of it, with its own put over: fields of rules and parameters, whole sets, lists behind lists", () => {
    const own = pack("own", "{extends: [base], description: own, parameters: {team: {default: b}}, namespaces: {n: {names: [z]}}, exemptNamespaces: [y], rules: [{id: r, enforcementAction: warn}, {id: t, check: forbid-allow-all, enforcementAction: deny}]}");
    expect(whole("own", BASE, own)).toEqual({
      description: "own",
      failureMode: "Allow",
      parameters: { team: { type: "string", default: "b", description: "d" } },
      namespaces: { n: { names: ["z"] }, m: { names: ["y"] } },
      exemptNamespaces: ["x", "y"],
      rules: [
        { id: "r", check: "forbid-allow-all", enforcementAction: "warn", remediation: "think" },
        { id: "s", check: "forbid-allow-all", enforcementAction: "deny" },
        { id: "t", check: "forbid-allow-all", enforcementAction: "deny" },
      ],
      exemptions: [{ rules: ["*"], becomes: "warn", match: {} }],
    });
  });
  it("a rule with `check` stands in the place of every rule with its id; one without changes them all", () => {
    const twice = pack("twice", "{rules: [{id: r, check: a, enforcementAction: deny}, {id: r, check: b, enforcementAction: deny}, {id: s, check: c, enforcementAction: deny}]}");
    expect(whole("x", twice, pack("x", "{extends: [twice], rules: [{id: r, check: d, enforcementAction: warn}]}"))["rules"]).toEqual([{ id: "r", check: "d", enforcementAction: "warn" }, { id: "s", check: "c", enforcementAction: "deny" }]);
    expect(whole("x", twice, pack("x", "{extends: [twice], rules: [{id: r, hold: warn}]}"))["rules"]).toMatchObject([{ id: "r", check: "a", hold: "warn" }, { id: "r", check: "b", hold: "warn" }, { id: "s", check: "c" }]);
  });
  it("two rules of its own with one id stay two", () => {
    const own = pack("x", "{extends: [base], rules: [{id: n, check: a, enforcementAction: deny}, {id: n, check: b, enforcementAction: deny}]}");
    expect((whole("x", BASE, own)["rules"] as unknown[]).length).toBe(4);
  });
  it("later ones win over earlier ones, and each is taken once", () => {
    const left = pack("left", "{extends: [base], rules: [{id: r, enforcementAction: warn}]}");
    const right = pack("right", "{extends: [base], rules: [{id: r, enforcementAction: dryrun}]}");
    const both = pack("both", "{extends: [left, right], rules: []}");
    const spec = whole("both", BASE, left, right, both);
    expect(spec["rules"]).toMatchObject([{ id: "r", enforcementAction: "dryrun" }, { id: "s" }]);
    expect(spec["exemptions"]).toHaveLength(1);
    expect(extendPacks([BASE, left, right, both]).packs[3]?.lineage).toEqual(["base", "left", "right", "both"]);
  });
  it("keeps what the base detects", () => {
    const detecting = pack("base", "{detects: [{switch: dnsMode, value: node-local, exists: {kind: DaemonSet.apps, namespace: kube-system, name: node-local-dns}}], rules: []}");
    expect(whole("x", detecting, pack("x", "{extends: [base], rules: []}"))["detects"]).toEqual((detecting.spec as Record<string, unknown>)["detects"]);
  });
  it("is in force or not as the pack itself says, whatever the base says", () => {
    const idle = pack("base", "{inForce: false, rules: []}");
    expect(whole("x", idle, pack("x", "{extends: [base], rules: []}"))["inForce"]).toBeUndefined();
    expect(whole("x", BASE, pack("x", "{extends: [base], inForce: false, rules: []}"))["inForce"]).toBe(false);
  });
  it("comes of every field that a pack can have", () => {
    const { extends: _extends, inForce: _inForce, ...fields } = PACK_SCHEMA.properties.spec.properties;
    expect([...LISTS, ...MAPS, ...SCALARS].sort()).toEqual(Object.keys(fields).sort());
  });
  it("a pack that extends nothing is the object itself", () => expect(extendPacks([BASE]).packs[0]?.object).toBe(BASE));
  it("a problem is where somebody wrote it", () => {
    const own = pack("own", "{extends: [base], rules: [{id: r, enforcementAction: wran}, {id: t, check: forbid-allow-all, enforcementAction: dney}], parameters: {team: {default: 3}}}");
    const found = extendPacks([BASE, own]).packs[1];
    const at = (path: string) => { const { object, path: place } = found?.whence(path) ?? {}; return `${object?.metadata.name ?? ""} ${place ?? ""}`; };
    expect(["spec.rules[0].enforcementAction", "spec.rules[0].remediation", "spec.rules[1].check", "spec.rules[2].enforcementAction", "spec.parameters.team.default", "spec.parameters.team.type", "spec.namespaces.n.names[0]", "spec.description"].map(at)).toEqual([
      "own spec.rules[0].enforcementAction", "base spec.rules[0].remediation", "base spec.rules[1].check", "own spec.rules[1].enforcementAction",
      "own spec.parameters.team.default", "base spec.parameters.team.type", "base spec.namespaces.n.names[0]", "own spec.description",
    ]);
  });
});

describe("what cannot be extended", () => {
  const empty = (name: string, bases: string): KubeObject => pack(name, `{extends: [${bases}], rules: []}`);
  it("a pack that nobody read", () => expect(problems(BASE, empty("x", "bsae"))).toEqual(["x spec.extends[0]: no pack `bsae` was read; known are base, x"]));
  it("itself", () => expect(problems(empty("x", "x"))).toEqual(["x spec.extends[0]: pack `x` extends itself: x -> x"]));
  it("in a circle, told of each end once", () => {
    expect(problems(empty("a", "b"), empty("b", "c"), empty("c", "a"))).toEqual([
      "c spec.extends[0]: pack `a` extends itself: a -> b -> c -> a",
      "a spec.extends[0]: pack `b` extends itself: b -> c -> a -> b",
      "b spec.extends[0]: pack `c` extends itself: c -> a -> b -> c",
    ]);
  });
  it("a long chain", () => {
    const chain = Array.from({ length: 60 }, (_, i) => empty(`p${i}`, i === 59 ? "" : `p${i + 1}`));
    expect(problems(...chain).length).toBeGreaterThan(0);
    expect(problems(...chain)[0]).toMatch(/packs extend each other more than 20 deep$/);
  });
  it("a ladder of pairs is walked once, not 2^n times", () => {
    const ladder = Array.from({ length: 18 }, (_, i) => [empty(`a${i}`, i === 0 ? "" : `a${i - 1}, b${i - 1}`), empty(`b${i}`, i === 0 ? "" : `a${i - 1}, b${i - 1}`)]).flat();
    expect(extendPacks(ladder).packs.at(-1)?.lineage).toHaveLength(35);
  });
});

it("a pack that is not in force is only there for others", () => {
  const base = { ...BASE, spec: { ...(BASE.spec as object), inForce: false } };
  const compiled = compilePacks([base, pack("own", "{extends: [base], rules: []}")], { settings: {}, profile: shippedPacks().profile });
  expect(compiled.ok && [compiled.value.names, compiled.value.rules.map(({ id }) => id)]).toEqual([["own"], ["own/r", "own/s"]]);
});
