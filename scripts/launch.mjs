#!/usr/bin/env node
// What the program's file begins with: it compiles the program, with the code that V8 made of it when it was built, where that lies beside it.
// `PROGRAM` and `DIGEST` are put in by program.mjs.
import { readFileSync } from "node:fs";
import { createRequire } from "node:module";
import { fileURLToPath } from "node:url";
import { setFlagsFromString } from "node:v8";
import { Script } from "node:vm";
import { codeCacheOf } from "./code-cache-name.mjs";

// V8 refuses code that was made with other flags. Those of the heap change no code, and were read when it was made.
const heapFlags = `${process.env.NODE_OPTIONS ?? ""} ${process.execArgv.join(" ")}`.match(/--max[-_](?:semi|old)[-_]space[-_]size=\d+/g) ?? [];
const filename = fileURLToPath(import.meta.url);

function codeCache() {
  try {
    return readFileSync(codeCacheOf(filename, DIGEST));
  } catch {
    return undefined;
  }
}

for (const flag of heapFlags) setFlagsFromString(flag.replace(/\d+$/, "0"));
const script = new Script(PROGRAM, { filename, cachedData: codeCache() });
for (const flag of heapFlags) setFlagsFromString(flag);
if (process.env.SLUICE_DEBUG && script.cachedDataRejected !== false) process.stderr.write("the code cache is not there, or was made with other flags of V8\n");
script.runInThisContext()(createRequire(import.meta.url), import.meta.url);
