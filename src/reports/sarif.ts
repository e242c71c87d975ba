import type { ObjectRef } from "../model/kubernetes.js";
import type { Place } from "../model/result.js";
import { exceptionText, ruleId, type Violation } from "../model/violation.js";
import { brokenRules, detailsOf, objectName, type Finding, type FindingsReport, type Note } from "./report.js";

const LEVEL = { deny: "error", warn: "warning", dryrun: "note" } as const;

/** SARIF 2.1.0 (OASIS, 2020), as code scanning services read it. */
export const sarif: FindingsReport = ({ findings, notes, warnings, reasons = [] }, { version }) => {
  const kinds = [...new Set(notes.map(({ kind }) => noteId(kind)))];
  const rules = [...[...brokenRules(findings)].map(([id, violation]) => describeRule(id, violation)), ...kinds.map((id) => describeRule(id, {}))];
  const index = new Map([...brokenRules(findings).keys(), ...kinds].map((id, i) => [id, i]));
  const results = [
    ...findings.map((finding) => describeResult(finding, index.get(ruleId(finding.violation)) ?? 0)),
    ...notes.map((note) => describeNote(note, index.get(noteId(note.kind)) ?? 0)),
  ];
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Sluice", version, rules } },
        invocations: [{ executionSuccessful: reasons.length === 0, toolExecutionNotifications: [...reasons.map((text) => notification("error", `not complete: ${text}`)), ...warnings.map((text) => notification("warning", text))] }],
        columnKind: "utf16CodeUnits",
        results,
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
};

/** What is about the run as a whole (3.58). */
function notification(level: "error" | "warning", text: string): object {
  return { level, message: { text } };
}

function noteId(kind: string): string {
  return `sluice/${kind}`;
}

/** What code scanning services sort by: the middle of each band of CVSS. */
const SECURITY_SEVERITY = { low: "2.0", medium: "5.5", high: "8.0", critical: "9.5" } as const;

function describeRule(id: string, { remediation, link, severity }: Pick<Violation, "remediation" | "link" | "severity">): object {
  return {
    id,
    name: id.replace(/(?:^|[/-])(\w)/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: `rule ${id}` },
    ...(remediation === undefined ? {} : { help: { text: remediation } }),
    ...(link === undefined ? {} : { helpUri: link }),
    ...(severity && { properties: { "security-severity": SECURITY_SEVERITY[severity] } }),
  };
}

function describeResult({ violation, place }: Finding, ruleIndex: number): object {
  return {
    ruleId: ruleId(violation),
    ruleIndex,
    level: LEVEL[violation.action],
    message: { text: [`${objectName(violation)}: ${violation.message}`, ...detailsOf(violation)].join("\n") },
    ...whereIs(ruleId(violation), violation, place),
    ...(violation.exception && { suppressions: [{ kind: "external", status: "accepted", justification: exceptionText(violation.exception) }] }),
  };
}

function describeNote(note: Note, ruleIndex: number): object {
  const id = noteId(note.kind);
  return { ruleId: id, ruleIndex, level: "note", message: { text: `${objectName(note)}: ${note.path} ${note.message}` }, ...whereIs(id, note, note.place) };
}

/** The object by name, its text where it came from a file, and what tells this result from others over time. */
function whereIs(id: string, { object, path }: { readonly object: ObjectRef; readonly path?: string }, place: Place | undefined): object {
  const { namespace, name, kind } = object;
  const qualified = `${kind}/${namespace === undefined ? "" : `${namespace}/`}${name}`;
  const physicalLocation = place && isFile(place.file) ? { physicalLocation: physical(place.file, place.line, place.column) } : {};
  return {
    locations: [{ ...physicalLocation, logicalLocations: [{ name, fullyQualifiedName: qualified, kind: "resource" }] }],
    partialFingerprints: { "sluice/v1": `${id}:${qualified}${path === undefined ? "" : `:${path}`}` },
  };
}

function physical(file: string, line: number | undefined, column: number | undefined): object {
  const region = line === undefined ? {} : { region: { startLine: line, ...(column === undefined ? {} : { startColumn: column }) } };
  return { artifactLocation: { uri: toUri(file) }, ...region };
}

/** Relative paths stay relative, so that the service finds them in the checkout. */
function toUri(file: string): string {
  const path = file.replaceAll("\\", "/").replace(/^\.\//, "");
  const encoded = path.split("/").map(encodeURIComponent).join("/");
  return path.startsWith("/") ? `file://${encoded}` : encoded;
}

function isFile(file: string): boolean {
  return file !== "-";
}
