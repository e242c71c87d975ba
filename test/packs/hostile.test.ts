import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, describe, expect, it } from "vitest";
import { HOSTILE } from "../../bench/hostile-packs.mjs";
import { formatProblem } from "../../src/model/result.js";
import { loadPacks } from "../../src/sources/packs.js";

/** Packs that are meant to hurt: each is a problem with its place. bench/packs.mjs prints what each costs. */

const root = mkdtempSync(join(tmpdir(), "sluice-hostile-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

describe("a hostile pack is a problem with its place", () => {
  it.each(HOSTILE.map(([name, files, problem]) => [name, files, problem] as const))("%s", async (_name, files, problem) => {
    const folder = mkdtempSync(join(root, "packs-"));
    for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
    const loaded = await loadPacks({ packs: folder, set: [] });
    const problems = loaded.ok ? ["no problem"] : loaded.problems.map((one) => formatProblem(one).replaceAll(`${folder}/`, ""));
    expect(problems.length).toBeLessThanOrEqual(200);
    expect(problems.some((one) => problem.test(one)) ? "" : problems.slice(0, 3).join("\n").slice(0, 600)).toBe("");
  });
});
