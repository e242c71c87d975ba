import { mkdirSync, writeFileSync } from "node:fs";
import { join } from "node:path";

/** A cluster for the console's tests, as files: namespaces of teams, each closed in its own way. */

/** Writes `namespaces` namespaces with `pods` pods each, DNS beside them, into a folder. */
export function writeCluster(folder: string, { namespaces, pods }: { readonly namespaces: number; readonly pods: number }): void {
  mkdirSync(folder, { recursive: true });
  const objects = [namespaceOf("kube-system"), podOf({ namespace: "kube-system", name: "kube-dns-0", labels: { "k8s-app": "kube-dns" }, port: 53, address: "10.1.0.2" }), ...dnsService()];
  for (let i = 0; i < namespaces; i++) objects.push(...team(i, pods));
  writeFileSync(join(folder, "cluster.json"), JSON.stringify({ apiVersion: "v1", kind: "List", items: objects }));
}

const WORDS = ["shop", "billing", "search", "identity", "ledger", "mail", "media", "orders", "reports", "stock"];

/** Every third one is closed with an allowance to the next, every third is closed for ingress, every third is open. */
function team(index: number, pods: number): object[] {
  const word = WORDS[index % WORDS.length] ?? "team";
  const namespace = index < WORDS.length ? word : `${word}-${Math.floor(index / WORDS.length)}`;
  const next = nameOf(index + 3);
  const objects: object[] = [namespaceOf(namespace, { team: namespace })];
  for (let i = 0; i < pods; i++) {
    const app = i % 3 === 0 ? "web" : i % 3 === 1 ? "api" : "db";
    objects.push(podOf({ namespace, name: `${app}-${i}`, labels: { app }, port: { web: 8080, api: 9000, db: 5432 }[app] ?? 80, address: `10.${2 + (index >> 4)}.${(index % 16) * 16 + (i >> 8)}.${i % 256}` }));
  }
  if (index % 3 === 2) return objects;
  const closed = index % 3 === 0;
  objects.push(policy(namespace, "default-deny", { podSelector: {}, policyTypes: closed ? ["Ingress", "Egress"] : ["Ingress"] }));
  objects.push(policy(namespace, "web-to-api", { podSelector: { matchLabels: { app: "api" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ podSelector: { matchLabels: { app: "web" } } }], ports: [{ port: 9000 }] }] }));
  objects.push(policy(namespace, "from-gateway", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Ingress"], ingress: [{ from: [{ namespaceSelector: { matchLabels: { team: nameOf(Math.max(0, index - 3)) } } }], ports: [{ port: 8080 }] }] }));
  if (closed) {
    objects.push(policy(namespace, "allow-dns", { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] }] }));
    objects.push(policy(namespace, "calls", { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector: { matchLabels: { team: next } } }], ports: [{ port: 8080 }] }, { to: [{ podSelector: { matchLabels: { app: "api" } } }], ports: [{ port: 9000 }] }, { to: [{ ipBlock: { cidr: "198.51.100.0/24" } }], ports: [{ port: 443 }] }] }));
  }
  return objects;
}

function nameOf(index: number): string {
  const word = WORDS[index % WORDS.length] ?? "team";
  return index < WORDS.length ? word : `${word}-${Math.floor(index / WORDS.length)}`;
}

function namespaceOf(name: string, labels: Record<string, string> = {}): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

function podOf({ namespace, name, labels, port, address }: { readonly namespace: string; readonly name: string; readonly labels: Record<string, string>; readonly port: number; readonly address: string }): object {
  const protocol = port === 53 ? "UDP" : "TCP";
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels }, spec: { containers: [{ name: "main", image: "example/app", ports: [{ containerPort: port, protocol }] }] }, status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] } };
}

function dnsService(): object[] {
  return [{ apiVersion: "v1", kind: "Service", metadata: { name: "kube-dns", namespace: "kube-system", labels: { "k8s-app": "kube-dns" } }, spec: { clusterIP: "10.96.0.10", clusterIPs: ["10.96.0.10"], selector: { "k8s-app": "kube-dns" }, ports: [{ name: "dns", port: 53, protocol: "UDP" }] } }];
}

function policy(namespace: string, name: string, spec: object): object {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec };
}
