import type { DifferencesReport } from "./report.js";

/** `{"diffs":[{"type","src","dst","old","new","info"}]}`, one pair per line. */
export const differencesJson: DifferencesReport = function* (lines) {
  let separator = '{"diffs":[\n';
  for (const { type, src, dst, old, new: now, info } of lines) {
    yield separator + JSON.stringify({ type, src, dst, old, new: now, info });
    separator = ",\n";
  }
  yield separator.startsWith("{") ? '{"diffs":[]}\n' : "\n]}\n";
};
