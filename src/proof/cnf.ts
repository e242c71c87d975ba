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
  if (root === TRUE) return { booleans: 0, clauses: [], atoms: new Map() };
  if (root === FALSE) return { booleans: 0, clauses: [[]], atoms: new Map() };
  const indexes = formulas.below(root);
  const booleanOf = new Map(indexes.map((index, boolean) => [index, boolean]));
  const literalOf = (formula: Formula): Literal => (booleanOf.get(formula >> 1) as number) * 2 + (formula & 1);
  const needed = new Uint8Array(indexes.length);
  const need = (formula: Formula, sign: number): void => {
    needed[literalOf(formula) >> 1]! |= isNegated(formula) ? POSITIVE + NEGATIVE - sign : sign;
  };
  const atoms = new Map<number, Extract<FormulaNode, { kind: "atom" }>>();
  const clauses: Clause[] = [[literalOf(root)]];
  need(root, POSITIVE);
  // Wholes come after their parts in `indexes`, so walking backwards meets every whole before its parts.
  for (let boolean = indexes.length - 1; boolean >= 0; boolean--) {
    const node = formulas.node((indexes[boolean] as number) * 2);
    if (node.kind === "atom") atoms.set(boolean, node);
    if (node.kind !== "and") continue;
    const signs = [POSITIVE, NEGATIVE].filter((sign) => ((needed[boolean] as number) & sign) !== 0);
    for (const part of node.parts) for (const sign of signs) need(part, sign);
    for (const sign of signs) for (const clause of conjunction(boolean, node.parts.map(literalOf), sign)) clauses.push(clause);
  }
  return { booleans: indexes.length, clauses, atoms };
}

/** "The variable implies every part", or the other way round. */
function conjunction(boolean: number, parts: readonly Literal[], sign: number): Clause[] {
  return sign === POSITIVE ? parts.map((part) => [boolean * 2 + 1, part]) : [[boolean * 2, ...parts.map((part) => part ^ 1)]];
}
