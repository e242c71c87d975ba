import { expect, test } from "vitest";
import { policyView } from "../../src/views/policy-words.js";
import { policy, snapshotOf } from "./clusters.js";

function words(spec: object): readonly string[] {
  const [read] = [...snapshotOf([policy("shop", "one", spec)]).policies()];
  if (!read) throw new Error("no policy was read");
  const { subject, sentences, problems } = policyView(read);
  return [subject, ...sentences, ...problems];
}

test("says whom a policy isolates", () => {
  expect(words({ podSelector: {}, policyTypes: ["Ingress", "Egress"] })).toEqual(["applies to every pod of this namespace", "isolates them for ingress and allows none", "isolates them for egress and allows none"]);
});

test("says who may come on which ports", () => {
  const from = [{ podSelector: { matchLabels: { app: "web" } } }, { namespaceSelector: { matchLabels: { team: "a" } } }, { ipBlock: { cidr: "10.0.0.0/8", except: ["10.1.0.0/16"] } }];
  expect(words({ podSelector: { matchExpressions: [{ key: "app", operator: "In", values: ["db", "cache"] }, { key: "old", operator: "DoesNotExist" }] }, policyTypes: ["Ingress"], ingress: [{ from, ports: [{ port: 5432 }, { port: "metrics" }] }, {}] })).toEqual([
    "applies to pods with `app` in (db, cache) and no label `old` of this namespace",
    "isolates them for ingress",
    "allows ingress from pods with `app=web` of this namespace, or every pod of namespaces with `team=a`, or 10.0.0.0/16, 10.2.0.0-10.255.255.255 on TCP 5432, port `metrics` (TCP)",
    "allows ingress from everyone on every port",
  ]);
});

test("names the namespace that a peer is in", () => {
  const to = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchExpressions: [{ key: "k8s-app", operator: "NotIn", values: ["x"] }] } }, { namespaceSelector: {} }];
  expect(words({ podSelector: {}, policyTypes: ["Egress"], egress: [{ to, ports: [{ protocol: "UDP", port: 53 }] }] }).slice(2)).toEqual(["allows egress to pods with `k8s-app` not in (x) of `kube-system`, or every pod of every namespace on UDP 53"]);
});

test("tells what could not be read", () => {
  expect(words({ podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: [{ ipBlock: { cidr: "10.0.0.0/99" } }] }] }).at(-1)).toContain("10.0.0.0/99");
});
