import { isRecord } from "../model/kubernetes.js";

/** A part of an OpenAPI v3 schema as the API server takes it. */
export type Structural = Readonly<Record<string, unknown>>;

const ANYTHING: Structural = { "x-kubernetes-preserve-unknown-fields": true };

/** Keywords that mean the same in both worlds. */
const KEPT = ["description", "pattern", "minLength", "minItems", "minProperties", "minimum", "maximum"] as const;

/**
 * A JSON Schema as a structural schema (apiextensions.k8s.io/v1). It is looser: the texts of a pack may be `$(CEL)` until its
 * parameters are put in, and a structural schema knows no conditions. What it lets pass, Sluice refuses with its place.
 * Defaults are left out, so that what is stored is what was written; free-form parts are kept whole.
 */
export function structural(schema: unknown): Structural {
  if (!isRecord(schema)) return ANYTHING;
  const kept = Object.fromEntries(KEPT.flatMap((keyword) => (schema[keyword] === undefined ? [] : [[keyword, schema[keyword]]])));
  const values = Array.isArray(schema["enum"]) ? schema["enum"] : schema["const"] === undefined ? undefined : [schema["const"]];
  if (values?.every((value) => typeof value === "string")) return { ...kept, type: "string", anyOf: [{ enum: values }, { pattern: SUBSTITUTED }] };
  if (schema["type"] === "object") return { ...kept, ...objectSchema(schema) };
  if (schema["type"] === "array") return { ...kept, type: "array", items: structural(schema["items"]) };
  if (schema["type"] === "string") return { ...kept, ...patterned(schema["pattern"]), type: "string" };
  // Numbers, booleans and choices may be a text `$(...)` too, which no structural type but "anything" allows.
  return { ...(kept["description"] !== undefined && { description: kept["description"] }), ...ANYTHING };
}

const SUBSTITUTED = "^\\$\\(";

function patterned(pattern: unknown): Structural {
  return typeof pattern === "string" ? { pattern: `${pattern}|${SUBSTITUTED}` } : {};
}

function objectSchema({ properties, additionalProperties, required }: Readonly<Record<string, unknown>>): Structural {
  const fields = isRecord(properties) ? Object.entries(properties).map(([name, part]) => [name, structural(part)] as const) : [];
  const must = Array.isArray(required) && required.length > 0 ? { required } : {};
  if (isRecord(additionalProperties) && fields.length === 0) return { type: "object", additionalProperties: structural(additionalProperties) };
  // What may hold further fields must keep them: the API server drops whatever a schema does not name.
  return { type: "object", ...(fields.length > 0 && { properties: Object.fromEntries(fields) }), ...must, ...(additionalProperties !== false && ANYTHING) };
}
