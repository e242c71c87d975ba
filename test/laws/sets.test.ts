import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { elementary, IntervalSet, next, type Range, type Whole } from "../../src/sets/interval-set.js";
import { formatAddress, IpSet, parseAddress, parseCidr, type Address } from "../../src/sets/ip-set.js";
import { LabelBox, type Labels } from "../../src/sets/label-box.js";
import { admits, complementValues, intersectValues, isAnything, isNothing, valueSetKey, type ValueSet } from "../../src/sets/value-set.js";

const RUNS = { numRuns: Number(process.env.LAWS_RUNS ?? 1000) };

/** Numbers and bigints obey the same laws; the universe is small enough to look at every member. */
const FAMILIES = [
  { name: "numbers", at: (n: number): Whole => n },
  { name: "bigints", at: (n: number): Whole => BigInt(n) },
];
const SIZE = 24;

describe.each(FAMILIES)("interval sets of $name", ({ at }) => {
  const universe = Array.from({ length: SIZE }, (_, n) => at(n));
  const range = fc.tuple(fc.nat(SIZE - 1), fc.nat(SIZE - 1)).map(([low, high]): Range<Whole> => [at(low), at(high)]);
  const set = fc.array(range, { maxLength: 5 }).map((ranges) => IntervalSet.from(ranges));
  const members = (interval: IntervalSet<Whole>) => new Set(universe.filter((n) => interval.contains(n)));
  const where = (holds: (n: Whole) => boolean) => new Set(universe.filter(holds));

  test("hold the members of their ranges, in normal form", () => {
    fc.assert(
      fc.property(fc.array(range, { maxLength: 5 }), (ranges) => {
        const built = IntervalSet.from(ranges);
        expect(members(built)).toEqual(where((n) => ranges.some(([low, high]) => low <= n && n <= high)));
        for (const [low, high] of built.ranges) expect(low <= high).toBe(true);
        for (let i = 1; i < built.ranges.length; i++) expect((built.ranges[i]?.[0] ?? at(0)) > next(built.ranges[i - 1]?.[1] ?? at(0))).toBe(true);
      }),
      RUNS,
    );
  });

  test("union, intersection, difference, cover and overlap are those of their members", () => {
    fc.assert(
      fc.property(set, set, (one, two) => {
        expect(members(one.union(two))).toEqual(where((n) => one.contains(n) || two.contains(n)));
        expect(members(one.intersect(two))).toEqual(where((n) => one.contains(n) && two.contains(n)));
        expect(members(one.subtract(two))).toEqual(where((n) => one.contains(n) && !two.contains(n)));
        expect(one.covers(two)).toBe(universe.every((n) => !two.contains(n) || one.contains(n)));
        expect(one.overlaps(two)).toBe(universe.some((n) => one.contains(n) && two.contains(n)));
        expect(one.equals(two)).toBe(universe.every((n) => one.contains(n) === two.contains(n)));
        expect(one.isEmpty).toBe(members(one).size === 0);
      }),
      RUNS,
    );
  });

  test("whatever way a set is computed, its ranges are the same", () => {
    fc.assert(
      fc.property(set, set, set, (one, two, three) => {
        const same = (left: IntervalSet<Whole>, right: IntervalSet<Whole>) => expect(left.ranges).toEqual(right.ranges);
        same(one.union(two), two.union(one));
        same(one.union(two.union(three)), one.union(two).union(three));
        same(one.intersect(two.union(three)), one.intersect(two).union(one.intersect(three)));
        same(one.subtract(two.union(three)), one.subtract(two).subtract(three));
        same(one.subtract(two).union(one.intersect(two)), one);
      }),
      RUNS,
    );
  });

  test("elementary ranges cut the space, and every cut takes each whole or not at all", () => {
    fc.assert(
      fc.property(set, fc.array(set, { maxLength: 4 }), (space, cuts) => {
        const parts = elementary(space, cuts);
        expect(members(IntervalSet.from(parts))).toEqual(members(space));
        expect(parts.flatMap(([low, high]) => universe.filter((n) => low <= n && n <= high)).length).toBe(members(space).size);
        for (const [low, high] of parts) {
          for (const cut of cuts) expect(new Set(universe.filter((n) => low <= n && n <= high).map((n) => cut.contains(n))).size).toBe(1);
        }
      }),
      RUNS,
    );
  });
});

