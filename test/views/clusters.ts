import { readObject } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { pictureOf, type Picture } from "../../src/views/graph.js";

/** A snapshot of manifests. */
export function snapshotOf(objects: readonly object[]): Snapshot {
  return Snapshot.EMPTY.with(objects.flatMap((object) => readObject(object as KubeObject).facts).map((put) => ({ put })));
}

/** A picture of manifests, with IPv4 outside. */
export function pictured(objects: readonly object[]): Picture {
  return pictureOf(snapshotOf(objects), { profile: { cidrSelectsPods: true }, addressFamilies: "ipv4" });
}

/** What a generator of steps comes to. */
export function finished<T>(work: Iterator<undefined, T>): T {
  for (;;) {
    const step = work.next();
    if (step.done === true) return step.value;
  }
}

export function namespace(name: string): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name } };
}

export function pod(namespaceName: string, name: string, labels: Readonly<Record<string, string>> = { app: name }, port = 8080): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: namespaceName, labels }, spec: { containers: [{ name: "main", image: "example/app", ports: [{ containerPort: port }] }] }, status: { phase: "Running" } };
}

export function policy(namespaceName: string, name: string, spec: object): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: namespaceName }, spec } as KubeObject;
}

/** A shop whose database only its web pods reach, and a namespace beside it that nobody closed. */
export const SHOP: readonly object[] = [
  namespace("shop"), pod("shop", "web"), pod("shop", "db", { app: "db" }, 5432), namespace("lab"), pod("lab", "probe"), namespace("empty"),
  policy("shop", "default-deny", { podSelector: {}, policyTypes: ["Ingress", "Egress"] }),
  policy("shop", "to-db", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{ to: [{ podSelector: { matchLabels: { app: "db" } } }], ports: [{ port: 5432 }] }, { to: [{ ipBlock: { cidr: "198.51.100.0/24" } }], ports: [{ port: 443 }] }] }),
  policy("shop", "db", { podSelector: { matchLabels: { app: "db" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: 5432 }] }] }),
  policy("shop", "web", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "lab" } } }], ports: [{ port: 8080 }] }] }),
];
