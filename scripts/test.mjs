// `npm test`: install, build, lint, import rules, lock file, every test; then one closing line with the counts.
import { spawnSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";

const steps = [
  ["install", "node", ["scripts/install.mjs"]],
  ["build", "npm", ["run", "--silent", "build"]],
  ["check", "npm", ["run", "--silent", "check"]],
];

function run(command, args) {
  return spawnSync(command, args, { stdio: "inherit" }).status ?? 1;
}

for (const [name, command, args] of steps) {
  if (run(command, args) !== 0) {
    console.error(`${name} failed`);
    console.log("0 passed, 1 failed, 0 skipped");
    process.exit(1);
  }
}

const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
const file = join(folder, "results.json");
const status = run("npx", ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...process.argv.slice(2)]);
const counts = { passed: 0, failed: status === 0 ? 0 : 1, skipped: 0 };
try {
  const results = JSON.parse(readFileSync(file, "utf8"));
  counts.passed = results.numPassedTests;
  counts.failed = Math.max(results.numFailedTests, results.success && status === 0 ? 0 : 1);
  counts.skipped = results.numPendingTests + results.numTodoTests;
} catch {
  console.error("the test runner wrote no results");
}
rmSync(folder, { recursive: true, force: true });
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;
