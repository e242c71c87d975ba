import { expect, test } from "vitest";
import { connectivity } from "../../src/engine/connectivity.js";
import { graphOf } from "../../src/views/graph.js";
import { finished, namespace, pictured, pod, policy, SHOP } from "./clusters.js";

const FOLDED = { unfold: new Set<string>(), find: "" };

test("folds namespaces, with how closed they are", () => {
  const { nodes, edges, total, left } = finished(graphOf(pictured(SHOP), FOLDED));
  expect(nodes.map(({ id, kind, pods, isolated }) => ({ id, kind, pods, isolated }))).toEqual([
    { id: "empty", kind: "namespace", pods: 0, isolated: { ingress: "none", egress: "none" } },
    { id: "lab", kind: "namespace", pods: 1, isolated: { ingress: "none", egress: "none" } },
    { id: "shop", kind: "namespace", pods: 2, isolated: { ingress: "all", egress: "all" } },
    { id: nodes[3]?.id, kind: "external", pods: 0, isolated: { ingress: "none", egress: "none" } },
    { id: "outside 198.51.100.0/24", kind: "external", pods: 0, isolated: { ingress: "none", egress: "none" } },
  ]);
  expect(nodes.slice(3).map(({ label }) => label)).toEqual(["all other addresses", "198.51.100.0/24"]);
  expect(edges.filter(({ open }) => !open)).toEqual([
    { from: "lab", to: "shop", ports: "TCP 8080", open: false },
    { from: "shop", to: "outside 198.51.100.0/24", ports: "TCP 443", open: false },
  ]);
  expect(edges.filter(({ open }) => open).every(({ from, to }) => [from, to].includes("lab"))).toBe(true);
  expect({ total, left }).toEqual({ total: { namespaces: 3, workloads: 3, pods: 3, policies: 4 }, left: 0 });
});

test("unfolds one namespace into its workloads", () => {
  const { nodes, edges } = finished(graphOf(pictured(SHOP), { ...FOLDED, unfold: new Set(["shop"]) }));
  expect(nodes.filter(({ kind }) => kind === "workload").map(({ label, namespace: place }) => `${place}/${label}`)).toEqual(["shop/db", "shop/web"]);
  expect(edges).toContainEqual({ from: "shop/web[Pod]", to: "shop/db[Pod]", ports: "TCP 5432", open: false });
});

test("says what connectivity says, of every pair of workloads", () => {
  const picture = pictured(SHOP);
  const { edges } = finished(graphOf(picture, { ...FOLDED, unfold: new Set(["shop", "lab"]) }));
  const lines = [...connectivity(picture.snapshot, picture.options)].filter(({ src, dst }) => src.includes("[Pod]") && dst.includes("[Pod]"));
  const drawn = edges.filter(({ from, to }) => from.includes("[Pod]") && to.includes("[Pod]")).map(({ from, to, ports }) => ({ src: from, dst: to, conn: ports }));
  expect(drawn).toHaveLength(2);
  expect(drawn).toEqual(expect.arrayContaining(lines));
  expect(lines).toHaveLength(drawn.length);
});

test("draws at most 300 namespaces, and finds others by name", () => {
  const many = Array.from({ length: 420 }, (_, i) => namespace(`team-${String(i).padStart(3, "0")}`));
  const all = finished(graphOf(pictured(many), FOLDED));
  expect(all.nodes.filter(({ kind }) => kind === "namespace")).toHaveLength(300);
  expect(all.left).toBe(120);
  const found = finished(graphOf(pictured(many), { ...FOLDED, find: "team-41" }));
  expect(found.nodes.filter(({ kind }) => kind === "namespace").map(({ id }) => id)).toEqual(Array.from({ length: 10 }, (_, i) => `team-41${i}`));
});

test("tells workloads that policies cannot tell apart as one, in a namespace of many", () => {
  const crowd = [namespace("farm"), ...Array.from({ length: 40 }, (_, i) => pod("farm", `worker-${i}`, { app: "worker" })), pod("farm", "head"), policy("farm", "head", { podSelector: { matchLabels: { app: "head" } }, policyTypes: ["Ingress"] })];
  const { nodes } = finished(graphOf(pictured(crowd), { ...FOLDED, unfold: new Set(["farm"]) }));
  expect(nodes.filter(({ kind }) => kind === "workload").map(({ label, pods, workloads }) => ({ label, pods, workloads }))).toEqual([
    { label: "head", pods: 1, workloads: 1 },
    { label: "worker-0 + 39 alike", pods: 40, workloads: 40 },
  ]);
});

test("tells how many groups of addresses it leaves out", () => {
  const blocks = Array.from({ length: 30 }, (_, i) => ({ to: [{ ipBlock: { cidr: `198.51.100.${i * 8}/29` } }], ports: [{ port: 1000 + i }] }));
  const { nodes, left } = finished(graphOf(pictured([namespace("shop"), pod("shop", "web"), policy("shop", "out", { podSelector: {}, policyTypes: ["Egress"], egress: blocks })]), FOLDED));
  expect(nodes.filter(({ kind }) => kind === "external")).toHaveLength(25);
  expect(left).toBe(6);
});
