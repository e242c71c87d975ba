import fc from "fast-check";
import { expect, test } from "vitest";
import { DecisionOrder } from "../../src/proof/decision-order.js";

const SIZE = 12;
const step = fc.oneof(fc.constant({ next: true as const }), fc.record({ add: fc.nat({ max: SIZE - 1 }) }), fc.record({ raise: fc.nat({ max: SIZE - 1 }), by: fc.nat({ max: 3 }) }));

test("the next one is the most active of those that are there, the lowest of equal ones", () => {
  fc.assert(fc.property(fc.array(step, { maxLength: 60 }), (steps) => {
    const activity = new Float64Array(SIZE);
    const order = new DecisionOrder(activity);
    const there = new Set(activity.keys());
    for (const one of steps) {
      if ("next" in one) {
        const [best = -1] = [...there].sort((a, b) => (activity[b] ?? 0) - (activity[a] ?? 0) || a - b);
        expect(order.next()).toBe(best);
        there.delete(best);
      } else if ("add" in one) {
        order.add(one.add);
        there.add(one.add);
      } else {
        activity[one.raise]! += one.by;
        order.risen(one.raise);
      }
    }
  }), { numRuns: 2_000 });
});
