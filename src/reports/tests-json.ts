import type { TestsReport } from "./report.js";

/** Everything, for programs. */
export const testsJson: TestsReport = ({ results, coverage, mutation }) => {
  const cases = results.map(({ failed, ...result }) => ({ ...result, passed: failed === undefined, ...(failed ? { failed } : {}) }));
  const percent = coverage && (coverage.total === 0 ? 100 : (100 * coverage.covered) / coverage.total);
  return `${JSON.stringify({ passed: cases.every(({ passed }) => passed), cases, ...(coverage ? { coverage: { percent, ...coverage } } : {}), ...(mutation ? { mutation } : {}) }, null, 2)}\n`;
};
