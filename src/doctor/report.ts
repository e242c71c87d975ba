import { oneLine } from "../model/printable.js";
import type { Diagnosis, Status } from "./check.js";
import { count } from "./words.js";

const COLOURS: Readonly<Record<Status, string>> = { ok: "32", warning: "33", failure: "31", "not checked": "2" };

/** One line per finding, what to do below it, and the sum. */
export function diagnosisText(found: readonly Diagnosis[], color: boolean): string {
  const paint = (code: string, text: string): string => (color ? `\u001b[${code}m${text}\u001b[0m` : text);
  const wide = Math.max(...found.map(({ status }) => status.length));
  const broad = Math.max(...found.map(({ check }) => check.length));
  const lines = found.flatMap(({ check, status, finding, remedy }) => [
    `${paint(COLOURS[status], status.padEnd(wide))}  ${check.padEnd(broad)}  ${oneLine(finding)}`,
    ...(remedy === undefined ? [] : [`${" ".repeat(wide + broad + 4)}to do: ${oneLine(remedy)}`]),
  ]);
  return `${[...lines, "", paint("1", sumOf(found))].join("\n")}\n`;
}

function sumOf(found: readonly Diagnosis[]): string {
  const number = (status: Status): number => found.filter((one) => one.status === status).length;
  const skipped = number("not checked") > 0 ? `, ${number("not checked")} not checked` : "";
  const [failures, warnings] = [number("failure"), number("warning")];
  // Who may see little, or asks about what this installation does without, is not told that all is well.
  if (failures + warnings === 0) return `${skipped === "" ? "healthy" : "nothing wrong was found"}: ${number("ok")} ok${skipped}`;
  return `${count(failures, "failure")}, ${count(warnings, "warning")}, ${number("ok")} ok${skipped}`;
}
