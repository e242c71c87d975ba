import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { isRecord, type KubeObject } from "../../src/model/kubernetes.js";
import { customResourceDefinitions, OWN_KINDS } from "../../src/packs/crd.js";
import { structural } from "../../src/packs/structural.js";
import { objectsInFolder } from "../review/world.js";

interface Definition {
  readonly spec: { readonly versions: readonly { readonly schema: { readonly openAPIV3Schema: unknown } }[] };
}

const schemaOf = (kind: string): unknown => (customResourceDefinitions()[OWN_KINDS.findIndex((own) => own.kind === kind)] as unknown as Definition).spec.versions[0]?.schema.openAPIV3Schema;

/** What the API server stores: fields that a schema does not name are dropped, unless it keeps what it does not know. */
function pruned(value: unknown, schema: unknown): unknown {
  if (!isRecord(schema)) return value;
  if (Array.isArray(value)) return schema["items"] === undefined ? value : value.map((item) => pruned(item, schema["items"]));
  if (!isRecord(value)) return value;
  const fields = isRecord(schema["properties"]) ? schema["properties"] : {};
  const kept = Object.entries(value).flatMap(([name, part]): [string, unknown][] => {
    if (Object.hasOwn(fields, name)) return [[name, pruned(part, fields[name])]];
    if (schema["x-kubernetes-preserve-unknown-fields"] === true) return [[name, part]];
    return schema["additionalProperties"] === undefined ? [] : [[name, pruned(part, schema["additionalProperties"])]];
  });
  return Object.fromEntries(kept);
}

/** "A structural schema": a type for every part that is not kept whole, and no types inside of choices (apiextensions.k8s.io/v1). */
function unstructural(schema: unknown, path = ""): string[] {
  if (!isRecord(schema)) return [];
  const own = schema["type"] === undefined && schema["x-kubernetes-preserve-unknown-fields"] !== true ? [`${path}: no type`] : [];
  const forbidden = ["const", "$ref", "if", "then", "allOf", "oneOf", "default", "examples", "definitions"].filter((keyword) => keyword in schema).map((keyword) => `${path}: ${keyword}`);
  const both = isRecord(schema["properties"]) && schema["additionalProperties"] !== undefined ? [`${path}: properties and additionalProperties`] : [];
  const fields = isRecord(schema["properties"]) ? Object.entries(schema["properties"]) : [];
  return [...own, ...forbidden, ...both, ...fields.flatMap(([name, part]) => unstructural(part, `${path}.${name}`)), ...unstructural(schema["items"], `${path}[]`), ...unstructural(schema["additionalProperties"], `${path}.*`)];
}

describe("the definitions of Sluice's own kinds", () => {
  it.each(["RulePack", "PolicyException"])("are structural: %s", (kind) => {
    expect(unstructural(schemaOf(kind))).toEqual([]);
  });

  const packs = [...objectsInFolder("policies"), ...objectsInFolder("policies/examples")].filter(({ kind }) => kind === "RulePack");
  it.each(packs.map((pack) => [pack.metadata.name, pack] as const))("the pack %s fits, and the API server drops nothing of it", (_, pack: KubeObject) => {
    const schema = schemaOf("RulePack");
    const validate = new Ajv({ strict: false, validateFormats: false }).compile(schema as object);
    expect([validate(pack), validate.errors]).toEqual([true, null]);
    expect(pruned(pack, schema)).toEqual({ ...pack, metadata: {} });
  });

  it("let a value be an expression until the parameters are put in, and refuse other slips", () => {
    const validate = new Ajv({ strict: false }).compile(structural({ type: "object", properties: { action: { enum: ["deny", "warn"] }, on: { type: "boolean" }, id: { type: "string", pattern: "^[a-z]+$" }, names: { type: "array", items: { type: "string" } } }, additionalProperties: false }));
    expect(validate({ action: "$(params.a)", on: "$(params.b)", id: "$(params.c)", names: ["$(params.d)"] })).toBe(true);
    for (const slip of [{ action: "denny" }, { id: "A" }, { names: "a" }]) expect([slip, validate(slip)]).toEqual([slip, false]);
  });
});
