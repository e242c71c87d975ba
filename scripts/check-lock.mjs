// The lock file names packages and their hashes, never the registry they came from; and every licence in it is a permissive one.
import { readFileSync } from "node:fs";

const PERMISSIVE = new Set(["0BSD", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "BlueOak-1.0.0", "CC0-1.0", "ISC", "MIT", "PSF-2.0", "Python-2.0", "Unlicense", "Zlib"]);
/** Weak copyleft, by file: for what is never shipped. */
const FOR_DEVELOPMENT = new Set([...PERMISSIVE, "MPL-2.0"]);

const text = readFileSync(new URL("../package-lock.json", import.meta.url), "utf8");
const problems = [...addresses(text), ...licences(JSON.parse(text))];
for (const problem of problems) console.error(problem);
if (problems.length > 0) process.exitCode = 1;

function addresses(lock) {
  const found = lock.match(/"resolved":\s*"https?:[^"]*"/g) ?? [];
  return found.length === 0 ? [] : [`package-lock.json holds ${found.length} registry addresses; run: npm config set omit-lockfile-registry-resolved true --location project && npm install`];
}

function licences({ packages }) {
  return Object.entries(packages).flatMap(([path, { license, dev }]) => {
    const allowed = dev ? FOR_DEVELOPMENT : PERMISSIVE;
    // Of several, any one may be taken (SPDX `OR`).
    const offered = (license ?? "none").replace(/^\(|\)$/g, "").split(" OR ");
    return offered.some((one) => allowed.has(one)) ? [] : [`${path}: licence ${license ?? "not told"}; only permissive ones may be shipped (MPL-2.0: for development)`];
  });
}
