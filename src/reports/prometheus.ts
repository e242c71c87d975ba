import { ruleId } from "../model/violation.js";
import { SEVERITIES, type Findings, type FindingsReport } from "./report.js";

/**
 * Prometheus' text exposition format 0.0.4, for the textfile collector of node_exporter: numbers under the names that `serve` gives
 * them, one series per rule and action. A rule that nothing breaks has no series; `sluice_audit_objects` tells a clean run from none.
 */
export const prometheus: FindingsReport = (found) =>
  [
    ...gauge("sluice_audit_violations", "Violations found, by pack, rule and what the rule does.", [...counted(found)]),
    ...gauge("sluice_audit_objects", "Objects that were judged.", [["", found.checked]]),
    ...(found.reasons ? gauge("sluice_audit_complete", "1 when everything could be looked at.", [["", found.reasons.length === 0 ? 1 : 0]]) : []),
    "",
  ].join("\n");

function gauge(name: string, help: string, series: readonly (readonly [labels: string, value: number])[]): readonly string[] {
  return [`# HELP ${name} ${help}`, `# TYPE ${name} gauge`, ...series.map(([labels, value]) => `${name}${labels} ${value}`)];
}

/** Numbers of violations by their labels; worst first, rules by name. */
function* counted({ findings }: Findings): Iterable<readonly [labels: string, value: number]> {
  for (const { action } of SEVERITIES) {
    const counts = new Map<string, number>();
    for (const { violation } of findings) if (violation.action === action) counts.set(ruleId(violation), (counts.get(ruleId(violation)) ?? 0) + 1);
    for (const [id, value] of [...counts].sort()) {
      const slash = id.indexOf("/");
      yield [`{pack="${label(id.slice(0, slash))}",rule="${label(id.slice(slash + 1))}",action="${action}"}`, value];
    }
  }
}

/** "Label values [...] the backslash (\), double-quote ("), and line feed (\n) characters have to be escaped" */
function label(text: string): string {
  return text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n");
}
