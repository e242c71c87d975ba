import { escapeMarkup, PAGE_STYLE, pictures, type ConnectionLine, type ConnectionsReport } from "./report.js";

/** Rows past these are for \`-o json\`. */
const ROWS = 2_000;

/** One file that works offline and prints: a heat map of namespaces, a picture of workloads, and every pair as a table. */
export const connectionsHtml: ConnectionsReport = function* (lines) {
  const all = [...lines];
  yield `<!doctype html>\n<html lang="en">\n<head>\n<meta charset="utf-8">\n<meta name="viewport" content="width=device-width">\n<title>Sluice: who can reach whom</title>\n<style>${PAGE_STYLE}\n</style>\n</head>\n<body>\n<main>\n<h1>Who can reach whom</h1>\n`;
  yield `<p>${all.length === 0 ? "no connections" : `${all.length} ${all.length === 1 ? "pair" : "pairs"} of workloads and addresses that can talk`}</p>\n`;
  yield* pictures(all);
  if (all.length > 0) yield* table(all);
  yield "</main>\n</body>\n</html>\n";
};

function* table(lines: readonly ConnectionLine[]): Iterable<string> {
  yield '<h2>As a table</h2>\n<table>\n<thead><tr><th scope="col">from</th><th scope="col">to</th><th scope="col">on</th></tr></thead>\n<tbody>\n';
  for (const { src, dst, conn } of lines.slice(0, ROWS)) yield `<tr><td>${escapeMarkup(src)}</td><td>${escapeMarkup(dst)}</td><td>${escapeMarkup(conn)}</td></tr>\n`;
  yield "</tbody>\n</table>\n";
  if (lines.length > ROWS) yield `<p>${lines.length - ROWS} more pairs: \`sluice connectivity -o json\` lists them</p>\n`;
}
