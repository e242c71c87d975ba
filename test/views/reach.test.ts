import { expect, test } from "vitest";
import { endsNamedLike, reachOf, type ReachQuestion } from "../../src/views/reach.js";
import { SHOP, snapshotOf } from "./clusters.js";

const snapshot = snapshotOf(SHOP);

function reach(question: Partial<ReachQuestion>) {
  const result = reachOf({ from: "shop/web", to: "shop/db", port: "", ...question }, snapshot, { cidrSelectsPods: true });
  return result.ok ? result.value : result.problems.map(({ message }) => message);
}

test("says on what one end reaches another, and which rule allows it", () => {
  expect(reach({})).toEqual({
    src: "pod `shop/web`", dst: "pod `shop/db`", ports: "TCP 5432",
    answers: [{
      src: "pod `shop/web`", dst: "pod `shop/db`", traffic: "TCP 5432", allowed: true, text: expect.stringContaining("rule spec.egress[0] of `shop/to-db`"),
      ends: [
        { direction: "egress", who: "pod `shop/web`", allowed: true, reason: "a rule allows it", remarks: [], policies: [{ policy: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "to-db" }, rule: "spec.egress[0]", notes: [] }] },
        { direction: "ingress", who: "pod `shop/db`", allowed: true, reason: "a rule allows it", remarks: [], policies: [{ policy: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "shop", name: "db" }, rule: "spec.ingress[0]", notes: [] }] },
      ],
    }],
  });
});

test("says why not, rule by rule", () => {
  const view = reach({ from: "lab/probe", port: "5432" });
  expect(view).toMatchObject({ ports: "No Connections", answers: [{ allowed: false, ends: [{ reason: "no policy isolates it" }, { allowed: false, reason: "isolated, and no rule allows it" }] }] });
  const [, ingress] = "answers" in view ? (view.answers[0]?.ends ?? []) : [];
  expect(ingress?.policies.map(({ policy, notes }) => [policy.name, ...notes])).toEqual([
    ["db", "spec.ingress[0] does not name pod `lab/probe`"],
    ["default-deny", "has no ingress rule, so it allows nothing"],
  ]);
});

test("asks about what passes, where the destination declares nothing", () => {
  expect(reach({ to: "198.51.100.7" })).toMatchObject({ ports: "TCP 443", answers: [{ traffic: "TCP 443", allowed: true }] });
  expect(reach({ from: "lab/probe", to: "203.0.113.9" })).toMatchObject({ ports: "All Connections", answers: [{ traffic: "TCP 443", allowed: true }] });
});

test("tells of ends and ports that are none", () => {
  expect(reach({ from: "shop/nobody" })).toEqual(["`shop/nobody` is no pod or workload of the cluster (`namespace/name`) and no address"]);
  expect(reach({ to: "" })).toEqual(["name a pod, a workload or an address"]);
  expect(reach({ port: "70000" })).toEqual(["`70000`: a port is a number from 1 to 65535"]);
});

test("suggests the first names that hold a text", () => {
  expect(endsNamedLike(["shop/web", "shop/db", "lab/web"], "web", 1)).toEqual(["shop/web"]);
});
