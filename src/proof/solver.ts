import { toCnf, type Clause, type Cnf, type Literal } from "./cnf.js";
import { DecisionOrder } from "./decision-order.js";
import { bitsOf, DomainTheory } from "./domain-theory.js";
import type { Formula, Formulas, Variable } from "./formula.js";
import type { Meter } from "./meter.js";
import { admits } from "../sets/value-set.js";

/** The values an unknown may take, the preferred first; `undefined` is an absent label. */
export type Candidates = readonly (string | undefined)[];

/** "unknown": the meter was exhausted first. Values are given for the variables of the formula. */
export type Solution =
  | { readonly answer: "satisfiable"; readonly values: ReadonlyMap<Variable, string | undefined> }
  | { readonly answer: "unsatisfiable" }
  | { readonly answer: "unknown" };

export interface SearchOptions {
  /** The values an unknown may take, or one of each sort, given the sets that the atoms on it mention. */
  readonly candidatesOf: (variable: Variable, mentioned: readonly ReadonlySet<string>[]) => Candidates;
  readonly meter: Meter;
}

/**
 * Looks for values that make the formula true: conflict-driven clause learning over its clauses, with the theory that
 * each unknown has one of its candidates. The same input gives the same answer after the same steps everywhere.
 */
export function solve(formulas: Formulas, root: Formula, search: SearchOptions): Solution {
  const cnf = toCnf(formulas, root);
  const theory = new DomainTheory();
  const unknowns: { readonly variable: Variable; readonly candidates: Candidates }[] = [];
  for (const [variable, booleans] of atomsByVariable(cnf)) {
    const candidates = search.candidatesOf(variable, booleans.map((boolean) => cnf.atoms.get(boolean)!.values.values));
    unknowns.push({ variable, candidates });
    search.meter.spend(booleans.length * (1 + candidates.length / 8));
    if (search.meter.exhausted) return { answer: "unknown" };
    const sets = booleans.map((b) => [b, bitsOf(candidates.length, (i) => admits(cnf.atoms.get(b)!.values, candidates[i]))] as const);
    theory.add(candidates.length, new Map(sets));
  }
  const answer = new Search(cnf, theory, search.meter).run();
  if (answer !== "satisfiable") return { answer };
  const model = theory.model();
  return { answer, values: new Map(unknowns.map(({ variable, candidates }, i) => [variable, candidates[model[i] as number]])) };
}

function atomsByVariable({ atoms }: Cnf): ReadonlyMap<Variable, readonly number[]> {
  const out = new Map<Variable, number[]>();
  for (const [boolean, { variable }] of atoms) {
    const list = out.get(variable);
    if (list) list.push(boolean);
    else out.set(variable, [boolean]);
  }
  return out;
}

/** Why a literal is true: a clause with the literal first, the domain theory (asked only when needed), or a decision. */
type Reason = Clause | "theory" | undefined;

const UNASSIGNED = -1;
/** Conflicts until the first restart; each further restart waits one and a half times as long. */
const FIRST_RESTART = 100;

/** State of one search. Reading order: run, propagate, learn. */
class Search {
  private readonly theory: DomainTheory;
  private readonly meter: Meter;
  private readonly clauses: readonly Clause[];
  /** 1 true, 0 false, -1 unassigned. */
  private readonly value: Int8Array;
  private readonly level: Int32Array;
  private readonly reason: Reason[];
  private readonly activity: Float64Array;
  /** Holds whatever is unassigned, and some that are not. */
  private readonly order: DecisionOrder;
  /** The value a variable had last: tried first when it is decided again. */
  private readonly phase: Uint8Array;
  /** Clauses by the literal whose falsehood must be looked at: each watches its first two literals. */
  private readonly watching: Clause[][];
  private readonly trail: Literal[] = [];
  private readonly levelStarts: number[] = [];
  private queued = 0;
  private bump = 1;

  constructor(cnf: Cnf, theory: DomainTheory, meter: Meter) {
    this.theory = theory;
    this.meter = meter;
    this.clauses = cnf.clauses;
    this.value = new Int8Array(cnf.booleans).fill(UNASSIGNED);
    this.level = new Int32Array(cnf.booleans);
    this.reason = new Array<Reason>(cnf.booleans).fill(undefined);
    this.activity = new Float64Array(cnf.booleans);
    this.order = new DecisionOrder(this.activity);
    this.phase = new Uint8Array(cnf.booleans);
    this.watching = Array.from({ length: cnf.booleans * 2 }, () => []);
    // An absent label is the smallest answer: try first what is true without the label.
    for (const [boolean, { values }] of cnf.atoms) this.phase[boolean] = values.absent ? 1 : 0;
  }

  run(): Solution["answer"] {
    if (!this.start()) return "unsatisfiable";
    let conflicts = 0;
    let restartAt = FIRST_RESTART;
    for (;;) {
      const conflict = this.propagate();
      if (conflict) {
        if (this.levelStarts.length === 0) return "unsatisfiable";
        this.learn(conflict);
        if (++conflicts === restartAt) {
          restartAt += Math.ceil(restartAt / 2);
          this.backTo(0);
        }
      } else if (!this.decide()) return "satisfiable";
      if (this.meter.exhausted) return "unknown";
    }
  }

  private start(): boolean {
    const forced = this.theory.start();
    if (!forced) return false;
    for (const clause of this.clauses) {
      if (clause.length > 1) this.watch(clause);
      else forced.push(...clause);
      if (clause.length === 0) return false;
    }
    return forced.every((literal) => this.assign(literal, undefined));
  }

  private watch(clause: Clause): void {
    this.watching[clause[0] as Literal]?.push(clause);
    this.watching[clause[1] as Literal]?.push(clause);
  }

