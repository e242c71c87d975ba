import { existsSync, readFileSync } from "node:fs";
import { describe, expect, test } from "vitest";
import { canonicalCalico, matchesCalico, parseCalicoSelector } from "../../src/dialects/calico-selector.js";
import { conformanceFile } from "./cases.js";

interface Rows {
  readonly tests: readonly { readonly selector: string; readonly matches: readonly Record<string, string>[]; readonly nonMatches: readonly Record<string, string>[] }[];
  readonly invalid: readonly string[];
  readonly canonicalisation: readonly { readonly input: string; readonly canonical: string }[];
}

const file = conformanceFile("calico-selectors", "cases.json");
const rows: Rows = existsSync(file) ? (JSON.parse(readFileSync(file, "utf8")) as Rows) : { tests: [], invalid: [], canonicalisation: [] };

describe("conformance/calico-selectors", () => {
  if (rows.tests.length === 0) return void test.skip(`no cases: ${file} is absent`);

  test.each(rows.tests)("$selector matches what it should", ({ selector, matches, nonMatches }) => {
    const parsed = parse(selector);
    expect(matches.filter((labels) => !matchesCalico(parsed, labels))).toEqual([]);
    expect(nonMatches.filter((labels) => matchesCalico(parsed, labels))).toEqual([]);
  });

  test.each(rows.invalid)("%s is refused", (selector) => {
    const result = parseCalicoSelector(selector, "spec.selector");
    expect(result).toMatchObject({ ok: false, problem: { code: "selector/syntax", path: "spec.selector" } });
  });

  test.each(rows.canonicalisation)("$input is written $canonical", ({ input, canonical }) => {
    expect(canonicalCalico(parse(input))).toBe(canonical);
    expect(canonicalCalico(parse(canonical))).toBe(canonical);
  });
});

function parse(selector: string) {
  const result = parseCalicoSelector(selector);
  if (!result.ok) throw new Error(`${selector}: ${result.problem.message}`);
  return result.value;
}
