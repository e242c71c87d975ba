import { readFileSync } from "node:fs";
import { parser } from "@prometheus-io/lezer-promql";
import { expect, it, describe } from "vitest";
import { parse } from "yaml";
import { isRecord } from "../../src/model/kubernetes.js";

/** The expressions of alerts and of the dashboard are PromQL, read by Prometheus' own grammar. */

const root = new URL("../../deploy/components/", import.meta.url);
const read = (file: string): unknown => parse(readFileSync(new URL(file, root), "utf8"));

/** Every `expr` of a document, whatever it lies in. */
function expressionsIn(value: unknown): readonly string[] {
  if (Array.isArray(value)) return value.flatMap(expressionsIn);
  if (!isRecord(value)) return [];
  return Object.entries(value).flatMap(([key, part]) => (key === "expr" && typeof part === "string" ? [part] : expressionsIn(part)));
}

/** The parts that the grammar cannot read. Variables of a dashboard are durations. */
function mistakesIn(expression: string): readonly string[] {
  const text = expression.replaceAll("$__rate_interval", "5m");
  const found: string[] = [];
  parser.parse(text).iterate({ enter: ({ type, from, to }) => void (type.isError && found.push(`${from}: ${text.slice(from, to) || "something is missing"}`)) });
  return found;
}

/** Names of metrics, and of the labels that they are grouped or selected by. */
function labelsIn(expression: string): readonly string[] {
  const names: string[] = [];
  parser.parse(expression).iterate({ enter: ({ name, from, to }) => void (name === "LabelName" && names.push(expression.slice(from, to))) });
  return names;
}

const expressions = ["alerts/alerts.yaml", "dashboard/sluice.json"].flatMap((file) => expressionsIn(read(file)).map((expression) => [file, expression] as const));

describe("the expressions of deploy/components", () => {
  it("are there", () => expect(new Set(expressions.map(([file]) => file)).size).toBe(2));

  it.each(expressions)("%s: %s", (_, expression) => expect(mistakesIn(expression)).toEqual([]));

  it("would be told if they were none", () => {
    expect(mistakesIn("sum(rate(sluice_leader[5m])")).not.toEqual([]);
    expect(mistakesIn("max(sluice_leader) <")).not.toEqual([]);
  });

  it("select and group by labels that metrics have", () => {
    const reference = readFileSync(new URL("../../docs/reference/metrics.md", root), "utf8");
    const unknown = expressions.flatMap(([, expression]) => labelsIn(expression)).filter((label) => !KNOWN.has(label) && !new RegExp(`\\b${label}\\b`).test(reference));
    expect([...new Set(unknown)]).toEqual([]);
  });
});

/** Of histograms, of the API server's metrics and of the scrape itself. */
const KNOWN: ReadonlySet<string> = new Set(["le", "name", "error_type", "pod", "instance", "job"]);
