import { describe, expect, test } from "vitest";
import { LabelBox } from "../../src/sets/label-box.js";
import { ABSENT, noneOf, oneOf, PRESENT } from "../../src/sets/value-set.js";

describe("label boxes", () => {
  test("constraints on one key are intersected", () => {
    const box = LabelBox.from([["app", oneOf(["a", "b"])], ["app", noneOf(["b"])]]);
    expect(box.key).toBe(LabelBox.from([["app", oneOf(["a"])]]).key);
    expect([box.matches({ app: "a" }), box.matches({ app: "b" }), box.matches({})]).toEqual([true, false, false]);
  });

  test("a contradiction is the empty box, no constraint is the whole one", () => {
    expect(LabelBox.from([["app", PRESENT], ["app", ABSENT]])).toBe(LabelBox.NONE);
    expect(LabelBox.from([])).toBe(LabelBox.ALL);
    expect(LabelBox.NONE.matches({})).toBe(false);
    expect(LabelBox.ALL.intersect(LabelBox.NONE).isEmpty).toBe(true);
  });

  test("what every object inherits is no label", () => {
    expect(LabelBox.from([["constructor", PRESENT]]).matches({})).toBe(false);
  });
});
