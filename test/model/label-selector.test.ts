import { describe, expect, test } from "vitest";
import { readLabelSelector } from "../../src/model/label-selector.js";

const problems = (selector: unknown) => readLabelSelector(selector, "s").problems.map(({ path }) => path);

describe("label selectors", () => {
  test.each([[undefined], [null], [{}], [{ matchLabels: null, matchExpressions: [] }]])("%j selects everything", (selector) => {
    expect(readLabelSelector(selector, "s")).toMatchObject({ problems: [] });
    expect(readLabelSelector(selector, "s").box.isAll).toBe(true);
  });

  test("labels and expressions all hold", () => {
    const { box } = readLabelSelector({ matchLabels: { a: "1" }, matchExpressions: [{ key: "b", operator: "NotIn", values: ["2"] }] }, "s");
    expect([box.matches({ a: "1" }), box.matches({ a: "1", b: "2" }), box.matches({ b: "3" })]).toEqual([true, false, false]);
  });

  test.each([
    ["text", "s"],
    [{ name: "x" }, "s.name"],
    [{ matchLabels: { a: 1 } }, "s.matchLabels.a"],
    [{ matchExpressions: { key: "a" } }, "s.matchExpressions"],
    [{ matchExpressions: [{ key: "a" }] }, "s.matchExpressions[0]"],
    [{ matchExpressions: [{ key: "a", operator: "Is" }] }, "s.matchExpressions[0].operator"],
    [{ matchExpressions: [{ key: "a", operator: "In" }] }, "s.matchExpressions[0].values"],
    [{ matchExpressions: [{ key: "a", operator: "Exists", values: ["b"] }] }, "s.matchExpressions[0].values"],
    [{ matchExpressions: [{ key: "a", operator: "Exists", value: "b" }] }, "s.matchExpressions[0].value"],
  ])("%j selects nothing and is a problem at %s", (selector, path) => {
    expect(problems(selector)).toEqual([path]);
    expect(readLabelSelector(selector, "s").box.isEmpty).toBe(true);
  });
});
