import { isRecord } from "../model/kubernetes.js";
import { EXCEPTION_SCHEMA } from "./exception-schema.js";
import { OVERLAY_SCHEMA } from "./overlay-schema.js";
import { shareParts } from "./shared-schema.js";
import { PACK_SCHEMA } from "./schema.js";
import { TEST_SCHEMA } from "./test-schema.js";

type Schema = Readonly<Record<string, unknown>>;

/** A schema for editors: of one kind, to be found beside the packs. */
export interface EditorSchema {
  readonly kind: string;
  readonly file: string;
  readonly schema: Schema;
}

/**
 * What editors check while a pack is written, made of what `sluice` itself checks: a pack is checked after its parameters were
 * put in and after it was put over the packs it extends, so before that more may stand in it, and less.
 */
export function editorSchemas(): readonly EditorSchema[] {
  return [
    { kind: "RulePack", file: "rulepack.json", schema: headed(beforeParameters(PACK_SCHEMA)) },
    { kind: "PackOverlay", file: "packoverlay.json", schema: headed(OVERLAY_SCHEMA) },
    { kind: "PolicyException", file: "policyexception.json", schema: headed(EXCEPTION_SCHEMA) },
    { kind: "RulePackTest", file: "rulepacktest.json", schema: headed(TEST_SCHEMA) },
  ];
}

function headed(schema: Schema): Schema {
  return { $schema: "http://json-schema.org/draft-07/schema#", ...shareParts(schema) };
}

const EXPRESSION = { type: "string", pattern: "^\\$\\([\\s\\S]*\\)$", description: "`$(CEL)` over params and profile" };

/** The schema of a pack as it is written: `$(CEL)` may stand for any value below `spec`, and a pack that extends others gives only what it changes. */
function beforeParameters(schema: Schema): Schema {
  const { properties } = schema as { properties: { spec: Schema } };
  const spec = properties.spec as { properties: Record<string, Schema> };
  const { parameters, rules, extends: bases, inForce, ...rest } = spec.properties;
  const [parameter, rule] = [(parameters as Schema)["additionalProperties"] as Schema, (rules as Schema)["items"] as Schema];
  const [changedParameter, changedRule] = [{ ...parameter, required: [] }, { ...orExpression({ ...rule, required: ["id"] }) }];
  const whole = { parameters: { additionalProperties: { required: parameter["required"] } }, rules: { items: { required: rule["required"] } } };
  const open: Record<string, unknown> = Object.fromEntries(Object.entries(rest).map(([name, field]) => [name, orExpression(field)]));
  return {
    ...schema,
    properties: {
      ...properties,
      spec: {
        ...spec,
        properties: { ...open, parameters: { ...parameters, additionalProperties: changedParameter }, extends: bases, inForce, rules: { ...rules, items: changedRule } },
        if: { not: { required: ["extends"] } },
        then: { properties: whole },
      },
    },
  };
}

/** Names of properties are left as they are; only what values may be is opened. */
function orExpression(schema: unknown): Schema {
  if (!isRecord(schema)) return {};
  const { description, examples, default: given, ...rest } = schema;
  const inner = Object.fromEntries(Object.entries(rest).map(([keyword, value]) => [keyword, opened(keyword, value)]));
  const told = { ...(description !== undefined && { description }), ...(examples !== undefined && { examples }), ...(given !== undefined && { default: given }) };
  return isClosed(schema) ? { ...told, anyOf: [inner, EXPRESSION] } : { ...told, ...inner };
}

function opened(keyword: string, value: unknown): unknown {
  if (keyword === "properties" && isRecord(value)) return Object.fromEntries(Object.entries(value).map(([name, field]) => [name, orExpression(field)]));
  if (keyword === "items" || keyword === "additionalProperties") return isRecord(value) ? orExpression(value) : value;
  if ((keyword === "oneOf" || keyword === "anyOf") && Array.isArray(value)) return value.map(withinAlternative);
  if (keyword === "allOf" && Array.isArray(value)) return value.map((one: unknown) => (isRecord(one) && isRecord(one["then"]) ? { ...one, then: opened("then", one["then"]) } : one));
  return keyword === "then" && isRecord(value) && isRecord(value["properties"]) ? { ...value, properties: opened("properties", value["properties"]) } : value;
}

/** An alternative is not opened itself: the text that stands for it is one of the others, or of the whole. */
function withinAlternative(schema: unknown): unknown {
  if (!isRecord(schema)) return schema;
  return Object.fromEntries(Object.entries(schema).map(([keyword, value]) => [keyword, opened(keyword, value)]));
}

/** Does a schema refuse the text of an expression? */
function isClosed({ type, enum: values, oneOf, pattern }: Schema): boolean {
  if (Array.isArray(oneOf)) return !oneOf.some((one) => isRecord(one) && one["type"] === "string" && one["pattern"] === undefined);
  return values !== undefined || pattern !== undefined || (type !== undefined && type !== "string");
}
