import { describe, expect, it } from "vitest";
import { chosen, CONNECTIONS_REPORTS, DIFFERENCES_REPORTS, FINDINGS_REPORTS } from "../../src/reports/index.js";
import type { ConnectionLine, DifferenceLine } from "../../src/reports/report.js";
import { BAD, NONE, OPTIONS, SOME, violation } from "./findings.js";

describe.each(Object.entries(FINDINGS_REPORTS))("findings as %s", (format, report) => {
  it.each([["nothing", NONE], ["findings", SOME], ["hostile text", BAD]] as const)("ends with one line end: %s", (__, found) => {
    const text = report(found, OPTIONS);
    expect(text).toMatch(/[^\n]\n$/);
  });

  it("is a pure function", () => {
    const before = JSON.stringify(SOME);
    expect(report(SOME, OPTIONS)).toBe(report(SOME, OPTIONS));
    expect(JSON.stringify(SOME)).toBe(before);
  });

  it("has no colour but where it is asked for", () => {
    expect(report(SOME, OPTIONS)).not.toContain("\u001b");
  });

  it("names every rule and object", () => {
    const text = report(SOME, OPTIONS);
    const parts = format === "prometheus" ? ['pack="baseline",rule="dns"', 'rule="allow-all"', 'pack="kf"'] : ["baseline/dns", "baseline/allow-all", "kf/dns", "DNS breaks"];
    for (const part of parts) expect(text).toContain(part);
  });
});

describe("text", () => {
  it("paints only when asked, groups by object, and counts", () => {
    expect(FINDINGS_REPORTS.text(SOME, { ...OPTIONS, color: true })).toContain("\u001b[31mrefused\u001b[0m [baseline/dns]");
    const lines = FINDINGS_REPORTS.text(SOME, OPTIONS).split("\n");
    expect(lines.filter((line) => line === "NetworkPolicy shop/deny")).toHaveLength(1);
    expect(lines.at(-2)).toBe("2 refused, 1 warning, 1 dry run, 3 objects checked");
    expect(FINDINGS_REPORTS.text(NONE, OPTIONS)).toBe("no violations, 0 objects checked\n");
  });

  it("lets nobody's text steer the terminal", () => {
    expect(FINDINGS_REPORTS.text(BAD, OPTIONS)).not.toMatch(/[\u0000-\u0009\u000b-\u001f]/);
  });
});

describe("json", () => {
  it("holds everything", () => {
    const { violations, checked } = JSON.parse(FINDINGS_REPORTS.json(SOME, OPTIONS)) as { violations: { id: string; place?: object }[]; checked: number };
    expect(checked).toBe(3);
    expect(violations.map(({ id }) => id)).toEqual(["baseline/allow-all", "baseline/dns", "kf/dns", "baseline/dns"]);
    expect(violations[0]?.place).toEqual({ file: "a b/p.yaml", line: 7, column: 3 });
  });
});

interface Sarif {
  readonly version: string;
  readonly runs: readonly {
    readonly tool: { readonly driver: { readonly name: string; readonly rules: readonly { readonly id: string }[] } };
    readonly results: readonly { readonly ruleId: string; readonly ruleIndex: number; readonly level: string; readonly message: { readonly text: string }; readonly locations: readonly Record<string, unknown>[]; readonly partialFingerprints: Record<string, string> }[];
  }[];
}

