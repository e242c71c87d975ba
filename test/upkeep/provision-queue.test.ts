import { expect, test, vi } from "vitest";
import { DEFAULT_PACE, pauseAfter } from "../../src/upkeep/provision-pace.js";
import { NamespaceQueue } from "../../src/upkeep/provision-queue.js";

/** Work that ends when it is told to. */
function held() {
  const begun: string[] = [];
  const ends = new Map<string, () => void>();
  const queue = new NamespaceQueue((name) => {
    begun.push(name);
    return new Promise<void>((resolve) => ends.set(name, resolve));
  });
  return { queue, begun, end: (name: string) => ends.get(name)?.() };
}

test("works on four names together, in order, on each once at a time", async () => {
  const { queue, begun, end } = held();
  for (const name of ["a", "b", "c", "d", "e", "a"]) queue.add(name);
  expect(begun).toEqual(["a", "b", "c", "d"]);
  end("b");
  await vi.waitFor(() => expect(begun).toEqual(["a", "b", "c", "d", "e"]));
  end("a");
  await vi.waitFor(() => expect(begun.slice(5)).toEqual(["a"]));
  expect(queue.has("b")).toBe(false);
});

test("a name that is due stays due when it is put off, and one that is put off is due when it is added", async () => {
  const { queue, begun } = held();
  queue.add("a", 60_000);
  expect([queue.has("a"), begun.length]).toEqual([true, 0]);
  queue.add("a");
  queue.add("a", 60_000);
  expect(begun).toEqual(["a"]);
  queue.stop();
});

test("what is taken out or stopped does not begin", async () => {
  const { queue, begun, end } = held();
  for (const name of ["a", "b", "c", "d", "e", "f"]) queue.add(name);
  queue.remove("e");
  end("a");
  await vi.waitFor(() => expect(begun.at(-1)).toBe("f"));
  queue.add("g");
  queue.stop();
  end("b");
  queue.add("h");
  await new Promise((resolve) => setImmediate(resolve));
  expect(begun).not.toContain("g");
  expect(begun).not.toContain("h");
});

test("pauses double up to their limit, each between a half and the whole", () => {
  for (const [failures, whole] of [[1, 250], [2, 500], [5, 4_000], [8, 30_000], [400, 30_000]] as const) {
    const pause = pauseAfter(failures, DEFAULT_PACE);
    expect(pause).toBeGreaterThanOrEqual(whole / 2);
    expect(pause).toBeLessThanOrEqual(whole);
  }
});
