import { describe, expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";

const object = (apiVersion: string, kind: string, metadata: KubeObject["metadata"]): KubeObject => ({ apiVersion, kind, metadata, spec: {} });
const pod = object("v1", "Pod", { name: "p", namespace: "shop", labels: { app: "web" } });
const policy = object("networking.k8s.io/v1", "NetworkPolicy", { name: "np", namespace: "shop" });
const service = object("v1", "Service", { name: "s", namespace: "shop" });
const node = object("v1", "Node", { name: "n" });
const changes = (...objects: KubeObject[]) => readObjects(objects).changes;

describe("a snapshot", () => {
  const full = Snapshot.EMPTY.with(changes(pod, policy, service, node));
  const ref = { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "np" };

  test("finds what was put into it", () => {
    expect(full.pod("shop", "p")?.labels).toEqual({ app: "web" });
    expect(full.policy(ref)?.ref).toEqual(ref);
    expect([...full.objectsOf("", "Service").keys()]).toEqual(["shop/s"]);
    expect([...full.nodes.keys()]).toEqual(["n"]);
    expect([...full.policies()]).toHaveLength(1);
  });

  test("knows namespaces without an object by their name", () => {
    expect(full.namespace("nowhere").labels).toEqual({ "kubernetes.io/metadata.name": "nowhere" });
  });

  test("is not touched by what is made of it, and shares what stays", () => {
    const without = full.with([{ remove: ref }]);
    expect(without.policy(ref)).toBeUndefined();
    expect(full.policy(ref)).toBeDefined();
    expect(without.nodes).toBe(full.nodes);
    expect(without.namespaces.get("shop")?.pods).toBe(full.namespaces.get("shop")?.pods);
  });

  test("loses everything in a namespace with the namespace", () => {
    const without = full.with([{ remove: { group: "", kind: "Namespace", name: "shop" } }]);
    expect([...without.pods(), ...without.policies(), ...without.objectsOf("", "Service")]).toEqual([]);
  });

  test("keeps what lies in a namespace that goes alone, and forgets the namespace with the last of it", () => {
    const namespace = { group: "", kind: "Namespace", name: "shop" };
    const labelled = full.with(changes(object("v1", "Namespace", { name: "shop", labels: { team: "a" } })));
    const without = labelled.with([{ remove: namespace, alone: true }]);
    expect(without.namespace("shop").labels).toEqual({ "kubernetes.io/metadata.name": "shop" });
    expect([[...without.pods()].length, [...without.policies()].length, without.objectsOf("", "Service").size]).toEqual([1, 1, 1]);
    const fewer = without.with([{ remove: ref, alone: true }]);
    expect([...fewer.namespaces.keys()]).toEqual(["shop"]);
    expect([...fewer.with([{ remove: { group: "", kind: "Pod", namespace: "shop", name: "p" }, alone: true }]).namespaces.keys()]).toEqual([]);
    expect([...labelled.with([{ remove: ref, alone: true }, { remove: { group: "", kind: "Pod", namespace: "shop", name: "p" }, alone: true }]).namespaces.keys()]).toEqual(["shop"]);
  });

  test.each([
    { group: "", kind: "Pod", namespace: "none", name: "p" },
    { group: "", kind: "Namespace", name: "none" },
    { group: "example.com", kind: "Thing", name: "none" },
  ])("does not mind the removal of what is not there: %j", (missing) => {
    expect([...full.with([{ remove: missing }]).pods()]).toHaveLength(1);
    expect([...full.with([{ remove: missing }]).namespaces.keys()]).toEqual(["shop"]);
  });
});
