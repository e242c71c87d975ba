import { readFileSync, writeFileSync } from "node:fs";
import { expect, test } from "vitest";
import { command } from "../../src/commands/webhooks.js";
import { readConfig } from "../../src/config.js";

/** UPDATE_DOCS=1 writes it anew. */
test.each([
  ["webhooks/webhooks.yaml", { set: ["exemptNamespaces=cert-manager"] }],
  ["base/crds.yaml", { crds: true }],
])("deploy/%s is what `sluice webhooks` prints with %j", async (name, flags) => {
  const file = new URL(`../../deploy/${name}`, import.meta.url);
  const { output } = await command.run(readConfig([], { output: "yaml", ...flags }, { env: {}, terminal: false }), { note: () => undefined, progress: () => undefined });
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, output as string);
  else expect(readFileSync(file, "utf8")).toBe(output);
});