/** Required properties: 3.13, 3.14, 3.19, 3.27. The schema itself: test/e2e/sarif-schema.test.ts. */
describe("sarif", () => {
  const run = (JSON.parse(FINDINGS_REPORTS.sarif(SOME, OPTIONS)) as Sarif).runs[0];

  it("has a run with a driver, and results that name their rule by id and index", () => {
    expect(run?.tool.driver.name).toBe("Sluice");
    const ids = run?.tool.driver.rules.map(({ id }) => id) ?? [];
    expect(new Set(ids).size).toBe(ids.length);
    for (const result of run?.results ?? []) expect(ids[result.ruleIndex]).toBe(result.ruleId);
    expect(run?.results.map(({ level }) => level)).toEqual(["warning", "error", "note", "error", "note"]);
    for (const { message, partialFingerprints } of run?.results ?? []) {
      expect(message.text).not.toBe("");
      expect(Object.values(partialFingerprints)).toHaveLength(1);
    }
  });

  it("places results by relative URIs with line and column, and leaves standard input out", () => {
    const places = run?.results.map(({ locations }) => locations[0]?.["physicalLocation"]);
    expect(places?.[0]).toEqual({ artifactLocation: { uri: "a%20b/p.yaml" }, region: { startLine: 7, startColumn: 3 } });
    expect(places?.[1]).toEqual({ artifactLocation: { uri: "p.yaml" }, region: { startLine: 2 } });
    expect(places?.slice(2, 4)).toEqual([undefined, undefined]);
    expect(places?.[4]).toEqual({ artifactLocation: { uri: "p.yaml" }, region: { startLine: 9, startColumn: 5 } });
  });
});

