import { ruleId } from "../model/violation.js";
import type { FindingsReport } from "./report.js";

const HEAD = ["rule", "action", "kind", "namespace", "name", "message", "path", "counterexample", "policies", "runningPods", "file", "line", "column"];

/** RFC 4180, one violation or note per row. */
export const csv: FindingsReport = ({ findings, notes }) => {
  const rows = findings.map(({ violation, place }) => {
    const { action, object, message, path, counterexample, policies, runningPods } = violation;
    const what = [ruleId(violation), action, object.kind, object.namespace, object.name, message, path];
    return [...what, counterexample, policies.join(" "), runningPods, place?.file, place?.line, place?.column];
  });
  const noted = notes.map(({ kind, object, path, message, place }) => {
    const what = [`sluice/${kind}`, "note", object.kind, object.namespace, object.name, message, path];
    return [...what, undefined, undefined, undefined, place?.file, place?.line, place?.column];
  });
  return [HEAD, ...rows, ...noted].map((row) => `${row.map(cell).join(",")}\r\n`).join("");
};

/** A leading `=`, `+`, `-` or `@` would make spreadsheets run the text as a formula. */
function cell(value: string | number | undefined): string {
  const text = value === undefined ? "" : String(value).replace(/^[=+@\t\r-]/, "'$&");
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text;
}
