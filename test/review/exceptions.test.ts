import { describe, expect, it } from "vitest";
import type { Decision } from "../../src/model/decision.js";
import { ruleId } from "../../src/model/violation.js";
import { parseException } from "../../src/packs/exception.js";
import { warningsOf } from "../../src/reports/denial.js";
import { review } from "../../src/review/review.js";
import { kfCluster, request, rulesOf, shippedPacks, snapshotOf, stored } from "./world.js";
import { namespace, one, pod, policy } from "../rules/inline-pack.js";

/** What an exception lets through, and what it does not. */

const NOW = Date.parse("2027-01-01T12:00:00Z");
const shipped = shippedPacks();
const exception = (fields: string, name = "x") => parseException(one(`{apiVersion: sluice.dev/v1alpha1, kind: PolicyException, metadata: {name: ${name}}, spec: {reason: moving out, ${fields}}}`));
const good = "owner: payments, expires: 2027-03-31";

function judge(asked: ReturnType<typeof request>, fields: readonly string[], { snapshot = snapshotOf(namespace("old"), namespace("new")), now = NOW } = {}): Decision {
  return review(asked, { snapshot, packs: { ...shipped, exceptions: fields.map((one, i) => exception(one, `x${i}`)) }, now });
}

const excepted = ({ violations }: Decision): string[] => violations.filter(({ exception: by }) => by).map(ruleId);

describe("a pod in a namespace without a baseline", () => {
  const created = (place: string) => request("CREATE", pod(place, "web"));
  it("is held", () => expect(rulesOf(judge(created("old"), []))).toEqual(["baseline/default-deny"]));
  it("is admitted while somebody answers for it, with who and until when", () => {
    const decision = judge(created("old"), [`${good}, rules: ['baseline/*'], namespaces: [old]`]);
    expect(decision.allowed).toBe(true);
    expect(warningsOf(decision)[0]).toMatch(/^\[baseline\/default-deny\] .*; excepted by `x0` of payments until 2027-03-31$/);
  });
  it.each([
    ["another namespace", `${good}, rules: ['baseline/*'], namespaces: [new]`],
    ["another rule", `${good}, rules: [baseline/dns], namespaces: [old]`],
    ["another user", `${good}, rules: ['baseline/*'], namespaces: [old], users: [boss]`],
    ["another object", `${good}, rules: ['baseline/*'], namespaces: [old], objects: [{kind: Pod, name: db}]`],
  ])("is held when the exception is for %s", (_what, fields) => {
    const decision = judge(created("old"), [fields]);
    expect([decision.allowed, decision.warnings]).toEqual([false, []]);
  });
  it.each([
    ["it has ended", "owner: payments, expires: 2026-12-31, rules: ['baseline/*']", "[baseline/default-deny] exception `x0` of payments ended (2026-12-31) and does not count any more"],
    ["nobody owns it", "expires: 2027-12-31, rules: ['baseline/*']", "[baseline/default-deny] exception `x0` does not count: nobody answers for it: give its `owner`"],
    ["it has no end", "owner: payments, rules: ['baseline/*']", "[baseline/default-deny] exception `x0` does not count: it has no end: give `expires`"],
  ])("is held when %s, and the answer says so", (_what, fields, warning) => {
    const decision = judge(created("old"), [fields]);
    expect([decision.allowed, decision.warnings]).toEqual([false, [warning]]);
  });
  it("the same request, a moment apart: the end is an instant", () => {
    const until = `owner: payments, expires: 2027-01-01T12:00:00Z, rules: ['baseline/*']`;
    expect([NOW - 1, NOW].map((now) => judge(created("old"), [until], { now }).allowed)).toEqual([true, false]);
  });
  it("labels of the pod or of its namespace except nobody", () => {
    const labelled = snapshotOf(namespace("old", "{sluice.dev/exempt: 'true', sluice.dev/exception: x0}"));
    const asked = request("CREATE", pod("old", "web", "{sluice.dev/exempt: 'true', sluice.dev/exception: x0}"));
    expect(judge(asked, [`${good}, rules: ['baseline/*'], namespaces: [new]`], { snapshot: labelled }).allowed).toBe(false);
  });
  it("is admitted without a word with `becomes: dryrun`, whatever else covers it", () => {
    const decision = judge(created("old"), ["owner: b, expires: 2027-09-01, rules: ['baseline/*']", `${good}, rules: ['*/*'], becomes: dryrun`]);
    expect([decision.allowed, warningsOf(decision), decision.violations.map(({ action, exception: by }) => [action, by?.name])]).toEqual([true, [], [["dryrun", "x1"]]]);
  });
  it("of several the one that ends last is named", () => {
    const decision = judge(created("old"), ["owner: a, expires: 2027-02-01, rules: ['baseline/*']", "owner: b, expires: 2027-09-01, rules: ['baseline/*']"]);
    expect(decision.violations[0]?.exception).toEqual({ name: "x1", owner: "b", expires: "2027-09-01" });
  });
});