  private truth(literal: Literal): number {
    const value = this.value[literal >> 1] as number;
    return value === UNASSIGNED ? UNASSIGNED : value ^ (literal & 1);
  }

  /** False when the literal is false already. */
  private assign(literal: Literal, reason: Reason): boolean {
    const truth = this.truth(literal);
    if (truth !== UNASSIGNED) return truth === 1;
    const boolean = literal >> 1;
    this.value[boolean] = 1 - (literal & 1);
    this.level[boolean] = this.levelStarts.length;
    this.reason[boolean] = reason;
    this.trail.push(literal);
    return true;
  }

  /** Draws every conclusion; a clause all of whose literals are false is a conflict. */
  private propagate(): Clause | undefined {
    while (this.queued < this.trail.length) {
      const literal = this.trail[this.queued++] as Literal;
      const conflict = this.propagateDomain(literal) ?? this.propagateClauses(literal ^ 1);
      if (conflict) return conflict;
    }
    return undefined;
  }

  private propagateDomain(literal: Literal): Clause | undefined {
    const consequence = this.theory.assign(literal, (boolean) => this.value[boolean] !== UNASSIGNED);
    if (!consequence) return undefined;
    this.meter.spend(1 + consequence.implied.length);
    for (const implied of consequence.implied) this.assign(implied, "theory");
    return consequence.conflict;
  }

  private propagateClauses(falsified: Literal): Clause | undefined {
    const clauses = this.watching[falsified] as Clause[];
    const kept: Clause[] = [];
    this.watching[falsified] = kept;
    this.meter.spend(1 + clauses.length);
    for (let i = 0; i < clauses.length; i++) {
      const clause = clauses[i] as Clause;
      if (clause[0] === falsified) swap(clause, 0, 1);
      if (this.truth(clause[0] as Literal) !== 1 && this.watchAnother(clause)) continue;
      kept.push(clause);
      if (this.assign(clause[0] as Literal, clause)) continue;
      for (let j = i + 1; j < clauses.length; j++) kept.push(clauses[j] as Clause);
      return clause;
    }
    return undefined;
  }

  /** Watches a literal that is not false in the place of the second; false when there is none. */
  private watchAnother(clause: Clause): boolean {
    const other = clause.findIndex((literal, at) => at > 1 && this.truth(literal) !== 0);
    if (other < 0) return false;
    swap(clause, 1, other);
    (this.watching[clause[1] as Literal] as Clause[]).push(clause);
    return true;
  }

  /** Learns the clause of the first unique implication point, goes back to where it first bites, and asserts it. */
  private learn(conflict: Clause): void {
    const clause = this.analyse(conflict);
    this.raiseBump();
    if (clause.length === 1) this.backTo(0);
    else {
      const deepest = clause.reduce((best, literal, i) => (i > 0 && this.levelOf(literal) > this.levelOf(clause[best] as Literal) ? i : best), 1);
      swap(clause, 1, deepest);
      this.backTo(this.levelOf(clause[1] as Literal));
      this.watch(clause);
    }
    this.assign(clause[0] as Literal, clause.length === 1 ? undefined : clause);
  }

  private analyse(conflict: Clause): Clause {
    const here = this.levelStarts.length;
    const seen = new Set<number>();
    const learned: Clause = [0];
    let open = 0;
    let at = this.trail.length - 1;
    let clause: Clause = conflict;
    for (;;) {
      this.meter.spend(clause.length);
      for (const literal of clause) {
        if (seen.has(literal >> 1) || this.levelOf(literal) === 0) continue;
        seen.add(literal >> 1);
        this.activity[literal >> 1]! += this.bump;
        this.order.risen(literal >> 1);
        if (this.levelOf(literal) === here) open++;
        else learned.push(literal);
      }
      while (!seen.has((this.trail[at] as Literal) >> 1)) at--;
      const literal = this.trail[at--] as Literal;
      if (--open === 0) {
        learned[0] = literal ^ 1;
        return learned;
      }
      clause = this.reasonOf(literal).slice(1);
    }
  }

  /** Recent conflicts weigh more; scaled down before the numbers leave the range of a double. */
  private raiseBump(): void {
    this.bump *= 1.05;
    if (this.bump < 1e100) return;
    this.activity.forEach((activity, boolean) => (this.activity[boolean] = activity * 1e-100));
    this.bump *= 1e-100;
  }

  private reasonOf(literal: Literal): Clause {
    const reason = this.reason[literal >> 1];
    return reason === "theory" ? this.theory.explain(literal) : (reason ?? [literal]);
  }

  private levelOf(literal: Literal): number {
    return this.level[literal >> 1] as number;
  }

  private backTo(level: number): void {
    const length = this.levelStarts[level];
    if (length === undefined) return;
    while (this.trail.length > length) {
      const literal = this.trail.pop() as Literal;
      if (this.trail.length < this.queued) this.theory.undo(literal);
      this.phase[literal >> 1] = 1 - (literal & 1);
      this.value[literal >> 1] = UNASSIGNED;
      this.order.add(literal >> 1);
    }
    this.levelStarts.length = level;
    this.queued = Math.min(this.queued, length);
  }

  /** Decides the most active variable; false when all are assigned. */
  private decide(): boolean {
    let best = this.order.next();
    while (best >= 0 && this.value[best] !== UNASSIGNED) best = this.order.next();
    this.meter.spend(1);
    if (best < 0) return false;
    this.levelStarts.push(this.trail.length);
    return this.assign(best * 2 + 1 - (this.phase[best] as number), undefined);
  }
}

function swap(clause: Clause, i: number, j: number): void {
  const moved = clause[i] as Literal;
  clause[i] = clause[j] as Literal;
  clause[j] = moved;
}
