import { readFileSync, statSync } from "node:fs";
import { formatProblem, type Place, type Problem } from "../model/result.js";

/** A problem as a line, and below it the line of the file that it is about, with a caret at the place. */
export function problemText(problem: Problem): string {
  const frame = problem.place ? codeFrame(problem.place) : [];
  return [formatProblem(problem), ...frame].join("\n");
}

/** Longer lines are cut, so that the caret stays on the screen. */
const WIDTH = 100;
/** A place in a file longer than this is told by its numbers alone. */
const READ = 4_000_000;

function codeFrame({ file, line, column }: Place): readonly string[] {
  if (line === undefined || column === undefined || file === "-") return [];
  const text = lineOf(file, line);
  if (text === undefined || text.trim() === "") return [];
  const start = Math.max(0, Math.min(column - 1 - WIDTH / 2, text.length - WIDTH));
  const shown = text.slice(start, start + WIDTH).replaceAll("\t", " ").trimEnd();
  const number = String(line);
  return [`  ${number} | ${shown}`, `  ${" ".repeat(number.length)} | ${" ".repeat(Math.max(0, column - 1 - start))}^`];
}

/** Undefined for a file that changed since, is gone, or is too long to look into. */
function lineOf(file: string, line: number): string | undefined {
  try {
    if (statSync(file).size > READ) return undefined;
    return readFileSync(file, "utf8").replace(/^\uFEFF/, "").split("\n")[line - 1];
  } catch {
    return undefined;
  }
}