describe("markup", () => {
  it.each(["junit", "html"] as const)("%s holds no text that is not escaped", (format) => {
    const text = FINDINGS_REPORTS[format](BAD, OPTIONS);
    expect(text).not.toContain("<script>");
    expect(text).not.toMatch(/[\u0000-\u0008\u000b-\u001f]/);
    expect(text.match(/&(?!(?:amp|lt|gt|quot|#39);)/g)).toBeNull();
  });

  it("junit counts: only refusals fail, and nothing found is one passed case", () => {
    expect(FINDINGS_REPORTS.junit(SOME, OPTIONS)).toContain('<testsuites name="sluice" tests="4" failures="2" errors="0">');
    expect(FINDINGS_REPORTS.junit(NONE, OPTIONS)).toContain('tests="1" failures="0"');
    expect(isBalanced(FINDINGS_REPORTS.junit(SOME, OPTIONS))).toBe(true);
    expect(isBalanced(FINDINGS_REPORTS.junit(BAD, OPTIONS))).toBe(true);
  });

  it("html is one file that asks nothing of the network", () => {
    const text = FINDINGS_REPORTS.html(SOME, OPTIONS);
    expect(text).toMatch(/^<!doctype html>/);
    expect(text).not.toMatch(/<(?:script|link|img|iframe)|url\(|@import/);
  });

  it("markdown keeps its tables, and mentions nobody", () => {
    const rows = FINDINGS_REPORTS.markdown(BAD, OPTIONS).split("\n").filter((line) => line.startsWith("|"));
    for (const row of rows) expect(row.replaceAll("\\|", "").split("|")).toHaveLength(6);
    expect(FINDINGS_REPORTS.markdown(BAD, OPTIONS).replace(/`[^`]*`/g, "")).not.toMatch(/@someone|<script/);
  });

  it("csv has as many cells in each row, and no formula", () => {
    const rows = FINDINGS_REPORTS.csv(BAD, OPTIONS).replace(/"(?:[^"]|"")*"/gs, "cell").trimEnd().split("\r\n");
    for (const row of rows) expect(row.split(",")).toHaveLength(13);
    expect(FINDINGS_REPORTS.csv({ ...NONE, findings: [{ violation: violation({ message: "=1+1" }) }] }, OPTIONS)).toContain("'=1+1");
  });
});

/** Every element is closed in order. */
function isBalanced(xml: string): boolean {
  const open: string[] = [];
  for (const [, closing, name = "", , self] of xml.matchAll(/<(\/?)([\w-]+)((?:\s+[\w-]+="[^"]*")*)\s*(\/?)>/g)) {
    if (closing) {
      if (open.pop() !== name) return false;
    } else if (!self) open.push(name);
  }
  return open.length === 0;
}

const LINES: readonly ConnectionLine[] = [
  { src: "0.0.0.0-255.255.255.255[External]", dst: "shop/web[Deployment]", conn: "TCP 80" },
  { src: "shop/web[Deployment]", dst: "data/db[StatefulSet]", conn: "All Connections" },
  { src: "data/db[StatefulSet]", dst: "shop/web[Deployment]", conn: "All Connections" },
  { src: "{ingress-controller}", dst: `shop/"&<x>\\[Pod]`, conn: "TCP 1" },
];

describe.each(Object.entries(CONNECTIONS_REPORTS))("connections as %s", (format, report) => {
  it("streams: a line is written before the next one is asked for", () => {
    if (["svg", "heatmap", "html"].includes(format)) return expect([...report(LINES)].join("")).toContain("</svg>");
    const asked: number[] = [];
    const written: number[] = [];
    const source = function* (): Generator<ConnectionLine> {
      for (const [i, line] of LINES.entries()) {
        asked.push(i);
        yield line;
      }
    };
    for (const _ of report(source())) written.push(asked.length);
    expect(written).toContain(1);
    expect(written).toContain(2);
  });

  it("ends with a line end, also with nothing to say", () => {
    expect([...report(LINES)].join("")).toMatch(/\n$/);
    expect([...report([])].join("")).toMatch(/\n$/);
  });
});

describe("pictures", () => {
  it("svg is well-formed and joins what is the same both ways", () => {
    const text = [...CONNECTIONS_REPORTS.svg(LINES)].join("");
    expect(isBalanced(text)).toBe(true);
    expect(text.match(/class="pair"/g)).toHaveLength(3);
    expect(text).toContain("data/db[StatefulSet] and shop/web[Deployment]: All Connections");
    expect(text).not.toContain('"&<x>');
  });

  it("svg folds large clusters to namespaces", () => {
    const many = Array.from({ length: 400 }, (_, i): ConnectionLine => ({ src: `n${i % 7}/p${i}[Pod]`, dst: `n${(i + 1) % 7}/q${i}[Pod]`, conn: "TCP 1" }));
    const text = [...CONNECTIONS_REPORTS.svg(many)].join("");
    expect(text.match(/class="end"/g)).toHaveLength(7);
    expect(text).toContain("each box is a namespace");
  });

  it("dot quotes names and groups them by namespace", () => {
    const text = [...CONNECTIONS_REPORTS.dot(LINES)].join("");
    expect(text).toContain(`"{ingress-controller}" -> "shop/\\"&<x>\\\\[Pod]" [label="TCP 1"];`);
    expect(text).toContain('label="data";');
  });

  it("json is what other programs read", () => {
    expect(JSON.parse([...CONNECTIONS_REPORTS.json(LINES)].join(""))).toEqual({ connections: LINES });
    expect(JSON.parse([...CONNECTIONS_REPORTS.json([])].join(""))).toEqual({ connections: [] });
  });
});

describe("differences", () => {
  const lines: readonly DifferenceLine[] = [{ type: "changed", src: "a/b[Pod]", dst: "c/d[Pod]", old: "TCP 1", new: "TCP 2", info: null }];

  it.each(Object.entries(DIFFERENCES_REPORTS))("%s ends with a line end", (_, report) => {
    expect([...report(lines, OPTIONS)].join("")).toMatch(/\n$/);
    expect([...report([], OPTIONS)].join("")).toMatch(/\n$/);
  });

  it("json is what other programs read", () => {
    expect(JSON.parse([...DIFFERENCES_REPORTS.json(lines, OPTIONS)].join(""))).toEqual({ diffs: lines });
  });
});

it("an unknown format is the default one", () => {
  expect(chosen(FINDINGS_REPORTS, "toString")).toBe(FINDINGS_REPORTS.text);
  expect(chosen(FINDINGS_REPORTS, "json")).toBe(FINDINGS_REPORTS.json);
});
