import { numberOf } from "./number-of.js";
import { admits, isAnything, isNothing, valueSetKey, type ValueSet } from "../sets/value-set.js";

/**
 * A formula over label values, as an edge into the arena of `Formulas`: node number times two, plus one when negated.
 * Equal formulas of one arena are the same number, as far as construction can tell.
 */
export type Formula = number;

export const TRUE: Formula = 0;
export const FALSE: Formula = 1;

/** One unknown: the value of a label key of a pod or namespace that does not exist yet, or a choice between peers. */
export type Variable = number;

export type FormulaNode =
  | { readonly kind: "true" }
  /** The variable's value lies in `values`, a finite set. */
  | { readonly kind: "atom"; readonly variable: Variable; readonly values: ValueSet }
  | { readonly kind: "and"; readonly parts: readonly Formula[] };

/** Values that are compared one by one. */
const MANY = 64;

export function not(formula: Formula): Formula {
  return formula ^ 1;
}

export function isNegated(formula: Formula): boolean {
  return (formula & 1) === 1;
}

/** An arena of formulas in normal form: atoms on finite sets, conjunctions and negated edges; everything is built by its methods. */
export class Formulas {
  private readonly list: FormulaNode[] = [{ kind: "true" }];
  private readonly known = new Map<string, Formula>();
  private readonly names: string[] = [];
  private readonly variables = new Map<string, Variable>();

  /** The unknown of this name. */
  variable(name: string): Variable {
    const known = this.variables.get(name);
    if (known !== undefined) return known;
    this.variables.set(name, this.names.length);
    return this.names.push(name) - 1;
  }

  nameOf(variable: Variable): string {
    return this.names[variable] ?? "";
  }

  node(formula: Formula): FormulaNode {
    return this.list[formula >> 1] as FormulaNode;
  }

  /** "The value of `variable` lies in `values`". */
  atom(variable: Variable, values: ValueSet): Formula {
    if (isAnything(values)) return TRUE;
    if (isNothing(values)) return FALSE;
    if (values.allBut) return not(this.atom(variable, { allBut: false, values: values.values, absent: !values.absent }));
    // A set of a hundred thousand values is known by being that very set: two alike are two atoms, which the solver knows to be equal.
    const key = values.values.size > MANY ? `${values.absent ? "?" : ""}#${numberOf(values.values)}` : valueSetKey(values);
    return this.intern(`${variable}${key}`, { kind: "atom", variable, values });
  }

  /** Stops asking for more once the answer is FALSE. */
  and(formulas: Iterable<Formula>): Formula {
    const parts: Formula[] = [];
    for (const formula of formulas) if (!this.addPart(parts, formula)) return FALSE;
    if (parts.length === 0) return TRUE;
    if (parts.length === 1) return parts[0] as Formula;
    const sorted = parts.sort((a, b) => a - b);
    let kept = 1;
    for (let i = 1; i < sorted.length; i++) {
      const [last, part] = [sorted[kept - 1] as Formula, sorted[i] as Formula];
      if (part === not(last)) return FALSE;
      if (part !== last) sorted[kept++] = part;
    }
    sorted.length = kept;
    return kept === 1 ? (sorted[0] as Formula) : this.intern(sorted.join("&"), { kind: "and", parts: sorted });
  }

  /** Adds a conjunct, or what a conjunction consists of; false when it is FALSE. */
  private addPart(parts: Formula[], formula: Formula): boolean {
    if (formula === FALSE) return false;
    if (formula === TRUE) return true;
    const node = isNegated(formula) ? undefined : this.node(formula);
    if (node?.kind === "and") for (const part of node.parts) parts.push(part);
    else parts.push(formula);
    return true;
  }

  /** Stops asking for more once the answer is TRUE. */
  or(formulas: Iterable<Formula>): Formula {
    if (Array.isArray(formulas) && formulas.length === 0) return FALSE;
    return not(this.and(negations(formulas)));
  }

  /** `condition` ? `yes` : `no`. */
  choose(condition: Formula, yes: Formula, no: Formula): Formula {
    if (condition === TRUE || yes === no) return yes;
    if (condition === FALSE) return no;
    return this.and([this.or([not(condition), yes]), this.or([condition, no])]);
  }

  /** The truth of a formula when every variable has the value `valueOf` gives; `undefined` is an absent label. */
  evaluate(root: Formula, valueOf: (variable: Variable) => string | undefined): boolean {
    const truth = new Map<number, boolean>();
    for (const index of this.below(root)) {
      const node = this.list[index] as FormulaNode;
      const value =
        node.kind === "true" ||
        (node.kind === "atom" ? admits(node.values, valueOf(node.variable)) : node.parts.every((part) => truth.get(part >> 1) !== isNegated(part)));
      truth.set(index, value);
    }
    return truth.get(root >> 1) !== isNegated(root);
  }

  /** Indexes of every node a formula is made of, parts before wholes; iterative, because chains of policies are deep. */
  below(root: Formula): readonly number[] {
    const seen = new Set<number>([root >> 1]);
    for (const index of seen) {
      const node = this.list[index] as FormulaNode;
      if (node.kind === "and") for (const part of node.parts) seen.add(part >> 1);
    }
    return [...seen].sort((a, b) => a - b);
  }

  private intern(key: string, node: FormulaNode): Formula {
    const known = this.known.get(key);
    if (known !== undefined) return known;
    const formula = (this.list.push(node) - 1) * 2;
    this.known.set(key, formula);
    return formula;
  }
}

function* negations(formulas: Iterable<Formula>): Iterable<Formula> {
  for (const formula of formulas) yield not(formula);
}

/** `formula` of each item, worked out only when asked for. */
export function* each<T>(items: Iterable<T>, formula: (item: T) => Formula): Iterable<Formula> {
  for (const item of items) yield formula(item);
}
