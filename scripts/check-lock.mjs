// The lock file names packages and their hashes, never the registry they came from.
import { readFileSync } from "node:fs";

const lock = readFileSync(new URL("../package-lock.json", import.meta.url), "utf8");
const addresses = lock.match(/"resolved":\s*"https?:[^"]*"/g) ?? [];
if (addresses.length > 0) {
  console.error(`package-lock.json holds ${addresses.length} registry addresses; run: npm config set omit-lockfile-registry-resolved true --location project && npm install`);
  process.exitCode = 1;
}
