import type { DifferencesReport } from "./report.js";

/** A table for a comment on a pull request. */
export const differencesMarkdown: DifferencesReport = function* (lines) {
  let head = "| | from | to | before | after | |\n|---|---|---|---|---|---|\n";
  for (const { type, src, dst, old, new: now, info } of lines) {
    yield `${head}| ${type} | ${code(src)} | ${code(dst)} | ${old} | ${now} | ${info === null ? "" : code(info)} |\n`;
    head = "";
  }
  if (head !== "") yield "no differences\n";
};

function code(text: string): string {
  return `\`${text.replace(/[`\r\n]/g, " ").replaceAll("|", "\\|")}\``;
}
