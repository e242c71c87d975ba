import type { ConnectionsReport } from "./report.js";

/** `{"connections":[{"src","dst","conn"}]}`, one pair per line. */
export const connectionsJson: ConnectionsReport = function* (lines) {
  let separator = '{"connections":[\n';
  for (const { src, dst, conn } of lines) {
    yield separator + JSON.stringify({ src, dst, conn });
    separator = ",\n";
  }
  yield separator.startsWith("{") ? '{"connections":[]}\n' : "\n]}\n";
};