describe("a policy in one namespace that breaks flows of several", () => {
  const cut = policy("kube-system", "dns-for-few", "{podSelector: {matchLabels: {k8s-app: kube-dns}}, policyTypes: [Ingress], ingress: []}");
  const asked = request("CREATE", cut);
  const snapshot = kfCluster();
  it("an exception for one of them excepts that one: the others are told and refuse", () => {
    const decision = judge(asked, [`${good}, rules: ['*/dns'], namespaces: [space-open]`], { snapshot });
    const spaces = decision.violations.filter((violation) => ruleId(violation) === "kf/dns");
    expect(spaces.map(({ action, exception: by }) => [action, by?.name])).toEqual([["deny", undefined], ["warn", "x0"]]);
    expect(spaces[0]?.message).not.toContain("space-open");
    expect(spaces[1]?.message).toContain("space-open");
  });
  it("one for the namespace of the policy excepts nothing: it is not what breaks", () => {
    const decision = judge(asked, [`${good}, rules: ['kf/*'], namespaces: [kube-system]`], { snapshot });
    expect([decision.allowed, excepted(decision)]).toEqual([false, []]);
  });
  it("one without namespaces covers those that do not exist yet", () => {
    const decision = judge(asked, [`${good}, rules: ['*/dns', kf/system]`], { snapshot });
    expect([decision.allowed, rulesOf(decision)]).toEqual([true, []]);
    expect(excepted(decision)).toContain("baseline/dns");
  });
});

describe("other rules", () => {
  it("about the object alone", () => {
    const created = request("CREATE", namespace("fresh"));
    expect(rulesOf(judge(created, []))).toEqual(["baseline/declared"]);
    expect(judge(created, [`${good}, rules: [baseline/declared], namespaces: [fresh]`]).allowed).toBe(true);
    expect(judge(created, [`${good}, rules: [baseline/declared], objects: [{kind: Namespace, name: 'fresh*'}]`]).allowed).toBe(true);
  });
  it("a part that cannot be read", () => {
    const broken = request("CREATE", policy("old", "p", "{podSelector: {}, ingress: [{from: [{bogus: 1}]}]}"));
    expect(rulesOf(judge(broken, []))).toContain("sluice/readable");
    expect(judge(broken, [`${good}, rules: [sluice/readable], namespaces: [old]`]).allowed).toBe(true);
  });
  it("what a controller makes of the object: an exception for either rule counts", () => {
    const space = stored("Space", undefined, "space-open");
    const closed = { ...space, spec: { ...(space["spec"] as object), networkConfig: { appNetworkPolicy: { ingress: "DenyAll", egress: "DenyAll" }, buildNetworkPolicy: { ingress: "DenyAll", egress: "DenyAll" } } } };
    const packs = shippedPacks({ "kf.denyAllWithoutPolicies": "deny" });
    const snapshot = kfCluster();
    const ask = (...rules: string[]): Decision =>
      review(request("UPDATE", closed, { old: space }), { snapshot, packs: { ...packs, exceptions: rules.map((rule) => exception(`${good}, rules: ['${rule}'], namespaces: [space-open]`)) }, now: NOW });
    expect(rulesOf(ask())).toEqual(["kf/space"]);
    expect(ask("kf/space").allowed).toBe(true);
    expect(ask("kf/*").allowed).toBe(true);
    expect(ask("kf/dns").allowed).toBe(false);
  });
});
