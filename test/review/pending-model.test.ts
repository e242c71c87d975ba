import { describe, expect, test } from "vitest";
import { EMPTY_LEDGER, type Ledger } from "../../src/review/pending.js";
import { STEPS, walk, type Steps, type Wish } from "./pending-model.js";

/** Every order of three changes on two replicas, with watches as late as can be, lost answers, and writes that fail after they were admitted. */

const replicas: readonly (readonly [0 | 1, 0 | 1, 0 | 1])[] = [[0, 0, 0], [0, 0, 1], [0, 1, 0], [1, 0, 0]];
const wishes = (on: readonly [0 | 1, 0 | 1, 0 | 1], ...each: readonly [string, Wish["to"]][]): Wish[] => each.map(([name, to], index) => ({ name, to, replica: on[index] ?? 0 }));

const SCENES: Readonly<Record<string, { readonly initial: readonly string[]; readonly each: readonly [string, Wish["to"]][]; readonly fulfilled: number }>> = {
  "three deletes of three policies that all cover": { initial: ["a", "b", "c"], each: [["a", "gone"], ["b", "gone"], ["c", "gone"]], fulfilled: 2 },
  "a delete, an update that covers no longer, and a new cover": { initial: ["a", "b"], each: [["a", "gone"], ["b", "covers-not"], ["c", "covers"]], fulfilled: 3 },
  "a policy deleted and made again, and another one deleted": { initial: ["a", "b"], each: [["a", "gone"], ["a", "covers"], ["b", "gone"]], fulfilled: 3 },
  "two deletes of the same policy and one of another": { initial: ["a", "b"], each: [["a", "gone"], ["a", "gone"], ["b", "gone"]], fulfilled: 1 },
};

describe.each(Object.entries(SCENES))("%s", (_, { initial, each, fulfilled }) => {
  test.each(replicas.map((on) => [on.join(", "), on] as const))("on replicas %s: never jointly wrong, and as much is admitted as can be", (_on, on) => {
    const walked = walk(initial, wishes(on, ...each));
    expect(walked.broken).toBeUndefined();
    expect(walked.fulfilled).toBe(fulfilled);
    expect(walked.states).toBeGreaterThan(100);
  });
});

describe("the model sees a step that is left out", () => {
  const deletes = wishes([0, 1, 0], ["a", "gone"], ["b", "gone"], ["c", "gone"]);
  const brokenBy = (steps: Partial<Steps>) => walk(["a", "b", "c"], deletes, { ...STEPS, ...steps }).broken;

  test("nobody remembers what was admitted", () => {
    expect(brokenBy({ record: (ledger: Ledger) => ledger })).toBeDefined();
  });

  test("what one replica has seen is taken off the list without a word of the version", () => {
    expect(brokenBy({ sweep: (ledger, view) => ({ ...STEPS.sweep(ledger, view), seen: {} }) })).toBeDefined();
  });

  test("an old entry counts as observed, or as never stored, without a look", () => {
    expect(brokenBy({ expire: ({ seen, changes }, ids) => ({ seen, changes: changes.filter(({ id }) => !ids.has(id)) }) })).toBeDefined();
  });

  test("the ledger of others is not asked", () => {
    expect(brokenBy({ attempt: (_, view, candidate) => STEPS.attempt(EMPTY_LEDGER, view, candidate) })).toBeDefined();
  });
});
