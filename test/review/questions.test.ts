import { describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import type { Operation } from "../../src/model/admission.js";
import { judge, request, snapshotOf } from "./world.js";
import { namespace, packOf, pod, policy } from "../rules/inline-pack.js";

/** The engine as functions of CEL. */

const web = pod("shop", "web", "{app: web}");
const db = pod("shop", "db", "{app: db}");
const closed = policy("shop", "closed", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress]}");
const open = policy("shop", "open", "{podSelector: {matchLabels: {app: db}}, policyTypes: [Ingress], ingress: [{from: [{podSelector: {matchLabels: {app: web}}}], ports: [{port: 5432}]}]}");
const world = (...more: KubeObject[]) => snapshotOf(namespace("shop"), namespace("lab"), web, db, ...more);

/** What the expression is on a change, by way of a rule that forbids it to be true. */
function ask(expression: string, [operation, object, old]: readonly [Operation, KubeObject, KubeObject?], state: ReturnType<typeof world>): boolean | string {
  const packs = packOf(`{rules: [{id: r, check: cel-expression, enforcementAction: deny, with: {expression: "!(${expression})", says: "'it is true'"}}]}`);
  const [found] = judge(state, request(operation, object, old ? { old } : {}), packs).violations;
  return found === undefined ? false : found.message === "it is true" ? true : found.message.replace(/^.*failed: /, "");
}

describe("reaches", () => {
  const create = ["CREATE", open] as const;
  it.each<[string, boolean | string]>([
    ["reaches('shop/web', 'shop/db', 5432)", true],
    ["reaches('shop/web', 'shop/db', '5432')", true],
    ["reaches('shop/web', 'shop/db', '5432/TCP')", true],
    ["reaches('shop/web', 'shop/db', '5432/UDP')", false],
    ["reaches('shop/web', 'shop/db', 5433)", false],
    ["reaches('shop/db', 'shop/web', 80)", true],
    ["reaches('8.8.8.8', 'shop/db', 5432)", false],
    ["reaches('shop/db', '8.8.8.8', 53)", true],
    ["reaches({'namespace': 'shop', 'labels': {'app': 'web'}}, 'shop/db', 5432)", true],
    ["reaches({'namespace': 'shop'}, 'shop/db', 5432)", false],
    ["reaches({'namespace': 'lab', 'labels': {'app': 'web'}}, 'shop/db', 5432)", false],
    ["reaches('shop/gone', 'shop/db', 80)", "`shop/gone` is neither a pod of the cluster nor an address"],
    ["reaches('shop/web', 'shop/db', 0)", "`0` is no port; write `5432` or `'53/UDP'`"],
    ["reaches('shop/web', 'shop/db', 'http')", "`http` is no port; write `5432` or `'53/UDP'`"],
    ["reaches(1, 'shop/db', 80)", "an end is `'namespace/pod'`, an address, a Pod, or a map with `namespace` and `labels`"],
    ["reaches({'labels': {}}, 'shop/db', 80)", "a pod that could be is a map with `namespace` (a text) and `labels` (a map)"],
  ])("%s: %s", (expression, expected) => expect(ask(expression, create, world(closed))).toBe(expected));
  it("the address of a pod is the pod", () => {
    const address = (web as unknown as { status: { podIP: string } }).status.podIP;
    expect(ask(`reaches('${address}', 'shop/db', 5432)`, create, world(closed))).toBe(true);
  });
});

describe("opened and closed", () => {
  it("what a policy opens", () => {
    expect(ask("opened('shop/web', 'shop/db', 5432)", ["CREATE", open], world(closed))).toBe(true);
    expect(ask("closed('shop/web', 'shop/db', 5432)", ["CREATE", open], world(closed))).toBe(false);
    expect(ask("opened('shop/web', 'shop/db', 5432)", ["CREATE", open], world())).toBe(false);
  });
  it("what it closes", () => expect(ask("closed('lab/x', 'shop/db', 5432)", ["CREATE", open], world(pod("lab", "x")))).toBe(true));
  it("what a delete opens", () => expect(ask("opened('shop/web', 'shop/db', 80)", ["DELETE", closed], world(closed))).toBe(true));
  it("a pod that is created opens what it can reach", () => {
    expect(ask("opened(object, 'shop/db', 5432)", ["CREATE", pod("shop", "web2", "{app: web}")], world(open))).toBe(true);
    expect(ask("opened(object, 'shop/db', 5432)", ["CREATE", pod("shop", "other")], world(open))).toBe(false);
  });
  it("a label that lets a pod in", () => {
    const relabelled = { ...web, metadata: { ...web.metadata, labels: { app: "other" } } };
    expect(ask("opened(object, 'shop/db', 5432)", ["UPDATE", web, relabelled], world(open))).toBe(true);
  });
});

describe("isolated", () => {
  it.each<[string, boolean | string]>([
    ["isolated('shop/db', 'ingress')", true],
    ["isolated('shop/db', 'egress')", false],
    ["isolated('shop/db')", false],
    ["isolated('shop/web', 'ingress')", false],
    ["isolated({'namespace': 'shop', 'labels': {'app': 'db'}}, 'ingress')", true],
    ["isolated('8.8.8.8')", "only pods are isolated; an address is not"],
    ["isolated('shop/db', 'up')", "`up` is no direction; one of ingress, egress"],
  ])("%s: %s", (expression, expected) => expect(ask(expression, ["CREATE", closed], world())).toBe(expected));
  it("a pod that is created", () => expect(ask("isolated(object, 'ingress')", ["CREATE", pod("shop", "db2", "{app: db}")], world(closed))).toBe(true));
});

it("asking is counted: a hundred times at most", () => {
  const many = `[${Array.from({ length: 120 }, (_, i) => i).join(", ")}].all(i, reaches('shop/db', 'shop/web', 80))`;
  expect(ask(many, ["CREATE", closed], world())).toMatch(/costs more than 100000 steps/);
});
