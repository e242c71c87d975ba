import { readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import { expect, test } from "vitest";
import { CEL_FUNCTIONS, CEL_VARIABLES } from "../../src/cel/expression.js";
import { CHECKS } from "../../src/rules/index.js";

/** The reference of docs/packs.md is what the code says; UPDATE_DOCS=1 writes it anew. */

const root = resolve(import.meta.dirname, "../..");
const page = resolve(root, "docs/packs.md");

interface Field {
  readonly description?: string;
  readonly enum?: readonly unknown[];
  readonly examples?: readonly unknown[];
}

function checkSection({ id, description, schema }: (typeof CHECKS)[number]): string {
  const { properties = {}, required = [] } = schema as { properties?: Record<string, Field>; required?: readonly string[] };
  const lines = Object.entries(properties).map(([name, { description: text = "", enum: values, examples }]) => {
    const told = [text, values && `one of ${values.map((value) => `\`${String(value)}\``).join(", ")}`, examples?.[0] !== undefined && `such as \`${JSON.stringify(examples[0])}\``].filter((part) => typeof part === "string" && part !== "");
    return `- \`${name}\`${required.includes(name) ? " (required)" : ""}: ${told.join("; ")}`;
  });
  return [`#### \`${id}\``, "", `${description}.`, ...(lines.length === 0 ? [] : ["", ...lines])].join("\n");
}

function reference(): string {
  const variables = Object.entries(CEL_VARIABLES).map(([name, text]) => `| \`${name}\` | ${text} |`);
  const functions = CEL_FUNCTIONS.map(({ signature, description, example }) => `| \`${signature}\` | ${description} | \`${example.replaceAll("|", "\\|")}\` |`);
  return [
    "### Checks", "", "What each takes under `with`.", "", CHECKS.map(checkSection).join("\n\n"), "",
    "### CEL", "", "| variable | is |", "|---|---|", ...variables, "", "| function | answers | example |", "|---|---|---|", ...functions, "",
    "An end is `'namespace/pod'`, an IP address (a pod's own stands for the pod), a Pod object such as `object`, or `{'namespace': 'shop', 'labels': {'app': 'web'}}` for a pod that could be. A port is `5432`, `'5432/TCP'` or `'53/UDP'`.",
  ].join("\n");
}

function rewritten(text: string): string {
  return text.replace(/<!-- reference -->[\s\S]*<!-- end of reference -->/, () => `<!-- reference -->\n${reference()}\n<!-- end of reference -->`);
}

test("docs/packs.md says what the code says", () => {
  const text = readFileSync(page, "utf8");
  const now = rewritten(text);
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(page, now);
  else expect(text).toBe(now);
});
