import { ruleId } from "../model/violation.js";
import { detailsOf, formatPlace, objectName, printable, remarks, summary, type Finding, type FindingsReport } from "./report.js";

const PAINT = { deny: "31", warn: "33", dryrun: "36" } as const;
const LABEL = { deny: "refused", warn: "warning", dryrun: "dry run" } as const;

/** For a person at a terminal: grouped by object, worst first, coloured when asked. */
export const text: FindingsReport = (found, { color }) => {
  const paint = (code: string, what: string): string => (color ? `\u001b[${code}m${what}\u001b[0m` : what);
  const lines: string[] = [];
  for (const group of byObject(found.findings)) {
    const [first] = group;
    if (!first) continue;
    lines.push(paint("1", printable(objectName(first.violation))));
    for (const { violation, place } of group) {
      const where = place ? `  ${paint("2", printable(formatPlace(place)))}` : "";
      lines.push(`  ${paint(PAINT[violation.action], LABEL[violation.action])} [${ruleId(violation)}] ${printable(violation.message)}${where}`);
      for (const detail of detailsOf(violation)) lines.push(`    ${printable(detail)}`);
    }
    lines.push("");
  }
  const notes = remarks(found).map((remark) => `${paint(PAINT.dryrun, "note")} ${printable(remark)}`);
  if (notes.length > 0) lines.push(...notes, "");
  lines.push(paint("1", summary(found)));
  return `${lines.join("\n")}\n`;
};

/** Findings about one object together, in the order the objects came. */
function byObject(findings: readonly Finding[]): readonly Finding[][] {
  const groups = new Map<string, Finding[]>();
  for (const finding of findings) {
    const key = objectName(finding.violation);
    const group = groups.get(key);
    if (group) group.push(finding);
    else groups.set(key, [finding]);
  }
  const order = ["deny", "warn", "dryrun"];
  return [...groups.values()].map((group) => group.sort((a, b) => order.indexOf(a.violation.action) - order.indexOf(b.violation.action)));
}
