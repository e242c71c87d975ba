import { describe, expect, it } from "vitest";
import { betweenRequests } from "../../src/server/idle-work.js";

function* steps(count: number, each: () => void): Generator<undefined> {
  for (let i = 0; i < count; i++) {
    each();
    yield;
  }
}

const spin = (milliseconds: number): void => {
  for (const end = performance.now() + milliseconds; performance.now() < end; );
};
const until = async (isDone: () => boolean): Promise<void> => {
  while (!isDone()) await new Promise((resolve) => setTimeout(resolve, 5));
};

describe("work between requests", () => {
  it("is done in slices, and others have their turn in between", async () => {
    let [done, turns] = [0, 0];
    betweenRequests(steps(20, () => { spin(3); done++; }));
    await until(() => { turns++; return done === 20; });
    expect(turns).toBeGreaterThan(3);
  });
  it("stops when told to", async () => {
    let done = 0;
    const stop = betweenRequests(steps(1_000, () => { spin(3); done++; }));
    await until(() => done > 0);
    stop();
    const then = done;
    await new Promise((resolve) => setTimeout(resolve, 50));
    expect(done).toBe(then);
  });
});
