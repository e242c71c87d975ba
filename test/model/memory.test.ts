import { getHeapSpaceStatistics } from "node:v8";
import { expect, test } from "vitest";
import { Memory } from "../../src/model/memory.js";

test("each memory of an object is its own, whatever the object is, and goes where the object goes", () => {
  const [one, other] = [new Memory<object, string>(), new Memory<object, string>()];
  for (const key of [{ a: 1 }, [1], new Map([["a", 1]]), () => 1, Object.freeze({ a: 1 }), Object.create(null) as object]) {
    one.set(key, "first");
    expect([one.get(key), other.get(key)]).toEqual(["first", undefined]);
    other.set(key, "second");
    one.set(key, "third");
    expect([one.get(key), other.get(key)]).toEqual(["third", "second"]);
  }
  const key = { a: 1 };
  one.set(key, "known");
  expect([one.get({ ...key }), Object.keys(key), JSON.stringify(key)]).toEqual([undefined, ["a"], '{"a":1}']);
});

const [OBJECTS, BYTES] = [4_000, 16_000];

test("an old memory keeps no young object that nobody has any more, though what it remembers reaches it", () => {
  const memory = new Memory<object, object>();
  const before = oldBytes();
  let most = 0;
  for (let i = 0; i < OBJECTS; i++) {
    const key = { bulk: new Array(BYTES / 8).fill(i) };
    memory.set(key, { key });
    most = Math.max(most, oldBytes() - before);
  }
  // A WeakMap keeps whole megabytes of them until the next full collection.
  expect(most).toBeLessThan((OBJECTS * BYTES) / 16);
});

/** Of what V8 takes to live long. */
function oldBytes(): number {
  return getHeapSpaceStatistics().reduce((sum, { space_name: name, space_used_size: used }) => sum + (name === "old_space" ? used : 0), 0);
}
