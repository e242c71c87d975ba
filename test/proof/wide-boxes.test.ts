import { describe, expect, test } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { portRange } from "../../src/model/traffic.js";
import { holds, regression } from "../../src/proof/prove.js";
import type { Counterexample, Flow, Proof } from "../../src/proof/question.js";
import { IpSet } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";

/** Selectors of so many expressions that no proof could look at each of them. */

const context = { profile: { cidrSelectsPods: true }, budget: { steps: 20_000 } };
const MANY = 20_000;

type Expression = { readonly key: string; readonly operator: string; readonly values?: readonly string[] };

function expressions(operator: string, count = MANY): Expression[] {
  return Array.from({ length: count }, (_, i) => ({ key: `key-${i}`, operator, ...(operator.endsWith("In") && { values: ["a", "b"] }) }));
}

function policy(name: string, podSelector: object, egress?: readonly object[]): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace: "shop", name }, spec: { podSelector, policyTypes: ["Egress"], ...(egress && { egress }) } };
}

const deny = (matchExpressions: readonly Expression[], name = "deny"): KubeObject => policy(name, { matchExpressions });
const allow = (matchExpressions: readonly Expression[], name = "allow"): KubeObject => policy(name, { matchExpressions }, [{}]);

function snapshotOf(...objects: readonly KubeObject[]): Snapshot {
  return Snapshot.EMPTY.with(readObjects(objects).changes);
}

function out(snapshot: Snapshot): Flow {
  return { subject: { namespace: snapshot.namespace("shop"), pods: LabelBox.ALL, ports: [] }, direction: "egress", anyOf: [{ peers: [{ kind: "addresses", addresses: IpSet.ALL_V4 }], traffic: portRange("TCP", 443) }] };
}

function ask(...objects: readonly KubeObject[]): Proof {
  const snapshot = snapshotOf(...objects);
  return holds(snapshot, out(snapshot), context);
}

function found(proof: Proof): Counterexample {
  if (proof.answer !== "counterexample") throw new Error(`expected a counterexample, not ${proof.answer}`);
  return proof.counterexample;
}

describe("a selector of 20,000 expressions", () => {
  test.each([["DoesNotExist", { "key-0": "other" }], ["NotIn", { "key-0": "a" }], ["Exists", {}], ["In", {}]])("%s: who is not selected is found, with as few labels as can be", (operator, labels) => {
    expect(found(ask(deny([]), allow(expressions(operator)))).subject.labels).toEqual(labels);
  });

  test.each([["DoesNotExist", undefined, 0], ["NotIn", undefined, 0], ["Exists", "other", MANY], ["In", "a", MANY]])("%s: so is who is", (operator, value, count) => {
    const { labels } = found(ask(deny(expressions(operator)))).subject;
    expect([Object.keys(labels).length, labels["key-19999"]]).toEqual([count, value]);
  });

  test("is covered by two that share a key and differ in it", () => {
    const others = expressions("Exists").slice(1);
    const [exists, lacks] = ["Exists", "DoesNotExist"].map((operator) => ({ key: "key-0", operator }));
    if (!exists || !lacks) throw new Error("two expressions");
    expect(ask(deny(others), allow([exists, ...others], "one"), allow([lacks, ...others], "other")).answer).toBe("proven");
    expect(found(ask(deny(others), allow([exists, ...others], "one"))).subject.labels).not.toHaveProperty("key-0");
  });

  test("is read key by key where others read a key", () => {
    const many = expressions("Exists");
    expect(ask(deny(many), allow([{ key: "key-7", operator: "Exists" }])).answer).toBe("proven");
    expect(found(ask(deny(many), allow([{ key: "key-7", operator: "In", values: ["x"] }]))).subject.labels["key-7"]).toBe("other");
    expect(ask(deny(expressions("DoesNotExist")), allow([{ key: "key-7", operator: "NotIn", values: ["x"] }])).answer).toBe("proven");
  });

  test("that is changed in one expression loses those that the change leaves out", () => {
    const many = expressions("NotIn");
    const [before, after] = [snapshotOf(deny([]), allow(many)), snapshotOf(deny([]), allow([...many, { key: "one", operator: "DoesNotExist" }]))];
    const asked = { flow: out(after), context };
    expect(found(regression(before, after, asked)).subject.labels).toEqual({ one: "other" });
    expect(regression(after, before, asked).answer).toBe("proven");
  });

  test("costs no more steps than one of 100", () => {
    const steps = (count: number): number => ask(deny([]), allow(expressions("NotIn", count))).steps;
    expect(steps(MANY)).toBe(steps(100));
  });
});

describe("an expression of 100,000 values", () => {
  const list = (count: number, first = 0): string[] => Array.from({ length: count }, (_, i) => `v-${first + i}`);
  const isIn = (values: readonly string[], operator = "In"): Expression[] => [{ key: "app", operator, values }];

  test("is decided in as many steps as one of 100", () => {
    const steps = (count: number, operator: string): number => ask(deny([]), allow(isIn(list(count), operator))).steps;
    for (const operator of ["In", "NotIn"]) expect(steps(100_000, operator)).toBe(steps(100, operator));
  });

  test("is left by who has another value, or one of them", () => {
    expect(found(ask(deny([]), allow(isIn(list(100_000))))).subject.labels).toEqual({});
    expect(found(ask(deny([]), allow(isIn(list(100_000), "NotIn")))).subject.labels.app).toMatch(/^v-\d+$/);
    expect(found(ask(deny(isIn(["w"], "NotIn")), allow(isIn(list(100_000))), allow([{ key: "app", operator: "DoesNotExist" }], "none"))).subject.labels).toEqual({ app: "other" });
  });

  test("is told apart from others value by value", () => {
    const [first, second] = [list(1_000), list(1_000, 500)];
    expect(ask(deny(isIn(first)), allow(isIn(first.slice(0, 500)), "one"), allow(isIn(second), "other")).answer).toBe("proven");
    expect(found(ask(deny(isIn(first)), allow(isIn(first.slice(0, 400)), "one"), allow(isIn(second), "other"))).subject.labels.app).toMatch(/^v-4\d\d$/);
    expect(found(ask(deny(isIn(first)), allow(isIn(second, "NotIn")), allow(isIn(["v-500"]), "one"))).subject.labels.app).toBe("v-501");
  });
});
