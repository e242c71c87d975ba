import { describe, expect, it } from "vitest";
import { compileCel } from "../../src/cel/expression.js";
import { celMutants } from "../../src/testing/cel-mutants.js";

const texts = (expression: string): string[] => celMutants(expression).map(({ text }) => text);

describe("celMutants", () => {
  it("negates, and leaves out operands where they stand", () => {
    expect(texts("a == 1 && (b == '&&' || has(c.d))")).toEqual([
      "!(a == 1 && (b == '&&' || has(c.d)))",
      "(b == '&&' || has(c.d))",
      "a == 1",
      "a == 1 && (has(c.d))",
      "a == 1 && (b == '&&')",
    ]);
  });
  it("binds `&&` closer than `||`", () => expect(texts("a && b || c").slice(1)).toEqual(["c", "a && b"]));
  it("leaves items out of lists of texts", () => expect(texts("x in ['a', 'b']").slice(1)).toEqual(["x in ['b']", "x in ['a']"]));
  it("does not take the brackets of a call for a group, nor a ternary apart", () => {
    expect(texts("f(a || b)").slice(1)).toEqual([]);
    expect(texts("a || b ? c : d").slice(1)).toEqual([]);
    expect(texts("object.?spec.orValue(false) || b").slice(1)).toEqual(["b", "object.?spec.orValue(false)"]);
  });
  it.each(["!(hasAnnotation(object, 'a') && 'system:nodes' in request.userInfo.groups)", "size(params.x) == 0 || (label(object, 'a') == 'b' && label(object, 'c') in ['d', 'e', 'f'])"])("gives expressions that compile: %s", (expression) => {
    expect(texts(expression).length).toBeGreaterThan(2);
    for (const text of texts(expression)) expect(compileCel(text)).toMatchObject({ ok: true });
  });
});
