import { describe, expect, it } from "vitest";
import { command } from "../../src/commands/test.js";
import { readConfig } from "../../src/config.js";

/** Whatever is changed in a shipped pack, some test in policies/tests fails. */

const tests: Readonly<Record<string, readonly string[]>> = {
  baseline: ["baseline.yaml"],
  kf: ["kf-pods.yaml", "kf-flows.yaml", "kf-spaces.yaml"],
  restricted: ["restricted.yaml"],
  segmentation: ["segmentation.yaml"],
};

describe("no change of a pack goes unnoticed", () => {
  it.each(Object.keys(tests))("%s", async (pack) => {
    const paths = (tests[pack] ?? []).map((file) => `policies/tests/${file}`);
    const config = readConfig(paths, { mutate: true, within: "900", output: "json" }, { env: {}, terminal: false });
    const { output, exitCode } = await command.run(config, { note: () => undefined, progress: () => undefined });
    const { mutation } = JSON.parse(String(output)) as { mutation: { killed: number; survivors: unknown[]; notRun: number } };
    expect(mutation).toMatchObject({ survivors: [], notRun: 0 });
    expect(mutation.killed).toBeGreaterThan(20);
    expect(exitCode).toBe(0);
  }, 1_000_000);
});
