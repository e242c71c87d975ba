import { describe, expect, it } from "vitest";
import { compileCel, type CelVariables } from "../../src/cel/expression.js";
import { formatProblem } from "../../src/model/result.js";

const NOTHING: CelVariables = { params: {}, profile: {} };
function run(expression: string, variables: Partial<CelVariables> = {}): unknown {
  const program = compileCel(expression);
  const result = program.ok ? program.value({ ...NOTHING, ...variables }) : program;
  return result.ok ? result.value : result.problems.map(formatProblem).join("; ");
}
const list = (length: number): number[] => Array.from({ length }, (_, i) => i);

describe("what a run may cost", () => {
  it.each<[string, string, Partial<CelVariables>]>([
    ["macros within macros", "object.items.all(a, object.items.all(b, a + b >= 0.0))", { object: { items: list(2_000) } }],
    ["errors in a macro do not hide it", "object.items.exists(a, !object.items.all(b, a + b >= 0.0))", { object: { items: list(2_000) } }],
    ["lists that double", `[[1, 2, 3, 4]]${".map(x, x + x)".repeat(25)}.size() > 0`, {}],
    ["texts that double", `['${"a".repeat(100)}']${".map(x, x + x)".repeat(25)}.size() > 0`, {}],
    ["lists that double by names", `${"cel.bind(x, x + x, ".repeat(9).replace("x + x", "object.items + object.items")}size(x)${")".repeat(9)} > 0`, { object: { items: list(5_000) } }],
    ["equality of large objects, again and again", "object.items.all(a, object == oldObject)", { object: { items: list(5_000) }, oldObject: { items: list(5_000) } }],
    ["search in large lists, again and again", "object.items.all(a, a in oldObject.items)", { object: { items: list(5_000) }, oldObject: { items: list(5_000) } }],
    ["joins of large texts", "object.items.map(a, object.text).join(',').size() > 0", { object: { items: list(5_000), text: "a".repeat(10_000) } }],
  ])("%s", (_what, expression, variables) => {
    expect(run(expression, variables)).toMatch(/failed: it costs more than 100000 steps$/);
  });
  it("leaves what people write alone", () => {
    const object = { spec: { containers: Array.from({ length: 50 }, (_, i) => ({ name: `c${i}`, ports: list(20).map((port) => ({ containerPort: port })) })) } };
    expect(run("object.spec.containers.all(c, c.ports.all(p, p.containerPort < 100.0 && c.name.startsWith('c')))", { object })).toBe(true);
  });
  it("each run has its own budget", () => {
    const program = compileCel("object.items.all(a, a >= 0.0)");
    if (!program.ok) throw new Error("does not compile");
    const once = () => program.value({ ...NOTHING, object: { items: list(10_000) } });
    expect(list(20).map(once).every((result) => result.ok && result.value === true)).toBe(true);
  });
  it("macros four deep in each other do not compile", () => {
    const nested = (depth: number): string => (depth === 0 ? "true" : `[1].all(x${depth}, ${nested(depth - 1)})`);
    expect(run(nested(3))).toBe(true);
    expect(run(nested(4))).toMatch(/does not compile: macros stand 4 deep in each other, and 3 is the most$/);
  });
  it("a long expression is cut short in what is said of it", () => expect((run(`${"1 + ".repeat(150)}x`) as string).length).toBeLessThan(400));
});

describe("an expression that is written twice", () => {
  it("is compiled once, and reads what it is given each time", () => {
    expect(compileCel("params.many > 1")).toBe(compileCel("params.many > 1"));
    expect([1, 2].map((many) => run("params.many > 1", { params: { many } }))).toEqual([false, true]);
  });

  it("is as wrong the second time", () => expect([run("1 +"), run("1 +")]).toEqual(Array(2).fill(expect.stringContaining("does not compile"))));

  it("is not kept when it is long", () => {
    const long = `'${"a".repeat(3_000)}' != ''`;
    expect(compileCel(long)).not.toBe(compileCel(long));
  });
});

describe("`matches` takes RE2 and linear time", () => {
  it.each<[string, unknown]>([
    ["'web-1'.matches('^web-[0-9]+$')", true],
    ["'web-'.matches('^web-[0-9]+$')", false],
    ["object.name.matches('b')", true],
    [`'${"a".repeat(60)}!'.matches('^(a+)+$')`, false],
    ["'aa'.matches('(a)\\\\1')", expect.stringMatching(/is no regular expression in RE2 syntax/)],
    ["'aa'.matches('(a{1000}){1000}')", expect.stringMatching(/is no regular expression/)],
    ["object.number.matches('1')", expect.stringMatching(/`matches` needs two texts/)],
    ["object.text.matches(object.pattern)", expect.stringMatching(/costs more than/)],
  ])("%s", (expression, expected) => expect(run(expression, { object: { name: "abc", number: 1, text: "a".repeat(1_000_000), pattern: "(a*)*b" } })).toEqual(expected));
});

it("the engine cannot be asked where there is no change", () => {
  expect(run("reaches('a/b', 'c/d', 80)")).toMatch(/there is no cluster to ask here/);
});

describe("keys that JavaScript's objects have by birth", () => {
  const labels = JSON.parse('{"constructor": "x", "__proto__": "y", "toString": "z", "app": "web"}') as object;
  const object = { metadata: { labels, ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: "rs", controller: true, constructor: "x" }] }, constructor: false };
  it.each<[string, unknown]>([
    ["object.metadata.labels['app']", "web"],
    ["object.metadata.labels['constructor']", "x"],
    ["object.metadata.labels['__proto__']", "y"],
    ["'toString' in object.metadata.labels && !('valueOf' in object.metadata.labels)", true],
    ["object.?spec.?hostNetwork.orValue(false)", false],
    ["has(object.constructor) && !object.constructor", true],
    ["object.metadata.labels.all(k, object.metadata.labels[k] != '')", true],
    ["label(object, 'constructor') + label(object, 'app') + label(object, 'valueOf')", "xweb"],
    ["hasLabel(object, 'constructor') && !hasLabel(object, 'valueOf')", true],
    ["controllerName(object, 'apps', 'ReplicaSet')", "rs"],
    ["merge(object.metadata.labels, {'app': 'db'})['constructor']", "x"],
    ["object.metadata.labels == oldObject.metadata.labels", true],
  ])("%s", (expression, expected) => expect(run(expression, { object, oldObject: structuredClone(object) })).toEqual(expected));
});
