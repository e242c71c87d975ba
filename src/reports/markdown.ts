import { ruleId } from "../model/violation.js";
import { detailsOf, formatPlace, objectName, printable, remarks, SEVERITIES, summary, type Finding, type FindingsReport } from "./report.js";

const TITLE = { deny: "Refused", warn: "Warnings", dryrun: "Dry run" } as const;

/** For a comment on a pull request: a table per severity, details folded. */
export const markdown: FindingsReport = (found) => {
  const sections = SEVERITIES.flatMap(({ action }) => {
    const findings = found.findings.filter(({ violation }) => violation.action === action);
    return findings.length === 0 ? [] : [section(TITLE[action], findings)];
  });
  const notes = remarks(found).map((remark) => `- ${escape(remark)}`).join("\n");
  return `${[`## Sluice: ${summary(found)}`, ...sections, ...(notes === "" ? [] : [`### Notes\n\n${notes}`])].join("\n\n")}\n`;
};

function section(title: string, findings: readonly Finding[]): string {
  const rows = findings.map(({ violation, place }) => {
    const where = place ? `\`${inCode(formatPlace(place))}\`` : "";
    const details = detailsOf(violation).map(escape).join("<br>");
    return `| \`${ruleId(violation)}\` | \`${inCode(objectName(violation))}\` | ${where} | ${escape(violation.message)}${details === "" ? "" : `<br>${details}`} |`;
  });
  return `### ${title}\n\n| rule | object | place | what breaks |\n|---|---|---|---|\n${rows.join("\n")}`;
}

/** Text in a table cell: no markup, no line breaks, no mention of anyone. Backticks of our own messages stay. */
function escape(text: string): string {
  return printable(text)
    .replace(/[\\|*_[\]#~]/g, "\\$&")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll("@", "@\u200b");
}

function inCode(text: string): string {
  return printable(text).replaceAll("`", " ").replaceAll("|", "\\|");
}
