import { describe, expect, test } from "vitest";
import { parseDuration, timeToAnswer, within } from "../../src/server/deadline.js";

test.each([["10s", 10_000], ["1m30s", 90_000], ["1.5s", 1_500], ["250ms", 250], ["1h", 3_600_000], ["2000us", 2]])("%s", (text, ms) => expect(parseDuration(text)).toBe(ms));
test.each(["", "10", "s", "-1s", "1 s", "0s", "1x", "1s".repeat(100_000) + "!"])("%s is no duration", (text) => expect(parseDuration(text)).toBeUndefined());

test("the margin is a tenth, at most half a second; ten seconds unless told, never more than thirty", () => {
  const times = ["timeout=2s", "a=b&timeout=10s&c", "", "timeout=1h", "timeout=", "xtimeout=2s"].map(timeToAnswer);
  expect(times).toEqual([1_800, 9_500, 9_500, 29_500, 9_500, 9_500]);
});

describe("within", () => {
  test("what comes in time", async () => expect(await within(1_000, Promise.resolve({ a: 1 }))).toEqual({ a: 1 }));
  test("what comes too late", async () => expect(await within(5, new Promise<object>(() => undefined))).toBeUndefined());
  test("what fails", async () => expect(within(1_000, Promise.reject(new Error("no")))).rejects.toThrow("no"));
});
