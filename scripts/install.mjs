// Installs the locked dependencies when they are not there yet or the lock file is newer; else does nothing.
import { spawnSync } from "node:child_process";
import { statSync } from "node:fs";

const modified = (file) => statSync(new URL(`../${file}`, import.meta.url), { throwIfNoEntry: false })?.mtimeMs ?? 0;

if (modified("node_modules/.package-lock.json") < modified("package-lock.json")) {
  const { status } = spawnSync("npm", ["ci", "--no-audit", "--no-fund"], { stdio: ["ignore", 2, 2], shell: process.platform === "win32" });
  process.exitCode = status ?? 1;
}
