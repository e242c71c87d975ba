import { ruleId, type Violation } from "../model/violation.js";
import { brokenRules, detailsOf, objectName, type Finding, type FindingsReport } from "./report.js";

const LEVEL = { deny: "error", warn: "warning", dryrun: "note" } as const;

/** SARIF 2.1.0 (OASIS, 2020), as code scanning services read it. */
export const sarif: FindingsReport = ({ findings }, { version }) => {
  const rules = [...brokenRules(findings)];
  const index = new Map(rules.map(([id], i) => [id, i]));
  const log = {
    $schema: "https://json.schemastore.org/sarif-2.1.0.json",
    version: "2.1.0",
    runs: [
      {
        tool: { driver: { name: "Sluice", version, rules: rules.map(([id, violation]) => describeRule(id, violation)) } },
        columnKind: "utf16CodeUnits",
        results: findings.map((finding) => describeResult(finding, index.get(ruleId(finding.violation)) ?? 0)),
      },
    ],
  };
  return `${JSON.stringify(log, null, 2)}\n`;
};

function describeRule(id: string, { remediation, link }: Violation): object {
  return {
    id,
    name: id.replace(/(?:^|[/-])(\w)/g, (_, letter: string) => letter.toUpperCase()),
    shortDescription: { text: `rule ${id}` },
    ...(remediation === undefined ? {} : { help: { text: remediation } }),
    ...(link === undefined ? {} : { helpUri: link }),
  };
}

function describeResult({ violation, place }: Finding, ruleIndex: number): object {
  const { namespace, name, kind } = violation.object;
  const qualified = `${kind}/${namespace === undefined ? "" : `${namespace}/`}${name}`;
  return {
    ruleId: ruleId(violation),
    ruleIndex,
    level: LEVEL[violation.action],
    message: { text: [`${objectName(violation)}: ${violation.message}`, ...detailsOf(violation)].join("\n") },
    locations: [
      {
        ...(place && isFile(place.file) ? { physicalLocation: physical(place.file, place.line, place.column) } : {}),
        logicalLocations: [{ name, fullyQualifiedName: qualified, kind: "resource" }],
      },
    ],
    partialFingerprints: { "sluice/v1": `${ruleId(violation)}:${qualified}${violation.path === undefined ? "" : `:${violation.path}`}` },
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
