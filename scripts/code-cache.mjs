// `node code-cache.mjs PROGRAM-FILE CACHE-FILE` with the program's text as input: runs `serve` on a small state until it is ready, and writes down
// the code that V8 made for that.
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createRequire } from "node:module";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import v8 from "node:v8";
import { Script } from "node:vm";

const [node, , programFile, cacheFile] = process.argv;
const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const folder = mkdtempSync(join(tmpdir(), "sluice-code-cache-"));
const script = new Script(readFileSync(0, "utf8"), { filename: programFile });

process.argv = [node, programFile, "serve", "--state", here("code-cache-state.yaml"), "--packs", here("../policies"), "--port", "0", "--cert-dir", folder];
process.on("exit", (code) => {
  rmSync(folder, { recursive: true });
  if (code === 0) writeFileSync(cacheFile, script.createCachedData());
});
// A flag that the program sets once it runs would be one that it must have been started with.
v8.setFlagsFromString = () => undefined;
// It greets once it is ready.
process.stdout.write = () => process.kill(process.pid, "SIGTERM");
script.runInThisContext()(createRequire(programFile), pathToFileURL(programFile).href);
