import { describe, expect, test } from "vitest";
import { dialects, isPolicyKind, policyKinds, readObject, readObjects, toPolicy } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";

const GARBAGE: readonly unknown[] = [null, undefined, 1, "x", [], {}, [null], { a: null }, true];

describe("every registered kind", () => {
  const kinds = dialects.flatMap(({ group, kinds: readers }) =>
    readers.flatMap((reader) => reader.versions.map((version) => ({ apiVersion: group === "" ? version : `${group}/${version}`, ...reader }))),
  );

  test.each(kinds)("$apiVersion $kind answers with one fact about itself, whatever it holds", ({ apiVersion, kind }) => {
    for (const spec of GARBAGE) {
      for (const status of GARBAGE) {
        const { facts } = readObject({ apiVersion, kind, metadata: { name: "x" }, spec, status });
        expect(facts).toHaveLength(1);
        expect(facts[0]?.fact).not.toBe("object");
      }
    }
  });

  test.each(kinds)("$apiVersion $kind is in a namespace only when it is namespaced", ({ apiVersion, kind, namespaced }) => {
    for (const metadata of [{ name: "x" }, { name: "x", namespace: "" }]) {
      const [fact] = readObject({ apiVersion, kind, metadata }).facts;
      if (fact?.fact === "policy") expect(fact.value.ref.namespace).toBe(namespaced ? "default" : undefined);
      if (fact?.fact === "pod") expect(fact.value.namespace).toBe("default");
    }
  });

  test.each(kinds)("$kind in a version that is not read is kept as an object, with a problem", ({ apiVersion, kind }) => {
    const future = `${apiVersion}9`;
    const { facts, problems } = readObject({ apiVersion: future, kind, metadata: { name: "x" } });
    expect(facts).toMatchObject([{ fact: "object" }]);
    expect(problems).toMatchObject([{ code: "object/unknown-version", path: "apiVersion" }]);
  });
});

describe("reading objects", () => {
  test.each(GARBAGE.map((value) => [value]))("%j is no object", (value) => {
    const { facts, problems } = readObject(value as KubeObject);
    expect(facts).toEqual([]);
    expect(problems).toHaveLength(1);
  });

  test.each([
    [{ apiVersion: "v1", kind: "Pod" }, "metadata"],
    [{ apiVersion: "v1", kind: "Pod", metadata: {} }, "metadata.name"],
    [{ apiVersion: "v1", kind: "Pod", metadata: { name: 1 } }, "metadata.name"],
    [{ apiVersion: "v1", kind: "Pod", metadata: { name: "x", namespace: 7 } }, "metadata.namespace"],
    [{ apiVersion: 1, kind: "Pod", metadata: { name: "x" } }, "apiVersion"],
    [{ apiVersion: "v1", metadata: { name: "x" } }, "kind"],
  ])("%j has no identity", (object, path) => {
    const { facts, problems } = readObject(object as unknown as KubeObject);
    expect(facts).toEqual([]);
    expect(problems).toMatchObject([{ path }]);
  });

  test("a generated name is not known yet, and that is no problem", () => {
    expect(readObject({ apiVersion: "v1", kind: "Pod", metadata: { generateName: "web-" } }).problems).toEqual([]);
  });

  test("other objects are kept; built-in namespaced kinds without a namespace are in `default`", () => {
    const objects: KubeObject[] = [
      { apiVersion: "v1", kind: "Service", metadata: { name: "s" } },
      { apiVersion: "example.com/v1", kind: "Space", metadata: { name: "cluster-wide" } },
      { apiVersion: "example.com/v1", kind: "Thing", metadata: { name: "t", namespace: "shop" } },
    ];
    const { changes, problems } = readObjects(objects);
    const snapshot = Snapshot.EMPTY.with(changes);
    expect(problems).toEqual([]);
    expect([...snapshot.objectsOf("", "Service").keys()]).toEqual(["default/s"]);
    expect([...snapshot.objectsOf("example.com", "Space").keys()]).toEqual(["cluster-wide"]);
    expect([...snapshot.objectsOf("example.com", "Thing").keys()]).toEqual(["shop/t"]);
  });

  test("a List gives its items, with paths into them", () => {
    const items = [{ apiVersion: "v1", kind: "Pod", metadata: { name: "a" } }, { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p" }, spec: { x: 1 } }, null];
    const { facts, problems } = readObject({ apiVersion: "v1", kind: "List", items } as unknown as KubeObject);
    expect(facts.map(({ fact }) => fact)).toEqual(["pod", "policy"]);
    expect(problems.map(({ path }) => path)).toEqual(["items[1].spec.x", "items[2]"]);
  });

  test("problems of many objects name theirs", () => {
    const { problems } = readObjects([{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p", namespace: "shop" }, spec: { x: 1 } }]);
    expect(problems).toMatchObject([{ path: "spec.x", object: { kind: "NetworkPolicy", namespace: "shop", name: "p" } }]);
  });

  test("policies that no dialect reads are not passed over", () => {
    const object: KubeObject = { apiVersion: "cilium.io/v2", kind: "CiliumNetworkPolicy", metadata: { name: "p", namespace: "shop" } };
    expect(toPolicy(object)).toMatchObject({ problems: [{ code: "policy/unread-kind" }] });
    expect(toPolicy(object).policy).toBeUndefined();
  });

  test("the kinds read as policies", () => {
    expect(policyKinds.map(({ resource }) => resource)).toEqual(["networkpolicies", "adminnetworkpolicies", "baselineadminnetworkpolicies", "clusternetworkpolicies"]);
    expect(isPolicyKind({ group: "networking.k8s.io", kind: "NetworkPolicy" })).toBe(true);
    expect(isPolicyKind({ group: "", kind: "Pod" })).toBe(false);
  });
});
