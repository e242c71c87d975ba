import { Ajv, type ValidateFunction } from "ajv";
import { PROFILE_SCHEMA } from "./profile-schema.js";
import { shareParts } from "./shared-schema.js";
import { PACK_SCHEMA, PARAMETERS_SCHEMA } from "./schema.js";
import { OWN_SCHEMA } from "./schema-parts.js";

/** What every start needs: the head of a pack, the whole of it once its parameters are put in, and the switches of the profile. */
const SCHEMAS = { head: () => PARAMETERS_SCHEMA, whole: () => shareParts(PACK_SCHEMA), profile: () => PROFILE_SCHEMA } as const;

/** What `scripts/program.mjs` compiles ahead, since a start would spend a third of its time on it. */
export const COMPILED_AHEAD = { options: { ...OWN_SCHEMA, useDefaults: true }, schemas: SCHEMAS } as const;

const compiled = new Map<string, ValidateFunction>();

/** Compiled when it is asked for first. */
export function packValidator(name: keyof typeof SCHEMAS): ValidateFunction {
  const known = compiled.get(name) ?? new Ajv(COMPILED_AHEAD.options).compile(SCHEMAS[name]());
  compiled.set(name, known);
  return known;
}
