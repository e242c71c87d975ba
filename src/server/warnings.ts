import { oneLine } from "../model/printable.js";

// The API server sends warnings whole while they are 4,096 characters together; past that it cuts each to 256 and stops once 4,096 are
// written, and it drops empty ones and those with control characters without a word (facts/admission.md 2, A13).
const TOTAL = 4_096;
const EACH = 255;

/** Warnings that arrive as written: one line each, no two alike, and where they are too many the last one says how many are not shown. */
export function asWarnings(texts: readonly string[]): readonly string[] {
  const lines = [...new Set(texts.map(oneLine))].filter((line) => line !== "");
  if (lines.reduce((sum, line) => sum + lengthOf(line), 0) <= TOTAL) return lines;
  const cut = lines.map(cutLine);
  const shown = fitting(cut);
  return shown.length === cut.length ? cut : [...shown, `${cut.length - shown.length} more warnings are not shown`];
}

/** As many from the front as leave room for one more. */
function fitting(lines: readonly string[]): readonly string[] {
  let room = TOTAL;
  const end = lines.findIndex((line, index) => {
    room -= lengthOf(line);
    return room < (index === lines.length - 1 ? 0 : EACH);
  });
  return end < 0 ? lines : lines.slice(0, end);
}

function cutLine(line: string): string {
  return lengthOf(line) <= EACH ? line : `${[...line].slice(0, EACH - 3).join("")}...`;
}

/** In code points, as the API server counts. */
function lengthOf(line: string): number {
  let count = 0;
  for (const _ of line) count += 1;
  return count;
}
