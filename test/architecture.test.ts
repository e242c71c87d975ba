import { spawnSync } from "node:child_process";
import { copyFileSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { dirname, join, resolve } from "node:path";
import { describe, expect, test } from "vitest";

/** The import rules catch what they are for: each planted breach is named. */

const root = resolve(import.meta.dirname, "..");

const BREACHES: readonly (readonly [rule: string, files: Readonly<Record<string, string>>])[] = [
  ["engine-imports", { "src/engine/a.ts": 'import "../server/b.js";', "src/server/b.ts": "export {};" }],
  ["sets-imports", { "src/sets/a.ts": 'import "../model/b.js";', "src/model/b.ts": "export {};" }],
  ["io-at-the-edge", { "src/review/a.ts": 'import "node:fs";' }],
  ["rules-stand-alone", { "src/rules/a.ts": 'import "./b.js";', "src/rules/b.ts": "export {};" }],
  ["no-circular", { "src/model/a.ts": 'import { b } from "./b.js"; export const a = b;', "src/model/b.ts": 'import { a } from "./a.js"; export const b: unknown = a;' }],
  ["no-dead-file", { "src/main.ts": "export {};", "src/model/a.ts": "export {};" }],
];

function cruise(files: Readonly<Record<string, string>>): string {
  const folder = mkdtempSync(join(tmpdir(), "sluice-breach-"));
  try {
    for (const [path, text] of Object.entries(files)) {
      mkdirSync(dirname(join(folder, path)), { recursive: true });
      writeFileSync(join(folder, path), text);
    }
    for (const file of [".dependency-cruiser.mjs", "tsconfig.json", "package.json"]) copyFileSync(join(root, file), join(folder, file));
    symlinkSync(join(root, "node_modules"), join(folder, "node_modules"));
    const { stdout, stderr } = spawnSync(process.execPath, [join(root, "node_modules/dependency-cruiser/bin/dependency-cruise.mjs"), "--config", ".dependency-cruiser.mjs", "src"], { cwd: folder, encoding: "utf8" });
    return stdout + stderr;
  } finally {
    rmSync(folder, { recursive: true, force: true });
  }
}

describe("the import rules", () => {
  test.each(BREACHES)("catch a breach of %s", (rule, files) => {
    expect(cruise(files)).toContain(rule);
  });
  test("cruise every file: a clean tree has no violation and is not empty", () => {
    expect(cruise({ "src/main.ts": 'import "./model/a.js";', "src/model/a.ts": "export {};" })).toMatch(/no dependency violations found \(2 modules/);
  });
});

describe("src", () => {
  const files = readdirSync(join(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts"));
  test("knows no word of a platform: those are data in policies/", () => {
    const naming = files.filter((file) => /\bkf\b|kf[.-]|tekton|istio|appdevexperience/i.test(readFileSync(join(root, "src", file), "utf8")));
    expect(naming).toEqual([]);
    expect(files.length).toBeGreaterThan(100);
  });
});
