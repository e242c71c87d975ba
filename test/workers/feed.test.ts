import { setImmediate as turn } from "node:timers/promises";
import { expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { Condition } from "../../src/model/readiness.js";
import { Snapshot, type Change } from "../../src/model/snapshot.js";
import { Feed } from "../../src/workers/feed.js";
import type { ToWorker } from "../../src/workers/messages.js";
import { changesOf } from "../../src/workers/told.js";
import { plain } from "./plain.js";

const namespace = (name: string): readonly Change[] => readObjects([{ apiVersion: "v1", kind: "Namespace", metadata: { name, resourceVersion: "1" } }]).changes;
const many = Array.from({ length: 1_200 }, (_, index) => namespace(`n-${index}`)).flat();

/** A primary's state that grows, and what a worker has heard of it. */
function setUp() {
  const state = { snapshot: Snapshot.EMPTY.with(many), version: 1, conditions: [] as Condition[] };
  const told: ToWorker[] = [];
  const sent: (() => void)[] = [];
  const feed = new Feed({ tell: (one) => (told.push(structuredClone(one)), new Promise((resolve) => void sent.push(resolve))), versions: () => ({ Namespace: String(state.version) }), conditions: () => state.conditions });
  const change = (changes: readonly Change[]): void => {
    state.snapshot = state.snapshot.with(changes);
    state.version += 1;
    feed.changed(changes);
  };
  const heard = (): Snapshot => told.reduce((snapshot, { changes }) => (changes ? snapshot.with(changesOf(changes)) : snapshot), Snapshot.EMPTY);
  const send = async (): Promise<void> => {
    for (let next = sent.shift(); next; next = sent.shift()) {
      next();
      await turn();
    }
  };
  return { state, told, sent, feed, change, heard, send };
}

test("the whole state comes in pieces, then what changed meanwhile, and only then the word to serve", async () => {
  const { state, told, sent, feed, change, heard, send } = setUp();
  change(namespace("older"));
  const begun = feed.begin(state.snapshot, () => ({ packs: { objects: [], options: {} as never, digest: `at ${state.version}` } }));
  change(namespace("meanwhile"));
  change([{ remove: { group: "", kind: "Namespace", name: "n-0" } }]);
  await turn();
  expect(told).toHaveLength(1);
  sent.shift()?.();
  await turn();
  change(namespace("later"));
  await send();
  await begun;
  expect(plain(heard())).toEqual(plain(state.snapshot));
  expect(told.map(({ whole }) => whole ?? false)).toEqual([...told.slice(1).map(() => false), true]);
  expect(told.at(-1)?.packs?.digest).toBe("at 5");
  // No version before all that it stands for.
  expect(told.slice(0, 3).map(({ versions }) => versions)).toEqual([undefined, undefined, undefined]);
  expect(told.at(-2)?.versions).toEqual({ Namespace: "5" });
});

test("versions never come before the changes that they stand for", async () => {
  const { state, told, feed, change, send } = setUp();
  void feed.begin(state.snapshot, () => ({}));
  await send();
  told.length = 0;
  change(namespace("a"));
  change(namespace("b"));
  feed.flush();
  expect(told).toMatchObject([{ versions: { Namespace: "3" } }]);
  expect(told[0]?.changes).toHaveLength(2);
  state.version = 9;
  change(namespace("c"));
  feed.look(60_000);
  expect(told.slice(1)).toMatchObject([{ changes: [{}], versions: { Namespace: "10" } }, { versions: { Namespace: "10" } }]);
  await turn();
  expect(told).toHaveLength(3);
});

test("says that all is as it was only so often", async () => {
  const { state, told, feed, send } = setUp();
  void feed.begin(state.snapshot, () => ({}));
  await send();
  told.length = 0;
  feed.look(60_000);
  expect(told).toEqual([]);
  feed.look(0);
  expect(told).toHaveLength(1);
  state.conditions = [{ name: "sync Pod", ok: false, detail: "" }];
  feed.look(60_000);
  expect(told[1]).toEqual({ versions: { Namespace: "1" }, conditions: state.conditions });
});
