import { connectionsDot } from "./connections-dot.js";
import { connectionsHeatMap } from "./connections-heat-map.js";
import { connectionsHtml } from "./connections-html.js";
import { connectionsJson } from "./connections-json.js";
import { connectionsSvg } from "./connections-svg.js";
import { connectionsText } from "./connections-text.js";
import { csv } from "./csv.js";
import { differencesJson } from "./differences-json.js";
import { differencesMarkdown } from "./differences-markdown.js";
import { differencesText } from "./differences-text.js";
import { html } from "./html.js";
import { json } from "./json.js";
import { junit } from "./junit.js";
import { markdown } from "./markdown.js";
import { prometheus } from "./prometheus.js";
import type { ConnectionsReport, DifferencesReport, FindingsReport, TestsReport } from "./report.js";
import { sarif } from "./sarif.js";
import { testsJson } from "./tests-json.js";
import { testsJunit } from "./tests-junit.js";
import { testsText } from "./tests-text.js";
import { text } from "./text.js";

/** Formats by the name that `-o` takes; the first of each is the default. */
export const FINDINGS_REPORTS = { text, json, sarif, junit, markdown, html, csv, prometheus } as const satisfies Record<string, FindingsReport>;

export const CONNECTIONS_REPORTS = { text: connectionsText, json: connectionsJson, dot: connectionsDot, svg: connectionsSvg, heatmap: connectionsHeatMap, html: connectionsHtml } as const satisfies Record<string, ConnectionsReport>;

export const DIFFERENCES_REPORTS = { text: differencesText, json: differencesJson, markdown: differencesMarkdown } as const satisfies Record<string, DifferencesReport>;

export const TESTS_REPORTS = { text: testsText, json: testsJson, junit: testsJunit } as const satisfies Record<string, TestsReport>;

/** The format that `-o` names; `main` has checked the name already, so an unknown one is the default. */
export function chosen<T>(reports: Readonly<Record<string, T>> & { readonly text: T }, format: string): T {
  return Object.hasOwn(reports, format) ? (reports[format] ?? reports.text) : reports.text;
}
