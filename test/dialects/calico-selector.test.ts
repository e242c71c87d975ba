import { describe, expect, test } from "vitest";
import { canonicalCalico, matchesCalico, parseCalicoSelector } from "../../src/dialects/calico-selector.js";

describe("Calico selectors", () => {
  test.each([
    ["(a b == 'c'", 3, "a comparison"],
    ["(a == 'b' c", 10, "`)`"],
    ["a == 'b' c == 'd'", 9, "the end"],
    ["a in {'b' 'c'}", 10, "`,` or `}`"],
    ["a in {'b',}", 10, "a text in quotes"],
    ["a =", 2, "a comparison"],
    ["has(a", 3, "a comparison"],
    ["!", 1, "a label"],
    ["a == \"b'", 5, "a text in quotes"],
  ])("%s fails at character %i", (text, offset, expected) => {
    const result = parseCalicoSelector(text, "spec.selector");
    expect(result).toMatchObject({ ok: false, problem: { code: "selector/syntax", path: "spec.selector", offset } });
    expect(result.ok ? "" : result.problem.message).toContain(expected);
  });

  test.each(["(", "!"])("%s nested without end is a problem, not an overflow", (symbol) => {
    expect(parseCalicoSelector(symbol.repeat(100_000)).ok).toBe(false);
  });

  test.each([
    ["a == 'x' || b == 'x' && c == 'x'", '(a == "x" || (b == "x" && c == "x"))'],
    ["! a == 'x' && b == 'x'", '(!a == "x" && b == "x")'],
    ["a == 'x' && b == 'x' && c == 'x'", '(a == "x" && b == "x" && c == "x")'],
    ["a notin{'x'}", 'a not in {"x"}'],
    ["a in {}", "a in {}"],
    ["has\t(a)", undefined],
    ["all == 'x' || has != 'y'", '(all == "x" || has != "y")'],
  ])("precedence and spelling: %s", (text, canonical) => {
    const result = parseCalicoSelector(text);
    expect(result.ok ? canonicalCalico(result.value) : undefined).toBe(canonical);
  });

  test("labels that objects inherit do not count", () => {
    const result = parseCalicoSelector("has(constructor) || has(__proto__)");
    expect(result.ok && matchesCalico(result.value, {})).toBe(false);
  });
});
