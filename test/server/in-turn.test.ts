import { expect, test } from "vitest";
import { InTurn } from "../../src/server/in-turn.js";

const here = new AbortController().signal;

test("works on one answer at a time, and refuses past 32", async () => {
  const turn = new InTurn();
  const order: string[] = [];
  function* steps(name: string): Generator<undefined, string> {
    order.push(`${name} begins`);
    yield;
    order.push(`${name} ends`);
    return name;
  }
  const all = await Promise.all(Array.from({ length: 33 }, (_, i) => turn.work(() => steps(String(i)), here)));
  expect(all.filter((answer) => answer === undefined)).toHaveLength(1);
  expect(order.slice(0, 4)).toEqual(["0 begins", "0 ends", "1 begins", "1 ends"]);
  const broken = turn.work(() => { throw new Error("broken"); }, here);
  await expect(broken).rejects.toThrow("broken");
  expect(await turn.work(() => steps("after"), here)).toBe("after");
});

test("leaves work that nobody waits for any more", async () => {
  const turn = new InTurn();
  const gone = new AbortController();
  let steps = 0;
  function* endless(): Generator<undefined, never> {
    for (;;) {
      if (++steps === 3) gone.abort();
      yield;
    }
  }
  expect(await turn.work(endless, gone.signal)).toBeUndefined();
  const before = steps;
  expect(await turn.work(endless, gone.signal)).toBeUndefined();
  expect(steps).toBe(before);
});
