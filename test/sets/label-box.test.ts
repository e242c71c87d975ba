import { describe, expect, test } from "vitest";
import { LabelBox } from "../../src/sets/label-box.js";
import { ABSENT, ANYTHING, complementValues, includes, intersectValues, isNothing, isSameSet, noneOf, NOTHING, oneOf, PRESENT } from "../../src/sets/value-set.js";

describe("label boxes", () => {
  test("constraints on one key are intersected", () => {
    const box = LabelBox.from([["app", oneOf(["a", "b"])], ["app", noneOf(["b"])]]);
    expect(box.key).toBe(LabelBox.from([["app", oneOf(["a"])]]).key);
    expect([box.matches({ app: "a" }), box.matches({ app: "b" }), box.matches({})]).toEqual([true, false, false]);
  });

  test("however many there are, and however they are spread", () => {
    const names = Array.from({ length: 20 }, (_, i) => `v${i}`);
    const box = LabelBox.from([...names.slice(10).map((name) => ["app", noneOf([name])] as const), ["app", oneOf(names)], ["app", PRESENT], ["app", oneOf([...names, "x"])], ["app", oneOf(names.slice(5).reverse())]]);
    expect(box.key).toBe(LabelBox.from([["app", oneOf(names.slice(5, 10))]]).key);
    expect(LabelBox.from(names.map((name) => ["app", noneOf([name])])).key).toBe(LabelBox.from([["app", noneOf(names)]]).key);
    expect(LabelBox.from([["app", oneOf(["a"])], ["app", ABSENT], ["app", noneOf(["a"])]])).toBe(LabelBox.NONE);
    expect(LabelBox.from([["app", noneOf(["a"])], ["app", PRESENT]]).matches({ app: "a" })).toBe(false);
  });

  // One object can exclude tens of thousands of values of a key, each in an expression of its own.
  test("work on one key grows with the values that are named", () => {
    let looked = 0;
    class Counting extends Set<string> {
      override *[Symbol.iterator](): SetIterator<string> {
        for (const value of super.values()) yield (looked++, value);
      }
    }
    const work = (count: number): number => {
      looked = 0;
      const box = LabelBox.from(Array.from({ length: count }, (_, i) => ["app", { allBut: true, values: new Counting([`v${i}`]), absent: true }]));
      expect(box.constraints.get("app")?.values.size).toBe(count);
      return looked;
    };
    expect(work(4_000)).toBe(4 * work(1_000));
    expect(looked).toBe(1_000);
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

test("what lies in a set of values is what has nothing outside of it", () => {
  const lists = [[], ["a"], ["b"], ["a", "b"]];
  const sets = [ANYTHING, NOTHING, ...[true, false].flatMap((absent) => [true, false].flatMap((allBut) => lists.map((values) => ({ allBut, absent, values: new Set(values) }))))];
  for (const outer of sets) {
    for (const inner of sets) {
      const isIn = isNothing(intersectValues(inner, complementValues(outer)));
      expect([outer, inner, includes(outer, inner)]).toEqual([outer, inner, isIn]);
      expect(isSameSet(outer, inner)).toBe(isIn && includes(inner, outer));
    }
  }
});
