import { ruleId, type Violation } from "../model/violation.js";
import { detailsOf, escapeMarkup, formatPlace, objectName, summary, type Finding, type FindingsReport } from "./report.js";

/** JUnit XML: one case per broken rule and object; only what would be refused is a failure. What could not be looked at is an error. No finding is one passed case. */
export const junit: FindingsReport = (found) => {
  const { reasons = [] } = found;
  const suites = new Map<string, Finding[]>();
  for (const finding of found.findings) suites.set(finding.violation.pack, [...(suites.get(finding.violation.pack) ?? []), finding]);
  const failures = countFailures(found.findings);
  const tests = Math.max(found.findings.length + reasons.length, 1);
  const bodies = [...suites].map(([pack, findings]) => suite(pack, findings));
  const body = [...bodies, ...(reasons.length === 0 ? [] : [incomplete(reasons)])].join("") || passed(summary(found));
  return `<?xml version="1.0" encoding="UTF-8"?>\n<testsuites name="sluice" tests="${tests}" failures="${failures}" errors="${reasons.length}">\n${body}</testsuites>\n`;
};

function incomplete(reasons: readonly string[]): string {
  const cases = reasons.map((reason, i) => `    <testcase classname="sluice" name="complete ${i + 1}">\n      <error type="incomplete" message="${escapeMarkup(reason)}"/>\n    </testcase>\n`);
  return `  <testsuite name="sluice" tests="${reasons.length}" failures="0" errors="${reasons.length}" skipped="0">\n${cases.join("")}  </testsuite>\n`;
}

function passed(name: string): string {
  return `  <testsuite name="sluice" tests="1" failures="0" errors="0" skipped="0">\n    <testcase classname="sluice" name="${escapeMarkup(name)}"/>\n  </testsuite>\n`;
}

function suite(pack: string, findings: readonly Finding[]): string {
  const head = `  <testsuite name="${escapeMarkup(pack)}" tests="${findings.length}" failures="${countFailures(findings)}" errors="0" skipped="0">\n`;
  return `${head}${findings.map(testCase).join("")}  </testsuite>\n`;
}

function testCase({ violation, place }: Finding): string {
  const file = place === undefined ? "" : ` file="${escapeMarkup(place.file)}"${place.line === undefined ? "" : ` line="${place.line}"`}`;
  const head = `    <testcase classname="${escapeMarkup(ruleId(violation))}" name="${escapeMarkup(objectName(violation))}"${file}>\n`;
  const lines = [...(place ? [formatPlace(place)] : []), violation.message, ...detailsOf(violation)];
  return `${head}${outcome(violation, escapeMarkup(lines.join("\n")))}    </testcase>\n`;
}

function outcome({ action, message }: Violation, details: string): string {
  if (action !== "deny") return `      <system-out>${action}: ${details}</system-out>\n`;
  return `      <failure type="deny" message="${escapeMarkup(message)}">${details}</failure>\n`;
}

function countFailures(findings: readonly Finding[]): number {
  return findings.filter(({ violation }) => violation.action === "deny").length;
}
