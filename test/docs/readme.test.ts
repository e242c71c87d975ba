import { spawnSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** Every transcript of the README is what the built program prints. UPDATE_DOCS=1 writes them anew. */

const root = resolve(import.meta.dirname, "../..");
const readme = resolve(root, "README.md");
const TRANSCRIPT = /<!-- run: sluice (.+?) -->\n```\n([\s\S]*?)```/g;

function run(line: string): string {
  const args = [...line.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "");
  const { stdout, error } = spawnSync(process.execPath, ["dist/main.js", ...args], { cwd: root, encoding: "utf8" });
  if (error) throw error;
  return `$ sluice ${line}\n${stdout}`;
}

describe("the README's transcripts", () => {
  const text = readFileSync(readme, "utf8");
  const transcripts = [...text.matchAll(TRANSCRIPT)];
  test.each(transcripts.map(([, line = "", shown = ""]) => [line, shown] as const))("sluice %s", (line, shown) => {
    const printed = run(line);
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(readme, readFileSync(readme, "utf8").replace(`<!-- run: sluice ${line} -->\n\`\`\`\n${shown}\`\`\``, () => `<!-- run: sluice ${line} -->\n\`\`\`\n${printed}\`\`\``));
    else expect(shown).toBe(printed);
  });
  test("are there", () => expect(transcripts.length).toBeGreaterThanOrEqual(3));
});
