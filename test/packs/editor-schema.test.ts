import { mkdirSync, readdirSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, join, relative, resolve } from "node:path";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { parseAllDocuments } from "yaml";
import { editorSchemas } from "../../src/packs/editor-schema.js";

/** The schemas for editors are what the sources say; UPDATE_DOCS=1 writes them anew. */

const policies = resolve(import.meta.dirname, "../../policies");
const schemas = editorSchemas();
const text = (schema: object): string => `${JSON.stringify(schema, null, 2)}\n`;

it.each(schemas.map(({ file, schema }) => [file, schema] as const))("policies/schema/%s is up to date", (file, schema) => {
  const path = join(policies, "schema", file);
  if (process.env["UPDATE_DOCS"] === "1") {
    mkdirSync(dirname(path), { recursive: true });
    writeFileSync(path, text(schema));
  } else expect(readFileSync(path, "utf8")).toBe(text(schema));
});

/** Every field of a schema with its path. */
function* fields(schema: unknown, path = ""): Generator<[string, Record<string, unknown>]> {
  if (typeof schema !== "object" || schema === null) return;
  for (const [keyword, value] of Object.entries(schema)) {
    if (keyword === "examples" || keyword === "default" || keyword === "enum") continue;
    if (keyword === "properties" && typeof value === "object" && value !== null) for (const [name, field] of Object.entries(value as object)) yield [`${path}.${name}`, field as Record<string, unknown>];
    yield* fields(value, keyword === "properties" || Number.isInteger(Number(keyword)) ? path : keyword === "items" ? `${path}[]` : path);
  }
}

describe.each(schemas.filter(({ file }) => file !== "rulepacktest.json").map(({ file, schema }) => [file, schema] as const))("every field of %s", (_file, schema) => {
  const all = [...fields(schema)].filter(([, field]) => Object.keys(field).some((keyword) => !["const", "if", "then", "required", "items", "additionalProperties", "$ref"].includes(keyword)));
  it("is described", () => {
    expect(all.filter(([, { description }]) => typeof description !== "string" || description === "").map(([path]) => path)).toEqual([]);
    expect(all.length).toBeGreaterThan(8);
  });
  it("has values to choose from, or an example", () => {
    const told = (field: Record<string, unknown>): boolean =>
      ["examples", "enum", "const", "properties"].some((keyword) => keyword in field) || field["type"] === "boolean" || hasInner(field, told);
    expect(all.filter(([, field]) => !told(field)).map(([path]) => path)).toEqual([]);
  });
});

function hasInner(field: Record<string, unknown>, told: (field: Record<string, unknown>) => boolean): boolean {
  const inner = [field["items"], field["additionalProperties"], ...((field["anyOf"] as unknown[] | undefined) ?? [])];
  return inner.some((one) => typeof one === "object" && one !== null && told(one as Record<string, unknown>));
}

const FOLDERS = [".", "examples", "profiles", "tests"];
const files = FOLDERS.flatMap((folder) => readdirSync(join(policies, folder)).filter((file) => file.endsWith(".yaml")).map((file) => join(folder, file)));

it.each(files)("an editor finds nothing wrong with %s", (file) => {
  const source = readFileSync(join(policies, file), "utf8");
  const [document] = parseAllDocuments(source).map((one) => one.toJS() as { kind?: string }).filter((one) => one !== null);
  const schema = schemas.find((one) => one.file === `${String(document?.kind).toLowerCase()}.json`);
  if (!schema) throw new Error(`no schema for ${String(document?.kind)}`);
  const validate = new Ajv({ allErrors: true, strict: false }).compile(schema.schema);
  expect(validate(document) ? [] : validate.errors?.map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`)).toEqual([]);
  if (!file.startsWith("tests/")) expect(source.split("\n")).toContain(`# yaml-language-server: $schema=${relative(join(policies, dirname(file)), join(policies, "schema", schema.file))}`);
});

describe("an editor sees", () => {
  const validate = new Ajv({ allErrors: true, strict: false }).compile(schemas[0]?.schema ?? {});
  const errors = (spec: object): string[] => (validate({ apiVersion: "sluice.dev/v1alpha1", kind: "RulePack", metadata: { name: "x" }, spec }) ? [] : (validate.errors ?? []).map(({ instancePath, message }) => `${instancePath} ${message ?? ""}`));
  const rule = { id: "r", check: "forbid-allow-all", enforcementAction: "deny" };
  it("a good pack, parameters or not", () => {
    expect(errors({ rules: [rule] })).toEqual([]);
    expect(errors({ unproven: "$(params.u)", exemptNamespaces: ["$(params.x)"], rules: [{ ...rule, enforcementAction: "$(params.a)", hold: "$(params.h ? 'deny' : 'warn')" }] })).toEqual([]);
  });
  it("slips", () => {
    expect(errors({ rules: [{ ...rule, enforcementAction: "wran" }] }).join()).toMatch(/\/spec\/rules\/0\/enforcementAction/);
    expect(errors({ rules: [{ ...rule, enforcmentAction: "deny" }] }).join()).toMatch(/additional properties/);
    expect(errors({ endpoints: { e: { prots: ["1/TCP"] } }, rules: [] }).join()).toMatch(/\/spec\/endpoints\/e must NOT have additional/);
    expect(errors({ rules: [{ id: "r", check: "require-flow", enforcementAction: "deny", with: { flow: [] } }] }).join()).toMatch(/\/spec\/rules\/0\/with/);
  });
  it("what is missing, but not in what a pack changes of another", () => {
    expect(errors({ rules: [{ id: "r", enforcementAction: "warn" }] }).join()).toMatch(/must have required property 'check'/);
    expect(errors({ extends: ["base"], parameters: { team: { default: "x" } }, rules: [{ id: "r", enforcementAction: "warn" }] })).toEqual([]);
  });
});
