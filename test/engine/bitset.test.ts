import { describe, expect, test } from "vitest";
import { addBit, bothBits, countBits, eitherBits, emptyBits, fullBits, hasBit, meetBits, withinBits, withoutBits, type Bitset } from "../../src/engine/bitset.js";

const SIZE = 70;

function setOf(...numbers: readonly number[]): Bitset {
  const bits = emptyBits(SIZE);
  for (const n of numbers) addBit(bits, n);
  return bits;
}

function list(bits: Bitset): readonly number[] {
  return Array.from({ length: SIZE + 40 }, (_, n) => n).filter((n) => hasBit(bits, n));
}

describe("a bitset", () => {
  test.each([0, 1, 31, 32, 33, 64, 70])("full below %i holds exactly the numbers below", (size) => {
    expect(list(fullBits(size))).toEqual(Array.from({ length: size }, (_, n) => n));
    expect(countBits(fullBits(size))).toBe(size);
  });

  test("holds the highest bit of a word", () => {
    expect(list(setOf(31, 63))).toEqual([31, 63]);
    expect(countBits(setOf(31, 63))).toBe(2);
  });

  test("both, either and without are those of sets", () => {
    const [a, b] = [setOf(1, 31, 32, 69), setOf(31, 33, 69)];
    expect(list(bothBits(a, b))).toEqual([31, 69]);
    expect(list(eitherBits(a, b))).toEqual([1, 31, 32, 33, 69]);
    expect(list(withoutBits(a, b))).toEqual([1, 32]);
  });

  test("sets of different lengths mix: what lies past the end is no member", () => {
    const [long, short] = [setOf(3, 69), fullBits(5)];
    expect(list(bothBits(long, short))).toEqual([3]);
    expect(list(withoutBits(long, short))).toEqual([69]);
    expect(list(eitherBits(short, long))).toEqual([0, 1, 2, 3, 4, 69]);
    expect(meetBits(long, short)).toBe(true);
    expect(meetBits(setOf(69), short)).toBe(false);
    expect(withinBits(short, long)).toBe(false);
    expect(withinBits(setOf(69), short)).toBe(false);
    expect(withinBits(setOf(4), short)).toBe(true);
  });

  test("operations leave their operands as they are", () => {
    const [a, b] = [setOf(1, 2), setOf(2)];
    withoutBits(a, b);
    bothBits(a, b);
    eitherBits(a, b);
    expect([list(a), list(b)]).toEqual([[1, 2], [2]]);
  });
});
