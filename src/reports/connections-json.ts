import type { ConnectionsReport } from "./report.js";

/** `{"connections":[{"src","dst","conn"}]}`, one pair per line. */
export const connectionsJson: ConnectionsReport = function* (lines) {
  const quote = quoteOnce();
  let separator = '{"connections":[\n';
  for (const { src, dst, conn } of lines) {
    yield `${separator}{"src":${quote(src)},"dst":${quote(dst)},"conn":${quote(conn)}}`;
    separator = ",\n";
  }
  yield separator.startsWith("{") ? '{"connections":[]}\n' : "\n]}\n";
};

/** A name stands in thousands of lines: quoting it once halves the time of a large report. */
function quoteOnce(): (text: string) => string {
  const quoted = new Map<string, string>();
  return (text) => {
    let known = quoted.get(text);
    if (known === undefined) quoted.set(text, (known = JSON.stringify(text)));
    return known;
  };
}
