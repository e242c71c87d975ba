import { expect, test } from "vitest";
import type { Pod } from "../../src/model/endpoint.js";
import { groupBySight } from "../../src/proof/running.js";

const sightOf = (keys: readonly string[]) => ({ keys: new Set(keys), blocks: [], ports: false, serves: [], node: false });
const podOf = (name: string, labels: Pod["labels"]): Pod => ({ namespace: "a", name, labels, addresses: [], ports: [], hostNetwork: false, finished: false, origin: "pod" });

test("pods are alike when the labels that are read are alike, in whatever order", () => {
  const pods = [podOf("a", { x: "1", y: "2" }), podOf("b", { y: "2", x: "1", other: "3" }), podOf("c", { x: "1" }), podOf("d", { x: "2", y: "1" })];
  expect(groupBySight(pods, sightOf(["y", "x"]), () => false).map((group) => group.map(({ name }) => name))).toEqual([["a", "b"], ["c"], ["d"]]);
  expect(groupBySight(pods, sightOf(["x"]), () => false).map((group) => group.map(({ name }) => name))).toEqual([["a", "b", "c"], ["d"]]);
});

// One selector can read 20,000 keys, and thousands of pods run.
test("what is looked at of a pod are its labels, however many keys are read", () => {
  let looked = 0;
  const labels = new Proxy<Record<string, string>>({ x: "1" }, { get: (all, key) => (looked++, all[String(key)]), has: (all, key) => (looked++, key in all), getOwnPropertyDescriptor: (all, key) => (looked++, Object.getOwnPropertyDescriptor(all, key)) });
  const work = (count: number): number => {
    looked = 0;
    groupBySight([podOf("a", labels)], sightOf(["x", ...Array.from({ length: count }, (_, i) => `key-${i}`)]), () => false);
    return looked;
  };
  expect(work(1_000)).toBe(work(10));
  expect(looked).toBeGreaterThan(0);
});
