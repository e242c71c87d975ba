// `npm run bench [-- --quick] [NAME...]`: builds, then runs each benchmark in a process of its own. Prints tables and JSON; never fails on time.
import { spawnSync } from "node:child_process";
import { fileURLToPath } from "node:url";

/** All but the soak, which takes as long as it is told to, the workers, which want two cores for themselves, and the growth, which wants minutes and 2 GB. */
const benchmarks = ["engine", "server", "packs", "audit"];
const quick = process.argv.includes("--quick");
const named = process.argv.slice(2).filter((argument) => !argument.startsWith("--"));

function run(command, args) {
  return spawnSync(command, args, { stdio: "inherit" }).status ?? 1;
}

const here = (file) => fileURLToPath(new URL(file, import.meta.url));
let failed = run("npm", ["run", "--silent", "build"]);
for (const name of named.length > 0 ? named : benchmarks) {
  if (failed === 0) failed = run(process.execPath, ["--expose-gc", here(`${name}.mjs`), ...(quick ? ["--quick"] : [])]);
}
process.exitCode = failed;
