import { ruleId } from "../model/violation.js";
import type { FindingsReport } from "./report.js";

/** Everything, for programs: each violation with its `pack/rule` and place. */
export const json: FindingsReport = ({ findings, warnings, notes, checked, reasons }) => {
  const violations = findings.map(({ violation, place }) => ({ id: ruleId(violation), ...violation, ...(place ? { place } : {}) }));
  return `${JSON.stringify({ ...(reasons ? { complete: reasons.length === 0, reasons } : {}), checked, violations, warnings, notes }, null, 2)}\n`;
};
