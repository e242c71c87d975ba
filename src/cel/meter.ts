import { isRecord } from "../model/kubernetes.js";
import { Memory } from "../model/memory.js";

/**
 * What one run of an expression may cost, in steps: a step is one node of the expression, 32 characters or 8 elements that are
 * copied or searched, one value that is compared. bench/packs.mjs prints steps per second.
 */
export const RUN_STEPS = 100_000;

/** What asking the engine costs at least, in steps. */
export const ENGINE_STEPS = 1_000;

/** Thrown to end a run. One object for all: macros such as `all` catch what their bodies throw and go on. */
const EXHAUSTED = new Error(`it costs more than ${RUN_STEPS} steps`);

let left = Infinity;

/** Runs a function within a budget, which counts against the one around it too; undefined when it was exhausted, whatever came of it. */
export function withinBudget<T>(run: () => T, steps = RUN_STEPS): { readonly value: T } | undefined {
  const outer = left;
  const given = Math.min(steps, Math.max(outer, 0));
  left = given;
  try {
    const value = run();
    return left < 0 ? undefined : { value };
  } catch (error) {
    if (left < 0) return undefined;
    throw error;
  } finally {
    left = outer - (given - left);
  }
}

export function spend(steps: number): void {
  left -= steps;
  if (left < 0) throw EXHAUSTED;
}

/** A node of the library's tree; what is not in its types is pinned by test/cel. */
interface Node {
  readonly op: string;
  readonly args: unknown;
  readonly meta: { readonly alternate?: Node; readonly macro?: Macro; readonly evaluate: Evaluate };
  evaluate: Evaluate;
}

interface Macro {
  evaluate(evaluator: unknown, macro: Macro, context: unknown): unknown;
}

type Evaluate = (evaluator: unknown, node: Node, context: unknown) => unknown;

/** How much of a node's value its parent reads: nothing but itself, its length, or all of it. */
type Reads = "itself" | "length" | "all";

/** A method that is answered here instead of by the library. */
export type Method = (receiver: unknown, argument: unknown) => unknown;

/** Makes every node of a checked expression count its steps, and answers some methods of one argument itself. */
export function countSteps(root: object, methods: Readonly<Record<string, Method>>): void {
  new Counting(methods).visit(root, "itself");
}

/** How deep macros (`all`, `map`, ...) stand in each other: the exponent of what they cost. */
export function macroDepth(value: unknown, known = new Map<unknown, number>()): number {
  if (typeof value !== "object" || value === null || !isWalked(value)) return 0;
  const before = known.get(value);
  if (before !== undefined) return before;
  known.set(value, 0);
  const depthOf = (inner: unknown): number => macroDepth(inner, known);
  const deepest = isNode(value) ? nodeDepth(value, depthOf) : Math.max(0, ...Object.values(value).map(depthOf));
  known.set(value, deepest);
  return deepest;
}

/** What a macro walks is walked once; only what it does with each element is multiplied. */
function nodeDepth({ op, args, meta: { alternate, macro } }: Node, depthOf: (inner: unknown) => number): number {
  if (op !== "comprehension" || !isRecord(args)) return depthOf(alternate ?? macro ?? args);
  return Math.max(depthOf(args["iterable"]), depthOf(args["step"]) + 1);
}

class Counting {
  private readonly methods: Readonly<Record<string, Method>>;
  private readonly seen = new Set<unknown>();

  constructor(methods: Readonly<Record<string, Method>>) {
    this.methods = methods;
  }

  visit(value: unknown, reads: Reads): void {
    if (typeof value !== "object" || value === null || this.seen.has(value) || !isWalked(value)) return;
    this.seen.add(value);
    if (isNode(value)) this.node(value, reads);
    else for (const inner of Object.values(value)) this.visit(inner, reads);
  }

  private node(node: Node, reads: Reads): void {
    const below = readsOf(node);
    this.visit(node.args, below);
    this.visit(node.meta.alternate, reads);
    this.visit(node.meta.macro, below);
    const own = this.ownMethod(node);
    node.evaluate = (evaluator, _node, context) => {
      spend(1);
      const value = own ? own(evaluator, context) : evaluateNode(node, evaluator, context);
      if (reads !== "itself") spend(reads === "all" ? sizeOf(value) : lengthOf(value));
      return value;
    };
  }

  private ownMethod({ op, args }: Node): ((evaluator: unknown, context: unknown) => unknown) | undefined {
    if (op !== "rcall" || !Array.isArray(args)) return undefined;
    const [name, receiver, [argument]] = args as [string, Node, Node[]];
    const method = Object.hasOwn(this.methods, name) ? this.methods[name] : undefined;
    if (!method || !argument) return undefined;
    return (evaluator, context) => method(receiver.evaluate(evaluator, receiver, context), argument.evaluate(evaluator, argument, context));
  }
}

/** Only what the parser made: types, contexts and registries are instances of classes. */
function isWalked(value: object): boolean {
  return Array.isArray(value) || isNode(value) || Object.getPrototypeOf(value) === Object.prototype;
}

/** As the library's own node does when it is evaluated. */
function evaluateNode(node: Node, evaluator: unknown, context: unknown): unknown {
  const { alternate, macro, evaluate } = node.meta;
  if (alternate) return alternate.evaluate(evaluator, alternate, context);
  return macro ? macro.evaluate(evaluator, macro, context) : evaluate(evaluator, node, context);
}

function readsOf({ op, args }: Node): Reads {
  if (READ_WHOLE.has(op) || (Array.isArray(args) && (args[0] === "merge" || args[0] === "join"))) return "all";
  return READ_LENGTH.has(op) ? "length" : "itself";
}

const READ_WHOLE: ReadonlySet<string> = new Set(["==", "!=", "in"]);
const READ_LENGTH: ReadonlySet<string> = new Set(["+", "<", "<=", ">", ">=", "rcall"]);

function isNode(value: object): value is Node {
  return "op" in value && "args" in value && "meta" in value && typeof (value as Partial<Node>).evaluate === "function";
}

function lengthOf(value: unknown): number {
  if (typeof value === "string") return value.length >> 5;
  return Array.isArray(value) ? value.length >> 3 : 0;
}

const sizes = new Memory<object, number>();

/** Number of values in a value. What the API server sent stays as it is, so it is counted once. */
function sizeOf(value: unknown): number {
  if (typeof value === "string") return 1 + (value.length >> 5);
  if (!Array.isArray(value) && !isRecord(value)) return 1;
  const known = sizes.get(value);
  if (known !== undefined) return known;
  let size = 1;
  for (const inner of value instanceof Map ? value.values() : Object.values(value)) size += sizeOf(inner);
  sizes.set(value, size);
  return size;
}
