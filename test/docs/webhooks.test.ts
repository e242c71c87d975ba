import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { command } from "../../src/commands/webhooks.js";
import { readConfig } from "../../src/config.js";

/** UPDATE_DOCS=1 writes it anew. */
test("deploy/base/webhooks.yaml is what `sluice webhooks` prints", async () => {
  const file = new URL("../../deploy/base/webhooks.yaml", import.meta.url);
  const { output } = await command.run(readConfig([], { output: "yaml" }, { env: {}, terminal: false }), { note: () => undefined, progress: () => undefined });
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, output as string);
  else expect(readFileSync(file, "utf8")).toBe(output);
});
