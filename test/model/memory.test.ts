import { execFileSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { transformSync } from "esbuild";
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

const LIMIT_MB = 4;

// In a process of its own: whatever else runs in this one makes objects that live long too.
test("an old memory keeps no young object that nobody has any more, though what it remembers reaches it; an old WeakMap does", () => {
  const source = readFileSync(new URL("../../src/model/memory.ts", import.meta.url), "utf8");
  const { code } = transformSync(source, { loader: "ts", format: "esm", target: "node20" });
  const mostKeptBy = (memory: string): number => Number(execFileSync(process.execPath, ["--input-type=module", "-e", `${code}\nconst memory = new ${memory}();\n${REMEMBERS}`], { encoding: "utf8" }));
  expect(mostKeptBy("Memory")).toBeLessThan(LIMIT_MB);
  expect(mostKeptBy("WeakMap")).toBeGreaterThan(LIMIT_MB);
});

/** Remembers 64 MB, one object at a time, and prints how many MB came to live long at most. */
const REMEMBERS = `
import { getHeapSpaceStatistics } from "node:v8";
const old = () => getHeapSpaceStatistics().find(({ space_name }) => space_name === "old_space").space_used_size;
const before = old();
let most = 0;
for (let i = 0; i < 4_000; i++) {
  const key = { bulk: new Array(2_000).fill(i) };
  memory.set(key, { key });
  most = Math.max(most, old() - before);
}
console.log(most / 1e6);`;
