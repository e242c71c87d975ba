// `npm test`: install, build, lint, import rules, lock file, every test; then one closing line with the counts.
import { spawn, spawnSync } from "node:child_process";
import { once } from "node:events";
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

// Two at a time: one half waits for servers while the other computes. The second one's output comes behind the first one's.
const HALVES = [["--project", "e2e"], ["--project", "!e2e"]];
const chosen = process.argv.slice(2);
const folder = mkdtempSync(join(tmpdir(), "sluice-test-"));
const runs = chosen.length > 0 ? [chosen] : HALVES;
const counts = { passed: 0, failed: 0, skipped: 0 };
for (const { passed, failed, skipped } of await Promise.all(runs.map(testRun))) {
  counts.passed += passed;
  counts.failed += failed;
  counts.skipped += skipped;
}
rmSync(folder, { recursive: true, force: true });
console.log(`${counts.passed} passed, ${counts.failed} failed, ${counts.skipped} skipped`);
process.exitCode = counts.failed > 0 ? 1 : 0;

async function testRun(args, i) {
  const file = join(folder, `${i}.json`);
  const child = spawn("npx", ["vitest", "run", "--reporter=default", "--reporter=json", `--outputFile.json=${file}`, ...args], { stdio: ["ignore", i === 0 ? "inherit" : "pipe", i === 0 ? "inherit" : "pipe"] });
  const output = [];
  for (const stream of [child.stdout, child.stderr]) stream?.on("data", (chunk) => output.push(chunk));
  const [status] = await once(child, "close");
  process.stdout.write(Buffer.concat(output));
  return counted(file, status);
}

function counted(file, status) {
  try {
    const { numPassedTests, numFailedTests, numPendingTests, numTodoTests, success } = JSON.parse(readFileSync(file, "utf8"));
    return { passed: numPassedTests, failed: Math.max(numFailedTests, success && status === 0 ? 0 : 1), skipped: numPendingTests + numTodoTests };
  } catch {
    console.error("the test runner wrote no results");
    return { passed: 0, failed: 1, skipped: 0 };
  }
}
