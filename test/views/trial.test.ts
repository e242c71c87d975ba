import { expect, test } from "vitest";
import type { Trial } from "../../src/model/views.js";
import { fixYaml } from "../../src/reports/fix-yaml.js";
import { trialOf } from "../../src/views/trial.js";
import { kfCluster, shippedPacks } from "../review/world.js";
import { finished, policy } from "./clusters.js";

const packs = shippedPacks();
const options = { profile: { cidrSelectsPods: true }, addressFamilies: "ipv4" } as const;

function tried(trial: Partial<Trial>) {
  const snapshot = kfCluster();
  const result = finished(trialOf({ apply: [], remove: [], ...trial }, { snapshot, packs, options, now: 0, yaml: fixYaml }));
  return result.ok ? result.value : result.problems.map(({ message }) => message);
}

const DNS = { group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "space-closed", name: "allow-dns" };

test("tells what a deletion closes, what it breaks, and what mends it", () => {
  const view = tried({ remove: [DNS] });
  expect(view).toMatchObject({ allowed: false, changes: { total: 1, rows: [{ type: "removed", src: "space-closed/billing-7b5d[ReplicaSet]", dst: "kube-system/kube-dns-7f9c[Pod]", old: "TCP 53,UDP 53", new: "No Connections" }] } });
  if (!("violations" in view)) throw new Error(view.join());
  expect(view.violations.filter(({ action }) => action === "deny").map(({ pack, rule }) => `${pack}/${rule}`)).toEqual(["baseline/dns", "kf/dns"]);
  expect(view.fix).toContain("kind: NetworkPolicy");
});

test("tells what an allowance opens, and says the policy in words", () => {
  const opens = policy("space-closed", "to-open", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kf" } } }], ports: [{ port: 8443 }] }] });
  const view = tried({ apply: [opens] });
  expect(view).toMatchObject({ allowed: true, violations: [], policies: [{ subject: "applies to every pod of this namespace", sentences: ["isolates them for egress", "allows egress to every pod of `kf` on TCP 8443"] }] });
  expect("changes" in view ? view.changes.rows : []).toContainEqual({ type: "added", src: "space-closed/billing-7b5d[ReplicaSet]", dst: "kf/webhook-66c4[Pod]", old: "No Connections", new: "TCP 8443" });
});

test("judges changes together: a policy that moves is not missed in between", () => {
  const spec = [...kfCluster().policies()].find(({ ref }) => ref.name === "allow-dns" && ref.namespace === "space-closed")?.object.spec;
  expect(tried({ remove: [DNS], apply: [policy("space-closed", "dns", spec as object)] })).toMatchObject({ allowed: true, changes: { total: 0 } });
});

test("leaves the state as it is", () => {
  expect(tried({ remove: [DNS] })).toEqual(tried({ remove: [DNS] }));
});

test("tells of what cannot be tried", () => {
  expect(tried({ apply: [{ apiVersion: "v1", kind: "Pod", metadata: { name: "x" } }] })).toEqual(["`Pod` (`v1`) is no policy that is read; try NetworkPolicy of networking.k8s.io/v1"]);
  expect(tried({ remove: [{ ...DNS, name: "none" }] })).toEqual(["the cluster has no NetworkPolicy `space-closed/none`"]);
  expect(tried({ apply: Array.from({ length: 51 }, (_, i) => policy("shop", `p${i}`, { podSelector: {} })) })).toEqual(["at most 50 objects can be tried together; `sluice check` takes more"]);
});
