import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { FALSE, Formulas, not, TRUE, type Formula } from "../../src/proof/formula.js";
import { Meter } from "../../src/proof/meter.js";
import { solve, type Candidates } from "../../src/proof/solver.js";
import type { ValueSet } from "../../src/sets/value-set.js";

const CANDIDATES: Candidates = [undefined, "a", "b", "other"];
const VARIABLES = ["x", "y", "z"];

type Tree = { readonly atom: readonly [number, ValueSet] } | { readonly not: Tree } | { readonly and: readonly Tree[] } | { readonly or: readonly Tree[] };

const values: fc.Arbitrary<ValueSet> = fc.record({ allBut: fc.boolean(), values: fc.subarray(["a", "b"]).map((v) => new Set(v)), absent: fc.boolean() });
const { tree } = fc.letrec<{ tree: Tree }>((tie) => ({
  tree: fc.oneof(
    { maxDepth: 5, withCrossShrink: true },
    fc.record({ atom: fc.tuple(fc.nat({ max: 2 }), values) }),
    fc.record({ not: tie("tree") }),
    fc.record({ and: fc.array(tie("tree"), { maxLength: 4 }) }),
    fc.record({ or: fc.array(tie("tree"), { maxLength: 4 }) }),
  ),
}));

function build(formulas: Formulas, from: Tree): Formula {
  if ("atom" in from) return formulas.atom(formulas.variable(VARIABLES[from.atom[0]] as string), from.atom[1]);
  if ("not" in from) return not(build(formulas, from.not));
  return "and" in from ? formulas.and(from.and.map((t) => build(formulas, t))) : formulas.or(from.or.map((t) => build(formulas, t)));
}

function satisfiable(formulas: Formulas, root: Formula): boolean {
  return CANDIDATES.some((x) => CANDIDATES.some((y) => CANDIDATES.some((z) => formulas.evaluate(root, (v) => ({ x, y, z })[formulas.nameOf(v)]))));
}

/** n + 1 pigeons, n holes: true of no placement, and hard to refute without counting. */
function pigeons(formulas: Formulas, holes: number): Formula {
  const names = Array.from({ length: holes + 1 }, (_, i) => formulas.variable(`pigeon ${i}`));
  const inHole = (pigeon: number, hole: number): Formula => formulas.atom(pigeon, { allBut: false, values: new Set([`${hole}`]), absent: false });
  const parts: Formula[] = [];
  for (let hole = 0; hole < holes; hole++) {
    for (const a of names) for (const b of names) if (a < b) parts.push(not(formulas.and([inHole(a, hole), inHole(b, hole)])));
  }
  return formulas.and(parts);
}

describe("solve", () => {
  it("answers like trying every value", () => {
    fc.assert(
      fc.property(tree, (from) => {
        const formulas = new Formulas();
        const root = build(formulas, from);
        const solution = solve(formulas, root, { candidatesOf: () => CANDIDATES, meter: new Meter({ steps: 1e6 }) });
        expect(solution.answer).toBe(satisfiable(formulas, root) ? "satisfiable" : "unsatisfiable");
        if (solution.answer === "satisfiable") expect(formulas.evaluate(root, (v) => solution.values.get(v))).toBe(true);
      }),
      { numRuns: Number(process.env.LAWS_RUNS ?? 2000) },
    );
  });

  it("refutes what no value satisfies and satisfies what every value does", () => {
    const formulas = new Formulas();
    const meter = new Meter({ steps: 10 });
    expect(solve(formulas, TRUE, { candidatesOf: () => CANDIDATES, meter }).answer).toBe("satisfiable");
    expect(solve(formulas, FALSE, { candidatesOf: () => CANDIDATES, meter }).answer).toBe("unsatisfiable");
    const x = formulas.atom(formulas.variable("x"), { allBut: false, values: new Set(["a"]), absent: false });
    expect(solve(formulas, x, { candidatesOf: () => [], meter }).answer).toBe("unsatisfiable");
  });

  it("finds that six pigeons do not fit five holes, and gives up on a hundred within its budget", () => {
    const formulas = new Formulas();
    const holes = (count: number): Candidates => Array.from({ length: count }, (_, i) => `${i}`);
    const small = solve(formulas, pigeons(formulas, 5), { candidatesOf: () => holes(5), meter: new Meter({ steps: 1e6 }) });
    expect(small.answer).toBe("unsatisfiable");
    const meter = new Meter({ steps: 100_000 });
    expect(solve(formulas, pigeons(formulas, 30), { candidatesOf: () => holes(30), meter }).answer).toBe("unknown");
    expect(meter.steps).toBeLessThan(200_000);
  });

  it("takes steps that grow with the unknowns, not with their square", () => {
    const steps = (count: number): number => {
      const formulas = new Formulas();
      const meter = new Meter({ steps: 1e6 });
      const isA = Array.from({ length: count }, (_, i) => formulas.atom(formulas.variable(`x${i}`), { allBut: false, values: new Set(["a"]), absent: false }));
      const pairs = isA.map((one, i) => formulas.or([one, isA[(i + 7) % count] as Formula]));
      expect(solve(formulas, formulas.and(pairs), { candidatesOf: () => CANDIDATES, meter }).answer).toBe("satisfiable");
      return meter.steps;
    };
    expect(steps(2_000) / steps(1_000)).toBeCloseTo(2, 1);
  });

  it("takes the same steps every time", () => {
    const steps = [1, 2].map(() => {
      const formulas = new Formulas();
      const meter = new Meter({ steps: 1e6 });
      solve(formulas, pigeons(formulas, 5), { candidatesOf: () => ["0", "1", "2", "3", "4"], meter });
      return meter.steps;
    });
    expect(steps[0]).toBe(steps[1]);
  });
});
