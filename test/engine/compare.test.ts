import { describe, expect, test } from "vitest";
import { compare } from "../../src/engine/compare.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { cluster, networkPolicy, pod } from "./cluster.js";

const OPTIONS = { profile: { cidrSelectsPods: false }, addressFamilies: "ipv4" } as const;
const EXTERNAL = "0.0.0.0-255.255.255.255[External]";

function diffs(before: readonly KubeObject[], after: readonly KubeObject[]): readonly string[] {
  return [...compare(cluster(...before), cluster(...after), OPTIONS)].map(
    ({ type, src, dst, old, new: now, info }) => `${type} ${src} > ${dst}: ${old} -> ${now}${info ? ` (${info})` : ""}`.replaceAll("[Pod]", ""),
  );
}

describe("compare", () => {
  const [a, b] = [pod("a", { labels: { app: "a" } }), pod("b", { labels: { app: "b" } })];
  const onA = (spec: Record<string, unknown>) => networkPolicy("p", { podSelector: { matchLabels: { app: "a" } }, ...spec });

  test("the first policy closes what it does not list", () => {
    expect(diffs([a, b], [a, b, onA({ ingress: [{ from: [{ podSelector: {} }] }] })])).toEqual([`removed ${EXTERNAL} > default/a: All Connections -> No Connections`]);
  });

  test("other ports are a change", () => {
    expect(diffs([a, b, onA({ ingress: [{ ports: [{ port: 80 }] }] })], [a, b, onA({ ingress: [{ ports: [{ port: 81 }] }] })])).toEqual([
      `changed ${EXTERNAL} > default/a: TCP 80 -> TCP 81`,
      "changed default/b > default/a: TCP 80 -> TCP 81",
    ]);
  });

  test("workloads that come and go are named", () => {
    expect(diffs([a], [b])).toEqual([
      `removed ${EXTERNAL} > default/a: All Connections -> No Connections (workload default/a removed)`,
      `added ${EXTERNAL} > default/b: No Connections -> All Connections (workload default/b added)`,
      `removed default/a > ${EXTERNAL}: All Connections -> No Connections (workload default/a removed)`,
      `added default/b > ${EXTERNAL}: No Connections -> All Connections (workload default/b added)`,
    ]);
    const both = diffs([], [a, b]).filter((line) => line.includes(" and "));
    expect(both).toEqual([
      "added default/a > default/b: No Connections -> All Connections (workload default/a and default/b added)",
      "added default/b > default/a: No Connections -> All Connections (workload default/b and default/a added)",
    ]);
  });

  test("ranges are cut where either side cuts them, and joined where they fare alike", () => {
    const block = (cidr: string) => onA({ ingress: [{ from: [{ ipBlock: { cidr } }] }] });
    expect(diffs([a, block("0.0.0.0/0")], [a, block("128.0.0.0/1")])).toEqual(["removed 0.0.0.0-127.255.255.255[External] > default/a: All Connections -> No Connections"]);
    expect(diffs([a, block("64.0.0.0/2")], [a])).toEqual([
      "added 0.0.0.0-63.255.255.255[External] > default/a: No Connections -> All Connections",
      "added 128.0.0.0-255.255.255.255[External] > default/a: No Connections -> All Connections",
    ]);
  });

  test("what the ingress controller loses is said", () => {
    const web = pod("web", { labels: { app: "a" }, ports: [{ containerPort: 80 }] });
    const service: KubeObject = { apiVersion: "v1", kind: "Service", metadata: { name: "s", namespace: "default" }, spec: { selector: { app: "a" }, ports: [{ port: 80 }] } };
    const route: KubeObject = { apiVersion: "route.openshift.io/v1", kind: "Route", metadata: { name: "r", namespace: "default" }, spec: { to: { kind: "Service", name: "s" } } };
    expect(diffs([web, service, route], [web, service])).toEqual(["removed {ingress-controller} > default/web: TCP 80 -> No Connections"]);
    expect(diffs([web, service], [web, service, route])).toEqual(["added {ingress-controller} > default/web: No Connections -> TCP 80"]);
  });

  test("a policy that says the same in other words changes nothing", () => {
    const [one, other] = [onA({ ingress: [{ ports: [{ port: 80 }, { port: 81 }] }] }), onA({ policyTypes: ["Ingress"], ingress: [{ ports: [{ port: 80, endPort: 81 }] }] })];
    expect(diffs([a, b, one], [a, b, other])).toEqual([]);
  });
});
