import { Ajv, type ValidateFunction } from "ajv";
import { compileCel } from "../cel/expression.js";
import { isRecord } from "../model/kubernetes.js";
import { linearRegExp } from "../model/pattern.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Parameter } from "./pack.js";
import type { Profile } from "./profile.js";

/** Values for parameters from `--set`, a file or an overlay: by name for every pack that has it, or `PACK.NAME` for one. */
export type Settings = Readonly<Record<string, unknown>>;

export type Params = Readonly<Record<string, unknown>>;

/** The parameters of a pack: settings over defaults, each checked against its own schema. Names unknown to this pack are passed over. */
export function resolveParameters(pack: string, parameters: Readonly<Record<string, Parameter>>, settings: Settings): Result<Params> {
  const problems: Problem[] = [];
  const params: Record<string, unknown> = {};
  for (const [name, parameter] of Object.entries(parameters)) {
    const value = settings[`${pack}.${name}`] ?? settings[name] ?? parameter.default;
    const problem = checkParameter(`${pack}.${name}`, value, parameter);
    if (problem) problems.push({ ...problem, path: `${pack}.${name}` });
    else params[name] = value;
  }
  return problems.length > 0 ? failed(...problems) : ok(Object.freeze(params));
}

// What a parameter may say of itself was checked by the schema of packs: all but the pattern, which is compiled here.
const ajv = new Ajv({ strict: false, validateSchema: false, meta: false, code: { regExp: linearRegExp, optimize: false } });
const validators = new Map<string, ValidateFunction>();

/** Compiled once: the library would keep each compiled schema for good. */
function validatorOf(schema: object): ValidateFunction {
  const key = JSON.stringify(schema);
  const known = validators.get(key) ?? ajv.compile(schema);
  validators.set(key, known);
  return known;
}

/** Or what is wrong with the schema itself: a pattern that is none. */
function compiled(schema: object): ValidateFunction | string {
  try {
    return validatorOf(schema);
  } catch (error) {
    return error instanceof Error ? error.message : String(error);
  }
}

/** What is wrong with the value of a parameter; `name` is `PACK.NAME`. */
export function checkParameter(name: string, value: unknown, { default: _default, description: _description, ...schema }: Parameter): Problem | undefined {
  const validate = compiled(schema);
  if (typeof validate === "string") return { code: "pack/parameter", message: `parameter \`${name}\`: ${validate}`, path: "" };
  if (validate(value)) return undefined;
  const [error] = validate.errors ?? [];
  const allowed = (error?.params as { allowedValues?: unknown[] } | undefined)?.allowedValues;
  return { code: "pack/parameter", message: `parameter \`${name}\` ${error?.message ?? "is wrong"}${allowed ? `: ${allowed.join(", ")}` : ""}`, path: "" };
}

/** Reads a value given as text (`--set`) as its parameter's type; lists by comma. */
export function readSetting(text: string, schema: { readonly type?: unknown }): unknown {
  if (schema.type === "boolean") return text === "true" ? true : text === "false" ? false : text;
  if (schema.type === "integer") return /^-?\d+$/.test(text) ? Number(text) : text;
  if (schema.type === "array") return text === "" ? [] : text.split(",").map((item) => item.trim());
  return text;
}

/**
 * Puts parameters into a pack: a text `$(CEL)` over `params` and `profile` becomes the value of the expression. Inside a
 * list, a list is spliced in. Every other text stays as it is.
 */
export function substitute(value: unknown, scope: { readonly params: Params; readonly profile: Profile }, path = ""): Result<unknown> {
  if (typeof value === "string") return substituteText(value, scope, path);
  if (Array.isArray(value)) return substituteList(value, scope, path);
  if (!isRecord(value)) return ok(value);
  const problems: Problem[] = [];
  const out: Record<string, unknown> = {};
  for (const [key, item] of Object.entries(value)) {
    const result = substitute(item, scope, path === "" ? key : `${path}.${key}`);
    if (result.ok) out[key] = result.value;
    else problems.push(...result.problems);
  }
  return problems.length > 0 ? failed(...problems) : ok(out);
}

function substituteText(text: string, scope: { readonly params: Params; readonly profile: Profile }, path: string): Result<unknown> {
  const expression = /^\$\((.*)\)$/s.exec(text)?.[1];
  if (expression === undefined) return ok(text);
  const program = compileCel(expression);
  const result = program.ok ? program.value(scope) : program;
  return result.ok ? ok(plain(result.value)) : failed(...result.problems.map((problem) => ({ ...problem, path })));
}

function substituteList(list: readonly unknown[], scope: { readonly params: Params; readonly profile: Profile }, path: string): Result<unknown> {
  const problems: Problem[] = [];
  const out: unknown[] = [];
  list.forEach((item, i) => {
    const result = substitute(item, scope, `${path}[${i}]`);
    if (!result.ok) problems.push(...result.problems);
    else if (typeof item === "string" && Array.isArray(result.value)) out.push(...result.value);
    else out.push(result.value);
  });
  return problems.length > 0 ? failed(...problems) : ok(out);
}

/** CEL whole numbers are bigints; packs want numbers. */
function plain(value: unknown): unknown {
  return typeof value === "bigint" ? Number(value) : value;
}
