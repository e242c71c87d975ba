import type { CaseResult, Coverage, CoverageItem, Failure, Mutation, MutantName } from "../model/test-result.js";
import { formatPlace, printable, type TestsReport } from "./report.js";

/** For a person at a terminal: what failed and why, then a line for each test, then what tests did not look at. */
export const testsText: TestsReport = ({ results, coverage, mutation }, { color }) => {
  const paint = (code: string, what: string): string => (color ? `\u001b[${code}m${what}\u001b[0m` : what);
  const failed = results.filter((result) => result.failed);
  const lines = [
    ...failed.flatMap((result) => failureLines(result, paint)),
    ...testNames(results).map((test) => testLine(test, results, paint)),
    "",
    ...(coverage ? [...coverageLines(coverage), ""] : []),
    ...(mutation ? [...mutationLines(mutation), ""] : []),
    paint("1", `${count(testNames(results).length, "test")}, ${count(results.length, "case")}: ${failed.length === 0 ? "all as expected" : `${failed.length} failed`}`),
  ];
  return `${lines.join("\n")}\n`;
};

type Paint = (code: string, what: string) => string;

const RED = "31";
const GREEN = "32";

function failureLines({ test, name, failed, place }: CaseResult, paint: Paint): readonly string[] {
  if (!failed) return [];
  const { step, name: what, failures, answer, notRun } = failed;
  return [
    `${paint(RED, "FAILED")} ${paint("1", printable(title(test, name)))}`,
    `  step ${step}, ${printable(what)}${place ? ` (${printable(formatPlace(place))})` : ""}`,
    ...failures.flatMap(expectationLines),
    ...(answer === "" ? [] : ["    the answer:", ...answer.split("\n").map((line) => `      ${printable(line)}`)]),
    ...(notRun > 0 ? [`  ${count(notRun, "further step")} not run`] : []),
    "",
  ];
}

function expectationLines({ what, expected, got, place }: Failure): readonly string[] {
  return [`    ${what}${place ? ` (${printable(formatPlace(place))})` : ""}`, `      expected: ${printable(expected)}`, `      got:      ${printable(got)}`];
}

function testNames(results: readonly CaseResult[]): readonly string[] {
  return [...new Set(results.map(({ test }) => test))];
}

function testLine(test: string, results: readonly CaseResult[], paint: Paint): string {
  const own = results.filter((result) => result.test === test);
  const failed = own.filter((result) => result.failed).length;
  const steps = own.reduce((sum, result) => sum + result.steps, 0);
  const outcome = failed === 0 ? paint(GREEN, "ok    ") : paint(RED, "FAILED");
  return `${outcome} ${test}: ${count(own.length, "case")}, ${count(steps, "step")}${failed === 0 ? "" : `, ${failed} failed`}`;
}

function title(test: string, name: string): string {
  return test === name ? test : `${test}: ${name}`;
}

const KINDS = { rule: "rules", flow: "flows", alternative: "alternatives", parameter: "parameters" } as const;

function coverageLines({ items, covered, total }: Coverage): readonly string[] {
  const packs = [...new Set(items.map(({ pack }) => pack))];
  const rows = packs.map((pack) => [pack, ...Object.keys(KINDS).map((kind) => share(items.filter((item) => item.pack === pack && item.what === kind)))]);
  return [
    ...table([["coverage", ...Object.values(KINDS)], ...rows]),
    ...items.filter(({ missing }) => missing.length > 0).map(missingLine),
    `${percent(covered, total)} covered (${covered} of ${total})`,
  ];
}

function missingLine({ what, name, seen, missing, place }: CoverageItem): string {
  const so = seen.length === 0 ? "never" : `only ${seen.join(", ")}; never`;
  return `  ${what} ${printable(name)}: ${so} ${missing.join(", ")}${place ? ` (${printable(formatPlace(place))})` : ""}`;
}

function share(items: readonly CoverageItem[]): string {
  const seen = items.reduce((sum, item) => sum + item.seen.length, 0);
  const all = items.reduce((sum, item) => sum + item.seen.length + item.missing.length, 0);
  return all === 0 ? "-" : `${percent(seen, all)} (${seen}/${all})`;
}

/** Rounded down, so that 100 % means all. */
function percent(part: number, whole: number): string {
  return `${whole === 0 ? 100 : Math.floor((1000 * part) / whole) / 10} %`;
}

function table(rows: readonly (readonly string[])[]): readonly string[] {
  const widths = (rows[0] ?? []).map((_, column) => Math.max(...rows.map((row) => (row[column] ?? "").length)));
  return rows.map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join("  ").trimEnd());
}

function mutationLines({ killed, survivors, invalid, notRun }: Mutation): readonly string[] {
  const tried = killed + survivors.length;
  return [
    ...survivors.map(survivorLine),
    `${killed} of ${tried} mutants killed${survivors.length === 0 ? "" : `, ${survivors.length} survived`}${notRun === 0 ? "" : `, ${notRun} not tried for lack of time`}; ${invalid} were no valid pack`,
  ];
}

function survivorLine({ pack, rule, operator, change, path, place }: MutantName): string {
  return `  survived: ${rule ?? pack}: ${operator}: ${printable(change)} at ${path}${place ? ` (${printable(formatPlace(place))})` : ""}`;
}

function count(number: number, what: string): string {
  return `${number} ${what}${number === 1 ? "" : "s"}`;
}
