import fc from "fast-check";
import { describe, expect, test } from "vitest";
import { differingKeys, MapEdits, Selection, Tally } from "../../src/model/layered-map.js";

describe("edits of a map", () => {
  test("any series of edits gives what a plain map would hold, and leaves every earlier map as it was", () => {
    const edit = fc.record({ key: fc.integer({ min: 0, max: 90 }).map(String), value: fc.option(fc.integer(), { nil: undefined }) });
    fc.assert(fc.property(fc.array(fc.array(edit, { maxLength: 20 }), { maxLength: 12 }), (batches) => {
      let map: ReadonlyMap<string, number> = new Map(Array.from({ length: 80 }, (_, i) => [String(i), i]));
      const plain = new Map(map);
      const even = new Selection<number>((value) => value % 2 === 0);
      const digits = new Tally<number>((value) => (value % 3 === 0 ? undefined : String(value % 10)));
      for (const batch of batches) {
        const before = new Map(map);
        const kept = map;
        const edits = new MapEdits<number>();
        for (const { key, value } of batch) {
          if (value === undefined) edits.delete(key);
          else edits.set(key, value);
          if (value === undefined) plain.delete(key);
          else plain.set(key, value);
        }
        map = edits.applyTo(map);
        expect(new Map(kept)).toEqual(before);
        expect(new Map(map)).toEqual(plain);
        expect(map.size).toBe(plain.size);
        expect([...map.keys()].every((key) => map.has(key) && map.get(key) === plain.get(key))).toBe(true);
        expect(map.has("nobody")).toBe(false);
        expect([...differingKeys(kept, map)].sort()).toEqual([...new Set([...before.keys(), ...plain.keys()])].filter((key) => before.get(key) !== plain.get(key)).sort());
        expect(digits.of(map).sort()).toEqual([...new Set([...map.values()].filter((value) => value % 3 !== 0).map((value) => String(value % 10)))].sort());
        expect(even.of(map)).toEqual([...map.values()].filter((value) => value % 2 === 0));
      }
    }), { numRuns: 300 });
  });
  test("no edits, the same map", () => {
    const map = new Map([["a", 1]]);
    expect(new MapEdits<number>().applyTo(map)).toBe(map);
  });
});
