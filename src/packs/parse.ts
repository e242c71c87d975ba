import type { ErrorObject, ValidateFunction } from "ajv";
import { withinBudget } from "../cel/meter.js";
import type { KubeObject } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Parameter, RulePack, RulePackSpec } from "./pack.js";
import { packValidator } from "./pack-validators.js";
import { resolveParameters, substitute, type Params, type Settings } from "./parameters.js";
import type { Profile } from "./profile.js";

export interface ParsedPack {
  readonly pack: RulePack;
  readonly params: Params;
}

/** Reads a RulePack: shape, parameters, then the whole with its parameters put in. Problems carry the path in the file's object. */
export function parsePack(object: KubeObject, settings: Settings, profile: Profile): Result<ParsedPack> {
  const [head, whole] = [packValidator("head"), packValidator("whole")];
  if (!head(object)) return failed(...problemsOf(head));
  const name = String(object.metadata.name);
  const { parameters = {} } = object.spec as { parameters?: Record<string, Parameter> };
  const params = resolveParameters(name, parameters, settings);
  if (!params.ok) return params;
  const filled = withinBudget(() => substitute(object, { params: params.value, profile }), LOAD_STEPS)?.value ?? failed<unknown>(tooCostly());
  if (!filled.ok) return filled;
  if (!whole(filled.value)) return failed(...problemsOf(whole));
  return ok({ pack: { name, spec: (filled.value as { spec: RulePackSpec }).spec }, params: params.value });
}

/** What all expressions of a pack that are run while it is loaded may cost together: about 0.1 s (`RUN_STEPS` for one). */
const LOAD_STEPS = 2_000_000;

function tooCostly(): Problem {
  return { code: "pack/expensive", message: `the expressions \`$(...)\` of the pack cost more than ${LOAD_STEPS} steps together`, path: "spec" };
}

/** So many errors of one pack are looked at: a text that is wrong all over is told by its first ones. */
const MANY = 100;

/** One problem per place: of several branches that do not fit, the most telling error is kept. */
export function problemsOf({ errors }: ValidateFunction): Problem[] {
  const byPath = new Map<string, Problem>();
  const telling = (errors ?? []).filter(({ keyword }) => !["if", "oneOf", "anyOf"].includes(keyword)).slice(0, MANY);
  // Whatever keyword it is: what is refused has a problem.
  const told = telling.length > 0 ? telling : (errors ?? []).slice(0, MANY);
  // "Must be a text" of one branch says nothing where another branch was meant and went wrong further in.
  const isShallow = ({ keyword, instancePath }: ErrorObject): boolean => keyword === "type" && told.some((other) => other.instancePath.startsWith(`${instancePath}/`));
  for (const error of told.filter((one) => !isShallow(one))) {
    const problem = problemOf(error);
    if (!byPath.has(problem.path)) byPath.set(problem.path, problem);
  }
  return [...byPath.values()];
}

function problemOf({ instancePath, message = "is wrong", params }: ErrorObject): Problem {
  const { additionalProperty, allowedValue, allowedValues } = params as { additionalProperty?: string; allowedValue?: unknown; allowedValues?: unknown[] };
  const path = jsonPath(instancePath);
  if (additionalProperty !== undefined) return { code: "pack/unknown-field", message: `unknown field \`${additionalProperty}\``, path: path === "" ? additionalProperty : `${path}.${additionalProperty}` };
  const values = allowedValues ?? (allowedValue === undefined ? [] : [allowedValue]);
  return { code: "pack/schema", message: values.length > 0 ? `${message}: ${values.join(", ")}` : message, path };
}

/** `/spec/rules/0/check` as `spec.rules[0].check`. */
function jsonPath(pointer: string): string {
  const parts = pointer.split("/").slice(1).map((part) => part.replaceAll("~1", "/").replaceAll("~0", "~"));
  return parts.reduce((path, part) => (/^\d+$/.test(part) ? `${path}[${part}]` : path === "" ? part : `${path}.${part}`), "");
}
