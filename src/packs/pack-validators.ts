import { Ajv, type ValidateFunction } from "ajv";
import { shareParts } from "./shared-schema.js";
import { PACK_SCHEMA, PARAMETERS_SCHEMA } from "./schema.js";
import { OWN_SCHEMA } from "./schema-parts.js";

/** What `scripts/bundle.mjs` compiles ahead, since a start would spend a third of its time on it. */
export const PACK_VALIDATORS = { options: { ...OWN_SCHEMA, useDefaults: true }, schemas: { head: PARAMETERS_SCHEMA, whole: shareParts(PACK_SCHEMA) } } as const;

/** Checks the head of a pack, and the whole of it once its parameters are put in. */
export type PackValidators = Readonly<Record<keyof typeof PACK_VALIDATORS.schemas, ValidateFunction>>;

/** Compiles both. */
export function packValidators(): PackValidators {
  const ajv = new Ajv(PACK_VALIDATORS.options);
  return { head: ajv.compile(PACK_VALIDATORS.schemas.head), whole: ajv.compile(PACK_VALIDATORS.schemas.whole) };
}
