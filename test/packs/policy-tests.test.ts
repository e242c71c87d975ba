import { readdirSync } from "node:fs";
import { describe, expect, it } from "vitest";
import { command } from "../../src/commands/test.js";
import { readConfig } from "../../src/config.js";

/** The tests in policies/tests: all as expected, nothing uncovered, and no change of a pack goes unnoticed. */

const notes: string[] = [];
const session = { note: (line: string) => void notes.push(line), progress: () => undefined };

describe("policies/tests", () => {
  it.each(readdirSync("policies/tests").filter((file) => file.endsWith(".yaml")))("%s", async (file) => {
    const config = readConfig([`policies/tests/${file}`], { requireCoverage: "100", mutate: true, output: "text" }, { env: {}, terminal: false });
    const { output, exitCode } = await command.run(config, session);
    expect(output).toMatch(/^100 % covered/m);
    expect(output).not.toMatch(/survived|not tried|FAILED/);
    expect({ exitCode, notes }).toEqual({ exitCode: 0, notes: [] });
  }, 180_000);
});
