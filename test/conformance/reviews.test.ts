import { existsSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, expect, test } from "vitest";
import { ruleId } from "../../src/model/violation.js";
import { review, reviewMutation } from "../../src/review/review.js";
import { decode } from "../../src/server/decode.js";
import { respond } from "../../src/server/respond.js";
import { objectsIn, shippedPacks, snapshotOf } from "../review/world.js";
import { conformanceFile } from "./cases.js";

/** Every recorded review, judged by the shipped packs on one given state; the golden file holds each decision. */

interface Golden {
  readonly allowed: boolean;
  readonly deny?: readonly string[];
  readonly warn?: readonly string[];
}

const folder = conformanceFile("admission", "reviews");
const golden = resolve(import.meta.dirname, "../golden/reviews.json");
const files = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")).sort() : [];

describe("conformance/admission reviews", () => {
  if (files.length === 0) return void test.skip(`no reviews: ${folder} is absent`);
  const packs = shippedPacks();
  const snapshot = snapshotOf(...objectsIn(readFileSync(resolve(import.meta.dirname, "../golden/reviews-state.yaml"), "utf8")));
  const expected = existsSync(golden) ? (JSON.parse(readFileSync(golden, "utf8")) as Record<string, Golden>) : {};
  const seen: Record<string, Golden> = {};

  test.each(files)("%s", (file) => {
    const decoded = decode(readFileSync(join(folder, file)));
    if (!decoded.ok) throw new Error(`not decoded: ${JSON.stringify(decoded.problems)}`);
    const mutating = file.endsWith(".mutating.json");
    const decision = (mutating ? reviewMutation : review)(decoded.request, { snapshot, packs, now: Date.now() });
    expect(decision.errors).toEqual([]);
    expect(respond(decision, { uid: decoded.request.uid, mutating })).toMatchObject({ kind: "AdmissionReview", response: { uid: decoded.request.uid, allowed: decision.allowed } });
    const of = (action: string): string[] => [...new Set(decision.violations.filter((violation) => violation.action === action).map(ruleId))].sort();
    seen[file] = { allowed: decision.allowed, ...(of("deny").length > 0 && { deny: of("deny") }), ...(of("warn").length > 0 && { warn: of("warn") }) };
    if (process.env["UPDATE_GOLDEN"] === "1") writeFileSync(golden, `${JSON.stringify(seen, null, 1)}\n`);
    else expect(seen[file]).toEqual(expected[file]);
  });

  test("some are refused and some admitted: an always-allow would fail", () => {
    const answers = new Set(Object.values(expected).map(({ allowed }) => allowed));
    expect(answers).toEqual(new Set([true, false]));
    expect(Object.keys(expected)).toEqual(files);
  });
});
