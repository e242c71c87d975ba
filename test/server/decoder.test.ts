import { describe, expect, test } from "vitest";
import { decode } from "../../src/server/decode.js";
import { Decoder } from "../../src/server/decoder.js";
import { reviewOf } from "./requests.js";

/** As the API server writes it: kind and version first. */
const text = (uid: string, changes: Record<string, unknown> = {}): string => {
  const { apiVersion, kind, request } = reviewOf({ ...changes, uid });
  return JSON.stringify({ kind, apiVersion, request });
};
const object = { apiVersion: "v1", kind: "ConfigMap", metadata: { name: "long" }, data: { long: "x".repeat(40_000) } };
const decodeAll = (decoder: Decoder, texts: readonly string[]) => texts.map((one) => decoder.decode(Buffer.from(one)));

describe("reviews that differ in their uid alone", () => {
  test("share their parts, and each keeps its own uid", () => {
    const decoder = new Decoder();
    const [first, second, third] = decodeAll(decoder, [text("a-1"), text("b-2"), text("c-3")]);
    if (!first?.ok || !second?.ok || !third?.ok) throw new Error("not read");
    expect([first, second, third].map(({ request }) => request.uid)).toEqual(["a-1", "b-2", "c-3"]);
    expect(second.request.object).toBe(first.request.object);
    expect(third.request).toEqual({ ...first.request, uid: "c-3" });
  });

  test.each([
    ["any other difference", [text("a-1"), text("a-1", { name: "other" }), text("a-1", { dryRun: true })]],
    ["uids of another length", [text("a"), text("a-1"), text("abcd")]],
    ["a uid with an escape", [text("a-1"), text("a-1").replace("a-1", "a\\u002d1"), text("b-2")]],
    ["an empty uid", [text("a-1"), text(""), text("b-2")]],
    ["a uid that is written twice", ["a-1", "b-2", "c-3"].map((uid) => text(uid).replace('"name":', '"uid":"last","name":'))],
    ["a uid that is somebody else's", ["a-1", "b-2", "c-3"].map((uid) => `{"note":{"uid":"${uid}"},${text("mine").slice(1)}`)],
    ["the same uid there and elsewhere", ["mine", "b-2", "mine"].map((uid) => `{"note":{"uid":"${uid}"},${text("mine").slice(1)}`)],
    ["a body that is not UTF-8", [text("a-1"), text("b-2")]],
    ["long bodies", [text("a-1", { object }), text("b-2", { object })]],
    ["bodies that cannot be read", ["", "{", "[]", '{"uid":"a-1"', '{"uid":"b-2"', '{"request":{"uid":"a-1"}}', '{"request":{"uid":"b-2"}}']],
  ])("%s: as if each were the first", (_, texts) => {
    const decoder = new Decoder();
    expect(decodeAll(decoder, [...texts, ...texts])).toEqual([...texts, ...texts].map((one) => decode(Buffer.from(one))));
  });

  test("bytes that no text can tell apart are told apart", () => {
    const [before, after] = text("a-1", { name: "@" }).split("@") as [string, string];
    const bodies = [0xff, 0xfe, 0x41].map((byte) => Buffer.concat([Buffer.from(before), Buffer.from([byte]), Buffer.from(after)]));
    const decoder = new Decoder();
    expect([...bodies, ...bodies].map((one) => decoder.decode(one))).toEqual([...bodies, ...bodies].map((one) => decode(one)));
  });

  test("only so many are kept", () => {
    const decoder = new Decoder();
    const [first] = decodeAll(decoder, [text("a-1"), ...Array.from({ length: 300 }, (__, i) => text("u", { name: `n-${i}` }))]);
    const [again] = decodeAll(decoder, [text("b-2")]);
    if (!first?.ok || !again?.ok) throw new Error("not read");
    expect(again.request).toEqual({ ...first.request, uid: "b-2" });
    expect(again.request.object).not.toBe(first.request.object);
  });
});
