import { FALSE, isNegated, TRUE, type Formula, type Formulas, type FormulaNode } from "./formula.js";

/** A Boolean variable times two, plus one when negated. */
export type Literal = number;
export type Clause = Literal[];

/** Clauses that can be satisfied exactly when the formula can. Boolean variables count from 0. */
export interface Cnf {
  readonly booleans: number;
  readonly clauses: readonly Clause[];
  /** The Boolean variables that stand for atoms. */
  readonly atoms: ReadonlyMap<number, Extract<FormulaNode, { kind: "atom" }>>;
}

const POSITIVE = 1;
const NEGATIVE = 2;

/** Turns a formula into clauses, one fresh Boolean variable per node and only the implications its polarity needs (Tseitin; Plaisted and Greenbaum). */
export function toCnf(formulas: Formulas, root: Formula): Cnf {
  const atoms = new Map<number, Extract<FormulaNode, { kind: "atom" }>>();
  if (root === TRUE) return { booleans: 0, clauses: [], atoms };
  if (root === FALSE) return { booleans: 0, clauses: [[]], atoms };
  const indexes = formulas.below(root);
  const booleanOf = new Map(indexes.map((index, boolean) => [index, boolean]));
  const literalOf = (formula: Formula): Literal => (booleanOf.get(formula >> 1) as number) * 2 + (formula & 1);
  const polarity = new Uint8Array(indexes.length);
  const need = (formula: Formula, sign: number): void => {
    polarity[booleanOf.get(formula >> 1) as number]! |= isNegated(formula) ? POSITIVE + NEGATIVE - sign : sign;
  };
  need(root, POSITIVE);
  const clauses: Clause[] = [[literalOf(root)]];
  // Wholes come after their parts in `indexes`, so walking backwards meets every whole before its parts.
  for (let boolean = indexes.length - 1; boolean >= 0; boolean--) {
    const node = formulas.node((indexes[boolean] as number) * 2);
    if (node.kind === "atom") atoms.set(boolean, node);
    if (node.kind !== "and") continue;
    for (const sign of [POSITIVE, NEGATIVE]) {
      if (((polarity[boolean] as number) & sign) === 0) continue;
      for (const part of node.parts) need(part, sign);
      if (sign === POSITIVE) for (const part of node.parts) clauses.push([boolean * 2 + 1, literalOf(part)]);
      else clauses.push([boolean * 2, ...node.parts.map((part) => literalOf(part) ^ 1)]);
    }
  }
  return { booleans: indexes.length, clauses, atoms };
}
