import { describe, expect, test } from "vitest";
import { elementary, IntervalSet } from "../../src/sets/interval-set.js";

describe("interval sets", () => {
  test("ranges that touch or overlap become one", () => {
    expect(IntervalSet.from([[5, 6], [1, 2], [3, 3], [6, 9]]).ranges).toEqual([[1, 3], [5, 9]]);
    expect(IntervalSet.from([[2, 1]]).isEmpty).toBe(true);
  });

  test("a set taken out of the middle leaves both sides", () => {
    expect(IntervalSet.of<number>(1, 10).subtract(IntervalSet.from([[1, 2], [5, 6], [10, 12]])).ranges).toEqual([[3, 4], [7, 9]]);
  });

  test("cuts fall between members", () => {
    expect(elementary(IntervalSet.of(0n, 9n), [IntervalSet.of(3n, 5n)])).toEqual([[0n, 2n], [3n, 5n], [6n, 9n]]);
    expect(elementary(IntervalSet.of(0, 9), [])).toEqual([[0, 9]]);
  });
});
