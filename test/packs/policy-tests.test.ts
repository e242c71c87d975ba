import { describe, expect, it } from "vitest";
import { command } from "../../src/commands/test.js";
import { readConfig } from "../../src/config.js";

/** The tests in policies/tests: all as expected, and nothing of the packs uncovered. test/laws/pack-mutants.test.ts changes the packs under them. */

describe("policies/tests", () => {
  it("are as expected and cover every rule, flow, alternative and parameter of the packs", async () => {
    const notes: string[] = [];
    const config = readConfig(["policies/tests"], { requireCoverage: "100", output: "text" }, { env: {}, terminal: false });
    const { output, exitCode } = await command.run(config, { note: (line) => void notes.push(line), progress: () => undefined });
    expect(output).toMatch(/^100 % covered/m);
    expect(output).toMatch(/: all as expected$/m);
    expect({ exitCode, notes }).toEqual({ exitCode: 0, notes: [] });
  }, 120_000);
});
