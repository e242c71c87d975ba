import { parse as parseCsv } from "csv-parse/sync";
import { parse as parseJunit } from "junit2json";
import { lexer, type Token } from "marked";
import { parse as parseHtml } from "parse5";
import { describe, expect, it } from "vitest";
import { FINDINGS_REPORTS } from "../../src/reports/index.js";
import type { Findings } from "../../src/reports/report.js";
import { BAD, NONE, OPTIONS, SOME } from "./findings.js";
import { parsePrometheus } from "./prometheus-reader.js";

/** Each format read back by a program that others wrote. SARIF: test/e2e/sarif-schema.test.ts. */
const CASES = [["nothing", NONE], ["findings", SOME], ["hostile text", BAD]] as const satisfies readonly (readonly [string, Findings])[];

describe.each(CASES)("a report of %s", (_, found) => {
  const refused = found.findings.filter(({ violation }) => violation.action === "deny").length;

  it("junit: as many cases and failures as the head says, and as were found", async () => {
    const suites = await parseJunit(FINDINGS_REPORTS.junit(found, OPTIONS));
    const cases = (suites && "testsuite" in suites ? suites.testsuite ?? [] : []).flatMap(({ testcase }) => testcase ?? []);
    expect(cases).toHaveLength(Math.max(found.findings.length, 1));
    expect(suites).toMatchObject({ tests: cases.length, failures: refused });
    expect(cases.filter(({ failure }) => failure)).toHaveLength(refused);
  });

  it("csv: the columns of the head in each row, a row for each finding and note", () => {
    const rows = parseCsv(FINDINGS_REPORTS.csv(found, OPTIONS), { columns: true, record_delimiter: "\r\n" }) as unknown as Record<string, string>[];
    expect(rows).toHaveLength(found.findings.length + found.notes.length);
    expect(rows.map(({ action }) => action)).toEqual([...found.findings.map(({ violation }) => violation.action), ...found.notes.map(() => "note")]);
  });

  it("markdown: a row of four cells for each finding, and no HTML of anybody else's", () => {
    const tokens = lexer(FINDINGS_REPORTS.markdown(found, OPTIONS), { gfm: true });
    const tables = tokens.filter((token): token is Extract<Token, { type: "table" }> => token.type === "table");
    expect(tables.flatMap(({ rows }) => rows)).toHaveLength(found.findings.length);
    for (const { header, rows } of tables) for (const row of [header, ...rows]) expect(row).toHaveLength(4);
    expect(htmlIn(tokens)).toEqual([]);
  });

  it("html: no error of the HTML standard's parser", () => {
    const errors: string[] = [];
    parseHtml(FINDINGS_REPORTS.html(found, OPTIONS), { onParseError: ({ code, startLine }) => errors.push(`${startLine}: ${code}`) });
    expect(errors).toEqual([]);
  });

  it("prometheus: gauges whose sum is what was found", () => {
    const families = parsePrometheus(FINDINGS_REPORTS.prometheus(found, OPTIONS));
    const sum = (name: string): number => families.find((family) => family.name === name)?.metrics.reduce((all, { value }) => all + Number(value), 0) ?? 0;
    expect(sum("sluice_audit_violations")).toBe(found.findings.length);
    expect(sum("sluice_audit_objects")).toBe(found.checked);
    expect(new Set(families.map(({ type }) => type))).toEqual(new Set(["GAUGE"]));
  });
});

describe("an audit that could not look at everything", () => {
  const found = { ...SOME, reasons: ["pods: `forbidden`"] };

  it("junit: has an error beside its failures", async () => {
    expect(await parseJunit(FINDINGS_REPORTS.junit(found, OPTIONS))).toMatchObject({ tests: 5, failures: 2, errors: 1 });
    expect(await parseJunit(FINDINGS_REPORTS.junit({ ...NONE, reasons: found.reasons }, OPTIONS))).toMatchObject({ tests: 1, failures: 0, errors: 1 });
  });
  it("sarif: was not successful, and says why", () => {
    const { runs } = JSON.parse(FINDINGS_REPORTS.sarif(found, OPTIONS)) as { runs: { invocations: object[] }[] };
    expect(runs[0]?.invocations).toMatchObject([{ executionSuccessful: false, toolExecutionNotifications: [{ level: "error", message: { text: "not complete: pods: `forbidden`" } }, { level: "warning" }] }]);
  });
});

describe("prometheus", () => {
  it("has a series for each rule and action, and says whether an audit was complete", () => {
    const text = FINDINGS_REPORTS.prometheus({ ...SOME, reasons: ["pods: forbidden"] }, OPTIONS);
    expect(parsePrometheus(text)).toMatchObject([
      { name: "sluice_audit_violations", metrics: [{ value: "2", labels: { pack: "baseline", rule: "dns", action: "deny" } }, { value: "1", labels: { rule: "allow-all", action: "warn" } }, { value: "1", labels: { pack: "kf", action: "dryrun" } }] },
      { name: "sluice_audit_objects", metrics: [{ value: "3" }] },
      { name: "sluice_audit_complete", metrics: [{ value: "0" }] },
    ]);
    expect(FINDINGS_REPORTS.prometheus(SOME, OPTIONS)).not.toContain("complete");
  });
  it("keeps what its format gives a meaning inside of labels", () => {
    const finding = SOME.findings[0];
    if (!finding) throw new Error("there are findings");
    const odd = { ...finding, violation: { ...finding.violation, rule: 'a"b\\c\nd' } };
    expect(parsePrometheus(FINDINGS_REPORTS.prometheus({ ...NONE, findings: [odd] }, OPTIONS))[0]?.metrics[0]?.labels).toMatchObject({ rule: 'a"b\\c\nd' });
  });
});

/** What a browser would take for HTML: all of it but the line breaks that the report itself writes. */
function htmlIn(tokens: readonly Token[]): readonly string[] {
  return tokens.flatMap((token) => {
    if (token.type === "html") return token.raw.trim() === "<br>" ? [] : [token.raw];
    if (token.type === "table") return htmlIn((token as Extract<Token, { type: "table" }>).rows.flat().flatMap((cell) => cell.tokens));
    return "tokens" in token && token.tokens ? htmlIn(token.tokens) : "items" in token ? htmlIn(token["items"] as Token[]) : [];
  });
}
