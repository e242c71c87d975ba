import type { CaseResult, MutantName, TestRun } from "../model/test-result.js";
import { escapeMarkup, formatPlace, type TestsReport } from "./report.js";

/** JUnit XML: one suite per test, one case per case; each surviving mutant is a failed case of a suite of its own. */
export const testsJunit: TestsReport = (run) => {
  const suites = [...new Set(run.results.map(({ test }) => test))].map((test) => suite(test, run.results.filter((result) => result.test === test)));
  const all = [...suites, ...mutationSuite(run)];
  const [tests, failures] = [sum(all.map((one) => one.tests)), sum(all.map((one) => one.failures))];
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sluice test" tests="${tests}" failures="${failures}" errors="0">\n${all.map(({ text }) => text).join("")}</testsuites>\n`;
};

interface Suite {
  readonly text: string;
  readonly tests: number;
  readonly failures: number;
}

function sum(numbers: readonly number[]): number {
  return numbers.reduce((total, number) => total + number, 0);
}

function suiteOf(name: string, cases: readonly { readonly text: string; readonly failed: boolean }[]): Suite {
  const failures = cases.filter(({ failed }) => failed).length;
  const head = `  <testsuite name="${escapeMarkup(name)}" tests="${cases.length}" failures="${failures}" errors="0" skipped="0">\n`;
  return { text: `${head}${cases.map(({ text }) => text).join("")}  </testsuite>\n`, tests: cases.length, failures };
}

function suite(test: string, results: readonly CaseResult[]): Suite {
  return suiteOf(test, results.map((result) => ({ text: testCase(result), failed: result.failed !== undefined })));
}

function testCase({ test, name, failed, place }: CaseResult): string {
  const head = `    <testcase classname="${escapeMarkup(test)}" name="${escapeMarkup(name)}"${fileOf(place)}`;
  if (!failed) return `${head}/>\n`;
  const told = failed.failures.map((failure) => `${failure.place ? `${formatPlace(failure.place)}: ` : ""}${failure.what}: expected ${failure.expected}, got ${failure.got}`);
  const text = [`step ${failed.step}, ${failed.name}`, ...told, failed.answer].filter((line) => line !== "").join("\n");
  return `${head}>\n      <failure type="expectation" message="${escapeMarkup(told[0] ?? "")}">${escapeMarkup(text)}</failure>\n    </testcase>\n`;
}

function mutationSuite({ mutation }: TestRun): readonly Suite[] {
  if (!mutation) return [];
  const survivors = mutation.survivors.map((mutant) => ({ text: survivor(mutant), failed: true }));
  return [suiteOf("mutants", survivors.length > 0 ? survivors : [{ text: `    <testcase classname="mutants" name="${mutation.killed} killed"/>\n`, failed: false }])];
}

function survivor({ pack, rule, operator, change, path, place }: MutantName): string {
  const text = `${operator}: ${change} at ${path}: no test fails`;
  return `    <testcase classname="mutants.${escapeMarkup(rule ?? pack)}" name="${escapeMarkup(`${path}: ${change}`)}"${fileOf(place)}>\n      <failure type="survived" message="${escapeMarkup(text)}"/>\n    </testcase>\n`;
}

function fileOf(place: CaseResult["place"]): string {
  return place === undefined ? "" : ` file="${escapeMarkup(place.file)}"${place.line === undefined ? "" : ` line="${place.line}"`}`;
}
