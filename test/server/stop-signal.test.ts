import { expect, test } from "vitest";
import { stopSignal } from "../../src/server/stop-signal.js";

test.each(["SIGTERM", "SIGINT"] as const)("%s is told once; a second one finds Node's own way to end", async (signal) => {
  const before = process.listenerCount(signal);
  const stopped = stopSignal();
  expect(process.listenerCount(signal)).toBe(before + 1);
  process.emit(signal, signal);
  expect(await stopped).toBe(signal);
  expect(process.listenerCount(signal)).toBe(before);
});
