import { expect, test } from "vitest";
import { uidFromHead } from "../../src/server/uid-from-head.js";
import { reviewOf, UID } from "./requests.js";

const head = (text: string) => uidFromHead(Buffer.from(text));

test("the uid of a review cut off anywhere after it", () => {
  const text = JSON.stringify(reviewOf());
  const end = text.indexOf(UID) + UID.length + 1;
  for (let length = end; length < text.length; length += 7) expect(head(text.slice(0, length))).toBe(UID);
  for (let length = 0; length < end; length += 7) expect(head(text.slice(0, length))).toBeUndefined();
});

test.each([
  ['{"request":{"object":{"metadata":{"uid":"no"}},"uid":"yes"', "yes"],
  ['{"uid":"no","request":{"kind":{"uid":"no"},"list":["uid",{"uid":"no"}],"uid" : "yes"', "yes"],
  ['{"request":{"name":"uid","uid":"yes"', "yes"],
  ['{"request":{"uid":"y\\u0065s"}', "yes"],
  ['{"items":[{"request":{"uid":"no"}}]', undefined],
  ['{"request":{"uid":7,"name":"no"', undefined],
  ['{"request":{"uid":"","name":"no"', undefined],
  ['{"request":{"uid":"cut o', undefined],
  ['{"request":["uid","no"', undefined],
  ["}}]]{{", undefined],
  ["", undefined],
])("%s", (text, uid) => expect(head(text)).toBe(uid));

test("looks no further than the head, and is quick about hostile text", () => {
  expect(head(`{"request":{"name":"${"x".repeat(5_000)}","uid":"no"`)).toBeUndefined();
  for (const text of ["{".repeat(1e6), '"'.repeat(1e6), "\\".repeat(1e6), '"\\'.repeat(1e6), "[".repeat(1e6)]) expect(head(text)).toBeUndefined();
});
