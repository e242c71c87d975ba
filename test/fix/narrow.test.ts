import { describe, expect, it } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import { closeFlow } from "../../src/fix/narrow.js";
import { excludes } from "../../src/proof/prove.js";
import type { Flow, FlowPeer, PodSpace } from "../../src/proof/question.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { ALL_TRAFFIC, portRange, type TrafficSet } from "../../src/model/traffic.js";
import { parseCidr } from "../../src/sets/ip-set.js";
import { LabelBox } from "../../src/sets/label-box.js";
import { oneOf } from "../../src/sets/value-set.js";

const context = { profile: { cidrSelectsPods: true }, budget: { steps: 100_000 } };
const namespaces: readonly KubeObject[] = [["web", "front"], ["db", "data"]].map(([name, zone]) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: name ?? "", labels: { zone: zone ?? "" } } }));

function policy(namespace: string, name: string, spec: Record<string, unknown>): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { namespace, name, resourceVersion: "7", annotations: { "kubectl.kubernetes.io/last-applied-configuration": "{}", team: "data" } }, spec };
}

function snapshotOf(...objects: readonly KubeObject[]): Snapshot {
  return Snapshot.EMPTY.with(readObjects([...namespaces, ...objects]).changes);
}

function space(snapshot: Snapshot, name: string, labels: Record<string, string> = {}): PodSpace {
  return { namespace: snapshot.namespace(name), pods: LabelBox.from(Object.entries(labels).map(([key, value]) => [key, oneOf([value])])), ports: [] };
}

/** No pod of `web` may reach the peers. */
function webTo(snapshot: Snapshot, peers: readonly FlowPeer[], traffic: TrafficSet = ALL_TRAFFIC): Flow {
  return { subject: space(snapshot, "web"), direction: "egress", anyOf: [{ peers, traffic }] };
}

/** The specs of the objects that close the flow, after they have been read back and proven. */
function closed(snapshot: Snapshot, flow: Flow): Record<string, unknown> | undefined {
  const fix = closeFlow(snapshot, flow, { name: "front-to-data", context });
  if (!fix) return undefined;
  const { changes, problems } = readObjects(fix.apply);
  expect(problems).toEqual([]);
  expect(excludes(snapshot.with(changes), flow, context).answer).toBe("proven");
  return Object.fromEntries(fix.apply.map(({ metadata, spec }) => [`${metadata.namespace ?? ""}/${metadata.name ?? ""}`, spec]));
}

describe("closing a forbidden flow", () => {
  it("leaves the forbidden pods out of the rule that lets them in", () => {
    const snapshot = snapshotOf(policy("db", "open", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: {} }], ports: [{ port: 5432 }] }, { from: [{ podSelector: {} }] }] }));
    expect(closed(snapshot, webTo(snapshot, [{ kind: "space", ...space(snapshot, "db") }]))).toEqual({
      "db/open": { podSelector: {}, policyTypes: ["Ingress"], ingress: [
        { from: [{ namespaceSelector: { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["web"] }] } }], ports: [{ port: 5432 }] },
        { from: [{ podSelector: {} }] },
      ] },
    });
  });
  it("keeps the rest of the traffic, and what the author wrote beside the spec", () => {
    const snapshot = snapshotOf(policy("db", "open", { podSelector: {}, ingress: [{ from: [{ namespaceSelector: { matchLabels: { zone: "front" } } }], ports: [{ protocol: "TCP", port: 5432 }, { protocol: "TCP", port: 9090 }] }] }));
    const flow = webTo(snapshot, [{ kind: "space", ...space(snapshot, "db") }], portRange("TCP", 5432, 5432));
    expect(closed(snapshot, flow)?.["db/open"]).toMatchObject({ ingress: [
      { from: [{ namespaceSelector: { matchLabels: { zone: "front" }, matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["web"] }] } }], ports: [{ protocol: "TCP", port: 5432 }, { protocol: "TCP", port: 9090 }] },
      { from: [{ namespaceSelector: { matchLabels: { zone: "front" } } }], ports: [{ protocol: "TCP", port: 9090 }] },
    ] });
    expect(closeFlow(snapshot, flow, { name: "x", context })?.apply[0]?.metadata).toEqual({ namespace: "db", name: "open", annotations: { team: "data" } });
  });
  it("takes addresses out of a block", () => {
    const snapshot = snapshotOf(policy("web", "out", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8" } }] }] }));
    const metadata = parseCidr("10.0.0.4/32");
    if (!metadata) throw new Error("no block");
    expect(closed(snapshot, webTo(snapshot, [{ kind: "addresses", addresses: metadata }]))).toEqual({
      "web/out": { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.0.4/32"] } }] }] },
    });
  });
  it("isolates an end that nothing isolates, from this flow alone", () => {
    const snapshot = snapshotOf();
    expect(closed(snapshot, webTo(snapshot, [{ kind: "space", ...space(snapshot, "db", { app: "store" }) }]))).toEqual({
      "db/isolate-front-to-data-ingress": { podSelector: { matchLabels: { app: "store" } }, policyTypes: ["Ingress"], ingress: [{ from: [
        { namespaceSelector: { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: ["web"] }] } },
      ] }] },
    });
  });
  it("has no answer where an admin policy lets the flow through", () => {
    const admin: KubeObject = { apiVersion: "policy.networking.k8s.io/v1alpha1", kind: "AdminNetworkPolicy", metadata: { name: "open" }, spec: { priority: 1, subject: { namespaces: {} }, ingress: [{ action: "Allow", from: [{ namespaces: {} }] }], egress: [{ action: "Allow", to: [{ namespaces: {} }] }] } };
    const snapshot = snapshotOf(admin);
    expect(closed(snapshot, webTo(snapshot, [{ kind: "space", ...space(snapshot, "db") }]))).toBeUndefined();
  });
});
