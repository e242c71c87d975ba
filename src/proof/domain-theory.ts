import type { Clause, Literal } from "./cnf.js";

/** A set of candidate values as bits, 32 a word. */
export type Bits = Uint32Array;

export function bitsOf(size: number, member: (index: number) => boolean): Bits {
  const bits = new Uint32Array((size + 31) >> 5);
  for (let i = 0; i < size; i++) if (member(i)) bits[i >> 5]! |= 1 << (i & 31);
  return bits;
}

function isEmpty(bits: Bits): boolean {
  return bits.every((word) => word === 0);
}

/** `a & b`, or `a & ~b` when `negated`. */
function restrict(a: Bits, b: Bits, negated: boolean): Bits {
  return a.map((word, i) => word & (negated ? ~(b[i] as number) : (b[i] as number)));
}

function lowestBit(bits: Bits): number {
  const at = bits.findIndex((word) => word !== 0);
  return at * 32 + 31 - Math.clz32((bits[at] as number) & -(bits[at] as number));
}

/** One unknown with its candidates, narrowed by the literals assigned so far. */
interface Unknown {
  readonly all: Bits;
  current: Bits;
  /** Boolean variables of the atoms on this unknown. */
  readonly atoms: number[];
  /** Literals assigned, in order, with the candidates left before each. */
  readonly stack: { readonly literal: Literal; readonly before: Bits }[];
}

/** The theory behind the atoms: each unknown has exactly one of its candidate values. Knows what an assignment rules out, and why. */
export class DomainTheory {
  private readonly unknowns: Unknown[] = [];
  private readonly unknownOf = new Map<number, Unknown>();
  private readonly setOf = new Map<number, Bits>();
  /** For a literal this theory implied: how many literals on its unknown were assigned then. */
  private readonly depth = new Map<Literal, number>();

  /** Adds an unknown with `size` candidates and its atoms: Boolean variable -> candidates for which it is true. */
  add(size: number, atoms: ReadonlyMap<number, Bits>): void {
    const all = bitsOf(size, () => true);
    const unknown: Unknown = { all, current: all, atoms: [...atoms.keys()], stack: [] };
    this.unknowns.push(unknown);
    for (const [boolean, bits] of atoms) {
      this.unknownOf.set(boolean, unknown);
      this.setOf.set(boolean, bits);
    }
  }

  /** Literals true whatever is assigned; undefined when some unknown has no candidate at all. */
  start(): Literal[] | undefined {
    if (this.unknowns.some((unknown) => isEmpty(unknown.all))) return undefined;
    return this.unknowns.flatMap((unknown) => this.implied(unknown, () => false));
  }

  /** Narrows by one literal. Returns what follows, a clause that is violated, or undefined when the literal is no atom. */
  assign(literal: Literal, isAssigned: (boolean: number) => boolean): { implied: Literal[]; conflict?: Clause } | undefined {
    const unknown = this.unknownOf.get(literal >> 1);
    if (!unknown) return undefined;
    const before = unknown.current;
    unknown.stack.push({ literal, before });
    unknown.current = restrict(before, this.setOf.get(literal >> 1) as Bits, (literal & 1) === 1);
    if (isEmpty(unknown.current)) return { implied: [], conflict: this.because(unknown, unknown.all, unknown.stack.length) };
    return { implied: this.implied(unknown, isAssigned) };
  }

  /** Takes back `assign(literal)`; in reverse order of assignment. */
  undo(literal: Literal): void {
    const unknown = this.unknownOf.get(literal >> 1);
    const top = unknown?.stack[unknown.stack.length - 1];
    if (!unknown || top?.literal !== literal) return;
    unknown.stack.pop();
    unknown.current = top.before;
  }

  /** The clause that made this theory imply `literal`, which stands first. */
  explain(literal: Literal): Clause {
    const unknown = this.unknownOf.get(literal >> 1) as Unknown;
    const excluded = restrict(unknown.all, this.setOf.get(literal >> 1) as Bits, (literal & 1) === 0);
    return [literal, ...this.because(unknown, excluded, this.depth.get(literal) ?? 0)];
  }

  /** Index of the first candidate still possible, per unknown in the order added. */
  model(): readonly number[] {
    return this.unknowns.map((unknown) => lowestBit(unknown.current));
  }

  private implied(unknown: Unknown, isAssigned: (boolean: number) => boolean): Literal[] {
    const out: Literal[] = [];
    for (const boolean of unknown.atoms) {
      if (isAssigned(boolean)) continue;
      const bits = this.setOf.get(boolean) as Bits;
      const literal = isEmpty(restrict(unknown.current, bits, true)) ? boolean * 2 : isEmpty(restrict(unknown.current, bits, false)) ? boolean * 2 + 1 : -1;
      if (literal < 0) continue;
      this.depth.set(literal, unknown.stack.length);
      out.push(literal);
    }
    return out;
  }

  /** Negations of few assigned literals that together exclude all of `candidates`. */
  private because(unknown: Unknown, candidates: Bits, depth: number): Clause {
    const clause: Clause = [];
    let left = candidates;
    for (const { literal } of unknown.stack.slice(0, depth)) {
      const rest = restrict(left, this.setOf.get(literal >> 1) as Bits, (literal & 1) === 1);
      if (rest.some((word, i) => word !== left[i])) clause.push(literal ^ 1);
      left = rest;
      if (isEmpty(left)) break;
    }
    return clause;
  }
}
