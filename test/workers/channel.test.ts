import { expect, test } from "vitest";
import { Channel } from "../../src/workers/channel.js";

interface Sums {
  add(given: readonly number[]): Promise<number>;
  fail(given: undefined): Promise<never>;
  never(given: undefined): Promise<never>;
}
type None = Record<never, never>;

/** Two ends in one process; messages are copied, as between processes. */
function pair(heard: string[] = []) {
  const answers: Sums = {
    add: async (numbers) => numbers.reduce((a, b) => a + b, 0),
    fail: async () => Promise.reject(new Error("no such sum")),
    never: () => new Promise<never>(() => undefined),
  };
  const near: Channel<Sums, None, string, string> = new Channel({ send: (message, sent) => (far.receive(structuredClone(message)), sent(null)), answers: {}, hear: (text) => void heard.push(text) });
  const far: Channel<None, Sums, string, string> = new Channel({ send: (message, sent) => (near.receive(structuredClone(message)), sent(null)), answers, hear: (text) => void heard.push(text), beforeAnswer: () => void far.tell("before") });
  return { near, far };
}

test("asks, and gets what the other end answers or what went wrong there", async () => {
  const { near } = pair();
  expect(await Promise.all([near.ask("add", [1, 2], 1_000), near.ask("add", [3], 1_000)])).toEqual([3, 3]);
  await expect(near.ask("fail", undefined, 1_000)).rejects.toThrow("no such sum");
});

test("an answer comes behind what it rests on", async () => {
  const heard: string[] = [];
  const { near } = pair(heard);
  await near.ask("add", [1], 1_000).then((sum) => heard.push(`sum ${sum}`));
  expect(heard).toEqual(["before", "sum 1"]);
});

test("nobody waits for ever: neither past the time, nor for an end that is gone", async () => {
  const { near } = pair();
  await expect(near.ask("never", undefined, 5)).rejects.toThrow("no answer to `never` within 5 ms");
  const waiting = near.ask("never", undefined, 60_000);
  near.close(new Error("gone"));
  await expect(waiting).rejects.toThrow("gone");
  await expect(near.ask("add", [1], 1_000)).rejects.toThrow("gone");
  await near.tell("into the void");
});

test("what cannot be sent is told to whoever asks", async () => {
  const broken: Channel<Sums, None, string, string> = new Channel({ send: (_, sent) => sent(new Error("broken pipe")), answers: {}, hear: () => undefined });
  await expect(broken.ask("add", [1], 1_000)).rejects.toThrow("broken pipe");
});
