import { expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import { Snapshot, type Change } from "../../src/model/snapshot.js";
import { loadManifests } from "../../src/sources/files.js";
import { unwrap } from "../../src/commands/command.js";
import { changesOf, piecesOf, toldOf } from "../../src/workers/told.js";
import { plain } from "./plain.js";

/** As the channel between processes copies it. */
const copied = <T>(value: T): T => structuredClone(value);

const node = { apiVersion: "v1", kind: "Node", metadata: { name: "node-1", labels: { zone: "a" } }, status: { addresses: [{ type: "InternalIP", address: "10.0.0.7" }, { type: "Hostname", address: "node-1" }] } };

async function example(): Promise<readonly Change[]> {
  const { objects } = unwrap(await loadManifests(["examples/kf-cluster"]), "the example");
  return readObjects([...objects, node]).changes;
}

test("a state that is told in pieces arrives whole, whatever the order of its parts", async () => {
  const snapshot = Snapshot.EMPTY.with(await example());
  const pieces = copied([...piecesOf(snapshot, 7)]);
  expect(pieces.length).toBeGreaterThan(5);
  const arrived = pieces.reduce((state, told) => state.with(changesOf(told)), Snapshot.EMPTY);
  expect(plain(arrived)).toEqual(plain(snapshot));
  expect([...arrived.pods()].length).toBeGreaterThan(0);
  expect(arrived.nodes.get("node-1")?.addresses).toHaveLength(1);
});

test("changes arrive in their order, an object of several facts once", async () => {
  const changes = await example();
  const removed: Change = { remove: { group: "", kind: "Namespace", name: "space-closed" }, alone: true };
  const told = copied(toldOf([...changes, removed, ...changes.slice(0, 3)]));
  expect(told.length).toBeLessThanOrEqual(changes.length + 4);
  expect(plain(Snapshot.EMPTY.with(changesOf(told)))).toEqual(plain(Snapshot.EMPTY.with([...changes, removed, ...changes.slice(0, 3)])));
});
