import { printable, type ConnectionsReport } from "./report.js";

/** One line per pair, for a person and for `grep`. */
export const connectionsText: ConnectionsReport = function* (lines) {
  let count = 0;
  for (const { src, dst, conn } of lines) {
    count++;
    yield `${printable(`${src} -> ${dst}: ${conn}`)}\n`;
  }
  if (count === 0) yield "no connections\n";
};