describe("address sets", () => {
  const v4 = fc.nat(2 ** 32 - 1).map((n): Address => n);
  const v6 = fc.bigInt({ min: 2n ** 48n, max: 2n ** 128n - 1n }).map((n): Address => n);
  const address = fc.oneof(v4, v6);
  const cidr = fc.oneof(
    fc.tuple(v4, fc.nat(32)).map(([host, prefix]) => ({ host, prefix, width: 32 })),
    fc.tuple(v6, fc.nat(128)).map(([host, prefix]) => ({ host, prefix, width: 128 })),
  );

  test("an address that is written is read as itself", () => {
    fc.assert(fc.property(address, (one) => void expect(parseAddress(formatAddress(one))).toBe(one)), RUNS);
  });

  test("a block holds the addresses that share its prefix", () => {
    fc.assert(
      fc.property(cidr, address, ({ host, prefix, width }, stranger) => {
        const block = parseCidr(`${formatAddress(host)}/${prefix}`);
        const bits = (one: Address) => BigInt(one) >> BigInt(width - prefix);
        const sameFamily = typeof stranger === typeof host;
        expect(block?.contains(host)).toBe(true);
        expect(block?.contains(stranger)).toBe(sameFamily && bits(stranger) === bits(host));
      }),
      RUNS,
    );
  });

  test("blocks that share addresses are nested; set operations are those of the members", () => {
    const block = cidr.map(({ host, prefix }) => parseCidr(`${formatAddress(host)}/${prefix}`) ?? IpSet.EMPTY);
    fc.assert(
      fc.property(block, block, address, (one, two, point) => {
        expect(one.intersect(two).isEmpty || one.covers(two) || two.covers(one)).toBe(true);
        expect(one.union(two).contains(point)).toBe(one.contains(point) || two.contains(point));
        expect(one.subtract(two).contains(point)).toBe(one.contains(point) && !two.contains(point));
        expect(one.subtract(two).union(one.intersect(two)).equals(one)).toBe(true);
        expect(IpSet.ALL.subtract(one).union(one).equals(IpSet.ALL)).toBe(true);
      }),
      RUNS,
    );
  });

  test("any text is an address or is not; nothing throws", () => {
    const texts = fc.oneof(fc.string(), fc.ipV4(), fc.ipV6(), fc.tuple(fc.ipV4(), fc.nat(200)).map(([ip, n]) => `${ip}/${n}`));
    fc.assert(fc.property(texts, (text) => void [parseAddress(text), parseCidr(text)]), RUNS);
  });
});

describe("label boxes", () => {
  const MENTIONED = ["x", "y"];
  const valueSet = fc.record({ allBut: fc.boolean(), values: fc.subarray(MENTIONED).map((values): ReadonlySet<string> => new Set(values)), absent: fc.boolean() });
  /** Every value that is mentioned, one that is not, and none: all that a set can tell apart. */
  const values = [...MENTIONED, "fresh", undefined];
  const keys = ["a", "b", "__proto__"];
  const maps: readonly Labels[] = keys.reduce<Labels[]>(
    (all, key) => all.flatMap((map) => values.map((value) => (value === undefined ? map : Object.fromEntries([...Object.entries(map), [key, value]])))),
    [{}],
  );
  const entries = fc.array(fc.tuple(fc.constantFrom(...keys), valueSet), { maxLength: 4 });
  const matches = (box: LabelBox) => maps.map((map) => box.matches(map));

  test("sets of values: intersection, complement, emptiness and text are those of the members", () => {
    fc.assert(
      fc.property(valueSet, valueSet, (one: ValueSet, two: ValueSet) => {
        const seen = (set: ValueSet) => values.map((value) => admits(set, value));
        expect(seen(intersectValues(one, two))).toEqual(values.map((value) => admits(one, value) && admits(two, value)));
        expect(seen(complementValues(one))).toEqual(values.map((value) => !admits(one, value)));
        expect(isNothing(one)).toBe(seen(one).every((member) => !member));
        expect(isAnything(one)).toBe(seen(one).every((member) => member));
        expect(valueSetKey(one) === valueSetKey(two)).toBe(seen(one).every((member, i) => member === seen(two)[i]));
      }),
      RUNS,
    );
  });

  test("a box matches a map iff every constraint admits its value", () => {
    fc.assert(
      fc.property(entries, (constraints) => {
        const expected = maps.map((map) => constraints.every(([key, set]) => admits(set, Object.hasOwn(map, key) ? map[key] : undefined)));
        expect(matches(LabelBox.from(constraints))).toEqual(expected);
      }),
      RUNS,
    );
  });

  test("intersection is that of the members, and equal boxes have equal texts", () => {
    fc.assert(
      fc.property(entries, entries, (left, right) => {
        const [one, two] = [LabelBox.from(left), LabelBox.from(right)];
        const both = maps.map((map) => one.matches(map) && two.matches(map));
        expect(matches(one.intersect(two))).toEqual(both);
        expect(one.intersect(two).key).toBe(two.intersect(one).key);
        expect(one.isEmpty).toBe(matches(one).every((match) => !match));
        expect(one.isAll).toBe(matches(one).every((match) => match));
        expect(one.key === two.key).toBe(matches(one).every((match, i) => match === matches(two)[i]));
      }),
      RUNS,
    );
  });
});
