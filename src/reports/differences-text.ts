import { printable, type DifferencesReport } from "./report.js";

const SIGN = { added: "+", removed: "-", changed: "~" } as const;
const PAINT = { added: "32", removed: "31", changed: "33" } as const;

/** One line per pair that differs: what it was, what it is, and which workload came or went. */
export const differencesText: DifferencesReport = function* (lines, { color }) {
  let count = 0;
  for (const { type, src, dst, old, new: now, info } of lines) {
    count++;
    const line = printable(`${SIGN[type]} ${src} -> ${dst}: ${old} => ${now}${info === null ? "" : ` (${info})`}`);
    yield color ? `\u001b[${PAINT[type]}m${line}\u001b[0m\n` : `${line}\n`;
  }
  yield count === 0 ? "no differences\n" : `${count} ${count === 1 ? "difference" : "differences"}\n`;
};
