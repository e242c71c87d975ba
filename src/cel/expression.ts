import { Environment } from "@marcbachmann/cel-js";
import { asking, matches, registerFunctions, type ClusterQuestions } from "./functions.js";
import { countSteps, macroDepth, RUN_STEPS, withinBudget } from "./meter.js";
import { readable } from "./readable.js";
import { failed, ok, type Result } from "../model/result.js";

export { CEL_FUNCTIONS, type CelFunction, type ClusterQuestions } from "./functions.js";

/** What an expression may read. Absent objects are null, as in ValidatingAdmissionPolicy. */
export interface CelVariables {
  readonly object?: unknown;
  readonly oldObject?: unknown;
  readonly request?: unknown;
  readonly namespaceObject?: unknown;
  readonly params: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
  /** The controlling owner of the object under review: group, kind, name, and whether it exists in the snapshot with that uid. */
  readonly controller?: Controller;
  /** The same of the stored object. */
  readonly oldController?: Controller;
  /** Kinds (`Kind.group`) of watched cluster-scoped objects that are named like the request's namespace. */
  readonly namesakes?: readonly string[];
  /** Whom `reaches` and its like ask; absent where there is no change to ask about. */
  readonly cluster?: ClusterQuestions;
}

export interface Controller {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly exists: boolean;
}

/** A compiled expression: evaluated many times, never throws. */
export type CelProgram = (variables: CelVariables) => Result<unknown>;

/** Of the text. What a run may cost is counted while it runs (meter.ts). */
const LIMITS = { maxAstNodes: 400, maxDepth: 30, maxListElements: 200, maxMapEntries: 100, maxCallArguments: 8 };

/** Macros within macros: each multiplies the cost by the length of a list. */
const MACRO_DEPTH = 3;

/** What an expression may name, for the reference. */
export const CEL_VARIABLES: Readonly<Record<string, string>> = {
  object: "the object as it will be; null on DELETE",
  oldObject: "the stored object; null on CREATE",
  target: "the object, or on DELETE the stored one",
  request: "operation, name, namespace, kind, dryRun, userInfo.username, userInfo.groups",
  namespaceObject: "the Namespace that the object lies in (for a Namespace: the stored one); null where there is none",
  params: "the parameters of the pack",
  profile: "the switches of the profile",
  controller: "the controlling owner: group, kind, name (empty for none), exists (with that uid in the snapshot)",
  oldController: "the same of the stored object",
  namesakes: "`Kind.group` of watched cluster-scoped objects that are named like the request's namespace",
};

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits: LIMITS });
for (const name of Object.keys(CEL_VARIABLES)) environment.registerVariable(name, "dyn");
registerFunctions(environment);

/** A pack says the same in many places, and is compiled twice at least: with what may be detected, and without. */
const programs = new Map<string, Result<CelProgram>>();
const REMEMBERED = 500;
const LONG = 2_000;

/** Compiles an expression once; unknown variables and functions are problems now, not at admission. See `CEL_VARIABLES` and `CEL_FUNCTIONS`. */
export function compileCel(expression: string): Result<CelProgram> {
  const known = programs.get(expression);
  if (known) return known;
  const compiled = compile(expression);
  if (expression.length > LONG) return compiled;
  if (programs.size >= REMEMBERED) programs.clear();
  programs.set(expression, compiled);
  return compiled;
}

function compile(expression: string): Result<CelProgram> {
  try {
    const parsed = environment.parse(expression);
    const check = parsed.check();
    if (!check.valid) return badExpression(expression, check.error?.message ?? "does not type-check");
    const depth = macroDepth(parsed.ast);
    if (depth > MACRO_DEPTH) return badExpression(expression, `macros stand ${depth} deep in each other, and ${MACRO_DEPTH} is the most`);
    countSteps(parsed.ast, { matches });
    return ok((variables) => run(expression, parsed, variables));
  } catch (error) {
    return badExpression(expression, firstLine(error));
  }
}

function run(expression: string, parsed: (context: Record<string, unknown>) => unknown, variables: CelVariables): Result<unknown> {
  try {
    const ran = asking(variables.cluster, () => withinBudget(() => parsed(contextOf(variables))));
    return ran ? ok(ran.value) : badRun(expression, `it costs more than ${RUN_STEPS} steps`);
  } catch (error) {
    return badRun(expression, firstLine(error));
  }
}

function contextOf(given: CelVariables): Record<string, unknown> {
  const context: Record<string, unknown> = { params: given.params, profile: given.profile, target: readable(given.object ?? given.oldObject ?? null) };
  for (const name of OPTIONAL) context[name] = readable(given[name] ?? ABSENT[name]);
  return context;
}

const NO_CONTROLLER: Controller = { group: "", kind: "", name: "", exists: false };

/** What is not there is null, as in ValidatingAdmissionPolicy. */
const ABSENT = { object: null, oldObject: null, request: null, namespaceObject: null, controller: NO_CONTROLLER, oldController: NO_CONTROLLER, namesakes: [] };
const OPTIONAL = Object.keys(ABSENT) as (keyof typeof ABSENT)[];

function badRun(expression: string, reason: string): Result<unknown> {
  return failed({ code: "cel/evaluation", message: `expression \`${short(expression)}\` failed: ${reason}`, path: "" });
}

/** The text may be of any length; a problem is a line. */
function short(expression: string): string {
  const text = expression.trim();
  return text.length > 300 ? `${text.slice(0, 300)}...` : text;
}

function badExpression(expression: string, reason: string): Result<CelProgram> {
  return failed({ code: "cel/compile", message: `expression \`${short(expression)}\` does not compile: ${reason.split("\n")[0]}`, path: "" });
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}
