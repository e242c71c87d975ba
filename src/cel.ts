import { Environment } from "@marcbachmann/cel-js";
import { isRecord, type OwnerReference } from "./model/kubernetes.js";
import { failed, ok, type Result } from "./model/result.js";

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
}

export interface Controller {
  readonly group: string;
  readonly kind: string;
  readonly name: string;
  readonly exists: boolean;
}

/** A compiled expression: evaluated many times, never throws. */
export type CelProgram = (variables: CelVariables) => Result<unknown>;

/**
 * No CEL library for JavaScript bounds the cost of a run, so it is bounded before: a run visits each node of the
 * expression once per element of the lists that macros walk. 400 nodes, nested at most 30 deep, over objects of at
 * most the body cap keep one run far below a millisecond for real objects.
 */
const LIMITS = { maxAstNodes: 400, maxDepth: 30, maxListElements: 200, maxMapEntries: 100, maxCallArguments: 8 };

const environment = new Environment({ enableOptionalTypes: true, homogeneousAggregateLiterals: false, limits: LIMITS });
for (const name of ["object", "oldObject", "target", "request", "namespaceObject", "params", "profile", "controller", "oldController", "namesakes"]) environment.registerVariable(name, "dyn");
environment
  .registerFunction("label(dyn, string): string", (object: unknown, key: string) => labelsOf(object)[key] ?? "")
  .registerFunction("hasLabel(dyn, string): bool", (object: unknown, key: string) => Object.hasOwn(labelsOf(object), key))
  .registerFunction("annotation(dyn, string): string", (object: unknown, key: string) => metadata(object, "annotations")[key] ?? "")
  .registerFunction("hasAnnotation(dyn, string): bool", (object: unknown, key: string) => Object.hasOwn(metadata(object, "annotations"), key))
  .registerFunction("controlledBy(dyn, string, string): bool", (object: unknown, group: string, kind: string) => ownerOf(object, group, kind) !== undefined)
  .registerFunction("ownedBy(dyn, string, string): bool", (object: unknown, group: string, kind: string) => owners(object).some((o) => isOf(o, group, kind)))
  .registerFunction("merge(dyn, dyn): dyn", (first: unknown, second: unknown) => ({ ...plainMap(first), ...plainMap(second) }))
  .registerFunction("controllerName(dyn, string, string): string", (object: unknown, group: string, kind: string) => ownerOf(object, group, kind)?.name ?? "");

const NO_CONTROLLER: Controller = { group: "", kind: "", name: "", exists: false };

/**
 * Compiles an expression once; unknown variables and functions are problems now, not at admission.
 * `target` is the object, or on DELETE the stored one. Beside CEL itself: `label(o, key)`, `hasLabel`, `annotation`, `hasAnnotation` (empty or false where the object is null),
 * `controlledBy(o, group, kind)`, `ownedBy` (any owner; kind `*` for every kind), `controllerName`, `merge(map, map)` (the second wins).
 */
export function compileCel(expression: string): Result<CelProgram> {
  try {
    const parsed = environment.parse(expression);
    const check = parsed.check();
    if (!check.valid) return badExpression(expression, check.error?.message ?? "does not type-check");
    return ok((variables) => run(expression, parsed, variables));
  } catch (error) {
    return badExpression(expression, firstLine(error));
  }
}

function run(expression: string, parsed: (context: Record<string, unknown>) => unknown, variables: CelVariables): Result<unknown> {
  try {
    const { object = null, oldObject = null, controller = NO_CONTROLLER, oldController = NO_CONTROLLER, namesakes = [] } = variables;
    const { request = null, namespaceObject = null, params, profile } = variables;
    return ok(parsed({ object, oldObject, target: object ?? oldObject, request, namespaceObject, controller, oldController, namesakes, params, profile }));
  } catch (error) {
    return failed({ code: "cel/evaluation", message: `expression \`${expression.trim()}\` failed: ${firstLine(error)}`, path: "" });
  }
}

function badExpression(expression: string, reason: string): Result<CelProgram> {
  return failed({ code: "cel/compile", message: `expression \`${expression.trim()}\` does not compile: ${reason.split("\n")[0]}`, path: "" });
}

function firstLine(error: unknown): string {
  return error instanceof Error ? (error.message.split("\n")[0] ?? "") : String(error);
}

function metadata(object: unknown, field: string): Record<string, string> {
  if (!isRecord(object) || !isRecord(object.metadata)) return {};
  const value = object.metadata[field];
  return isRecord(value) ? (value as Record<string, string>) : {};
}

function plainMap(value: unknown): Record<string, unknown> {
  return value instanceof Map ? (Object.fromEntries(value) as Record<string, unknown>) : isRecord(value) ? value : {};
}

function labelsOf(object: unknown): Record<string, string> {
  return metadata(object, "labels");
}

function owners(object: unknown): readonly OwnerReference[] {
  if (!isRecord(object) || !isRecord(object.metadata)) return [];
  const list = object.metadata.ownerReferences;
  return Array.isArray(list) ? (list.filter(isRecord) as unknown as OwnerReference[]) : [];
}

function isOf(owner: OwnerReference, group: string, kind: string): boolean {
  return typeof owner.apiVersion === "string" && owner.apiVersion.startsWith(`${group}/`) && (kind === "*" || owner.kind === kind);
}

function ownerOf(object: unknown, group: string, kind: string): OwnerReference | undefined {
  return owners(object).find((owner) => owner.controller === true && isOf(owner, group, kind));
}
