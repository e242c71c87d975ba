import { describe, expect, test } from "vitest";
import type { NamespaceView } from "../../src/model/views.js";
import { pictureOf } from "../../src/views/graph.js";
import { namespaceOf, namespaceRows } from "../../src/views/namespace.js";
import { packsView } from "../../src/views/packs.js";
import { parseException } from "../../src/packs/exception.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { kfCluster, shippedPacks } from "../review/world.js";
import { finished } from "./clusters.js";

const packs = shippedPacks();
const options = { profile: { cidrSelectsPods: true }, addressFamilies: "ipv4" } as const;
const NOW = Date.UTC(2026, 0, 1);

const exception = parseException({ apiVersion: "sluice.dev/v1alpha1", kind: "PolicyException", metadata: { name: "old-billing" }, spec: { owner: "team-billing", reason: "moves in spring", expires: "2026-01-20", rules: ["kf/registry"], namespaces: ["space-closed"] } } as KubeObject);

function page(name: string, snapshot = kfCluster()) {
  return finished(namespaceOf(name, pictureOf(snapshot, options), { packs: { ...packs, exceptions: [exception], detected: () => undefined }, now: NOW }));
}

function pageOf(name: string, snapshot = kfCluster()): NamespaceView {
  const result = page(name, snapshot);
  if (!result.ok) throw new Error(result.problems.map(({ message }) => message).join());
  return result.value;
}

describe("the page of a namespace", () => {
  test("tells what the rules say of it, with the peers of its flows", () => {
    const { standing } = pageOf("space-closed");
    expect(standing.filter(({ baseline }) => baseline).map(({ rule, outcome }) => [rule, outcome])).toEqual([["baseline/default-deny", "holds"], ["baseline/dns", "holds"]]);
    expect(standing.find(({ rule }) => rule === "kf/dns")).toMatchObject({ outcome: "holds", flows: [{ what: "DNS of apps", peers: ["kube-system/kube-dns-7f9c on the ports that it serves"] }, { what: "DNS of builds" }] });
  });

  test("tells what breaks, and for whom", () => {
    const snapshot = kfCluster().with([{ remove: { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "space-closed", name: "allow-dns" } }]);
    const dns = pageOf("space-closed", snapshot).standing.find(({ rule }) => rule === "baseline/dns");
    expect(dns).toMatchObject({ outcome: "broken", action: "deny" });
    expect(dns?.messages.join(" ")).toContain("egress denied by");
  });

  test("tells who gets in and where it gets, from outside of it only", () => {
    const { incoming, outgoing } = pageOf("space-closed");
    expect(incoming.rows).toEqual([{ workload: "billing-7b5d", ports: "TCP 8080", peers: expect.arrayContaining(["asm-gateways"]), more: 0 }]);
    expect(outgoing.rows.find(({ ports }) => ports.includes("53"))?.peers).toEqual(["kube-system"]);
    expect(JSON.stringify([incoming, outgoing])).not.toContain('"space-closed"');
  });

  test("tells its policies in words, and who answers for what", () => {
    const { policies, exceptions } = pageOf("space-closed");
    expect(policies.find(({ policy }) => policy.name === "default-deny")?.sentences).toEqual(["isolates them for ingress and allows none", "isolates them for egress and allows none"]);
    expect(exceptions).toMatchObject([{ name: "old-billing", state: "active", owner: "team-billing", covers: "kf/registry; in space-closed" }]);
    expect(pageOf("space-open").exceptions).toEqual([]);
  });

  test("is an error for one that is not there", () => {
    expect(page("nowhere")).toMatchObject({ ok: false, problems: [{ message: "the cluster has no namespace `nowhere`" }] });
  });
});

test("lists every namespace with how closed it is", () => {
  const rows = namespaceRows(pictureOf(kfCluster(), options), packs);
  expect(rows.find(({ name }) => name === "space-closed")).toEqual({ name: "space-closed", pods: 1, workloads: 1, policies: 10, isolated: { ingress: "all", egress: "all" }, exempt: false });
  expect(rows.find(({ name }) => name === "kube-system")).toMatchObject({ policies: 0, isolated: { ingress: "none", egress: "none" }, exempt: true });
});

test("tells the packs in force", () => {
  const view = packsView({ digest: "sha256:1", packs: { ...packs, exceptions: [exception] }, problems: ["a file cannot be read"] }, Date.UTC(2026, 1, 1));
  expect(view).toMatchObject({ digest: "sha256:1", problems: ["a file cannot be read"], exceptions: [{ name: "old-billing", state: "expired" }] });
  expect(view.rules.find(({ id }) => id === "baseline/default-deny")).toMatchObject({ pack: "baseline", check: "require-default-deny", action: "deny" });
  expect(view.parameters.every(({ value }) => typeof value === "string")).toBe(true);
});
