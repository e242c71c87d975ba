import { setImmediate as endOfTurn } from "node:timers/promises";
import { expect, test } from "vitest";
import { Outbox, type Posted } from "../../src/server/outbox.js";

const sending = (send: () => unknown): Posted => ({ send: () => void send(), tell: () => undefined });

test("sends the answers of one turn of the loop at its end, in their order", async () => {
  const [outbox, sent] = [new Outbox(), [] as number[]];
  for (const answer of [1, 2, 3]) outbox.post(sending(() => sent.push(answer)));
  await Promise.resolve();
  expect(sent).toEqual([]);
  await endOfTurn();
  expect(sent).toEqual([1, 2, 3]);
});

test("sends each once, those of a later turn too", async () => {
  const [outbox, sent] = [new Outbox(), [] as number[]];
  outbox.post(sending(() => sent.push(1)));
  await endOfTurn();
  outbox.post(sending(() => sent.push(2)));
  await endOfTurn();
  await endOfTurn();
  expect(sent).toEqual([1, 2]);
});

test("holds no answer back while others take long", async () => {
  const [outbox, sent] = [new Outbox(), [] as number[]];
  outbox.post(sending(() => sent.push(1)));
  const slow = performance.now() + 10;
  while (performance.now() < slow);
  outbox.post(sending(() => sent.push(2)));
  expect(sent).toEqual([1, 2]);
  outbox.post(sending(() => sent.push(3)));
  await endOfTurn();
  expect(sent).toEqual([1, 2, 3]);
});

test("takes what is posted while it sends", async () => {
  const [outbox, sent] = [new Outbox(), [] as number[]];
  outbox.post(sending(() => {
    sent.push(1);
    outbox.post(sending(() => sent.push(2)));
  }));
  await endOfTurn();
  await endOfTurn();
  expect(sent).toEqual([1, 2]);
});

test("sends at once what is ready before something that takes long", async () => {
  const [outbox, sent] = [new Outbox(), [] as number[]];
  outbox.post(sending(() => sent.push(1)));
  outbox.flush();
  expect(sent).toEqual([1]);
  await endOfTurn();
  expect(sent).toEqual([1]);
});

test("tells of answers when all of them are sent", async () => {
  const [outbox, seen] = [new Outbox(), [] as string[]];
  for (const answer of [1, 2]) outbox.post({ send: () => void seen.push(`sent ${answer}`), tell: () => void seen.push(`told ${answer}`) });
  await endOfTurn();
  expect(seen).toEqual(["sent 1", "sent 2", "told 1", "told 2"]);
});
