import { ABSENT } from "../sets/value-set.js";
import { FALSE, type Formula, type Variable } from "./formula.js";
import type { Inquiry } from "./inquiry.js";
import type { SpaceParty } from "./symbolic-flow.js";

type Values = ReadonlyMap<Variable, string | undefined>;

/**
 * A solution from which no single label can be dropped: one by one, each label that the parties have is asked to be absent.
 * Stops early, with what it has, when the budget ends.
 */
export function minimise(inquiry: Inquiry, root: Formula, { values, parties }: { readonly values: Values; readonly parties: readonly SpaceParty[] }): Values {
  const { formulas } = inquiry;
  let best = values;
  let fewer = root;
  const labels = parties.flatMap((party) => (["namespace", "pod"] as const).flatMap((scope) => inquiry.unknownsOf(party, scope)));
  for (const variable of labels) {
    if (best.get(variable) === undefined && best.has(variable)) {
      fewer = formulas.and([fewer, formulas.atom(variable, ABSENT)]);
      continue;
    }
    if (!best.has(variable) || !inquiry.mayBeAbsent(variable)) continue;
    const without = formulas.and([fewer, formulas.atom(variable, ABSENT)]);
    const solution = without === FALSE ? { answer: "unsatisfiable" as const } : inquiry.solve(without);
    if (solution.answer === "unknown") return best;
    if (solution.answer === "unsatisfiable") continue;
    best = solution.values;
    fewer = without;
  }
  return best;
}
