import { describe, expect, test } from "vitest";
import { reachability } from "../../src/engine/reachability.js";
import type { Snapshot } from "../../src/model/snapshot.js";
import { cluster, namespace, networkPolicy, pod, PODS_APART, PODS_BY_CIDR } from "./cluster.js";

/** For each pod, by name, which class it is of, numbered in order of appearance. */
function classes(snapshot: Snapshot, profile = PODS_APART): readonly number[] {
  const reach = reachability(snapshot, profile);
  const pods = [...snapshot.pods()].sort((a, b) => (a.name < b.name ? -1 : 1));
  const ends = pods.map((one) => reach.end({ kind: "pod", pod: one }));
  const ids = ends.map((end) => end.classIn(4).id);
  return ids.map((id) => [...new Set(ids)].indexOf(id));
}

const reads = (key: string) => networkPolicy("p", { podSelector: { matchExpressions: [{ key, operator: "Exists" }] } });

describe("classes of pods", () => {
  test("labels that no policy reads do not tell pods apart", () => {
    const pods = [pod("a", { labels: { app: "x", hash: "1" } }), pod("b", { labels: { hash: "2", app: "x" } }), pod("c", { labels: { app: "y", hash: "1" } })];
    expect(classes(cluster(...pods))).toEqual([0, 0, 0]);
    expect(classes(cluster(...pods, reads("app")))).toEqual([0, 0, 1]);
    expect(classes(cluster(...pods, reads("hash")))).toEqual([0, 1, 0]);
  });

  test("a label without a value differs from no label, and texts do not run into each other", () => {
    expect(classes(cluster(pod("a", { labels: { app: "" } }), pod("b"), reads("app")))).toEqual([0, 1]);
    const policy = networkPolicy("p", { podSelector: { matchLabels: { k: "v", "k2": "v2" } } });
    expect(classes(cluster(pod("a", { labels: { k: "v,k2=v2" } }), pod("b", { labels: { k: "v", k2: "v2" } }), policy))).toEqual([0, 1]);
  });

  test("the order of labels does not tell pods apart", () => {
    const policy = networkPolicy("p", { podSelector: { matchLabels: { app: "x", tier: "y" } } });
    expect(classes(cluster(pod("a", { labels: { app: "x", tier: "y" } }), pod("b", { labels: { tier: "y", app: "x" } }), policy))).toEqual([0, 0]);
  });

  test("namespaces tell pods apart", () => {
    expect(classes(cluster(pod("x/a"), pod("y/b"), pod("x/c"), namespace("x"), namespace("y")))).toEqual([0, 1, 0]);
  });

  test("ports tell pods apart by the names that policies read", () => {
    const withPort = (name: string, port: number) => pod(name, { ports: [{ name: "web", containerPort: port }] });
    const pods = [withPort("a", 80), withPort("b", 80), withPort("c", 81)];
    expect(classes(cluster(...pods))).toEqual([0, 0, 0]);
    expect(classes(cluster(...pods, networkPolicy("p", { ingress: [{ ports: [{ port: "web" }] }] })))).toEqual([0, 0, 1]);
  });

  test("addresses tell pods apart by the blocks that policies name, where blocks select pods", () => {
    const pods = [pod("a", { ips: ["10.0.0.1"] }), pod("b", { ips: ["10.0.0.2"] }), pod("c", { ips: ["10.1.0.1"] }), pod("d")];
    const policy = networkPolicy("p", { ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/16" } }] }] });
    expect(classes(cluster(...pods, policy))).toEqual([0, 0, 0, 0]);
    expect(classes(cluster(...pods, policy), PODS_BY_CIDR)).toEqual([0, 0, 1, 1]);
  });
});
