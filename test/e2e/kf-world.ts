import type { Cluster, KubectlResult } from "./cluster-client.js";
import { manifests } from "./sluice.js";
import type { UserName } from "./users.js";

/** A cluster with Kf in it, as the real writers make it: what the scenarios of provision and of the rules have in common. */

export type Value = "PermitAll" | "DenyAll";

export interface Named {
  readonly metadata: {
    readonly name: string;
    readonly uid: string;
    readonly resourceVersion: string;
    readonly labels?: Readonly<Record<string, string>>;
    readonly ownerReferences?: readonly object[];
    readonly managedFields?: readonly { readonly manager: string; readonly operation: string }[];
  };
}
export interface List {
  readonly items: readonly Named[];
}

/** Everything that a DenyAll Space needs, by the names of the example. */
export const ALLOWANCES = ["allow-dns", "default-deny", "allow-gateway", "allow-apps", "allow-google-apis", "allow-workload-identity", "allow-mesh", "allow-builds"];

/** What stands round the Spaces: DNS and the ingress gateway, running. */
export async function buildSurroundings(cluster: Cluster): Promise<void> {
  await cluster.apply(namespace("asm-gateways"));
  const system = manifests("examples/kf-cluster/10-system.yaml") as { kind: string; metadata: { name: string; namespace?: string }; status?: object }[];
  for (const object of system.filter(({ metadata }) => ["kube-system", "asm-gateways"].includes(metadata.namespace ?? ""))) {
    const { status, ...rest } = object;
    await cluster.apply(object.kind === "Service" ? withoutAddress(rest) : rest);
    if (object.kind === "Pod" && status) await cluster.patchPodStatus(object.metadata.namespace ?? "", object.metadata.name, status);
  }
}

/** The API server of the tests has a range of its own for Services. */
function withoutAddress(service: object): object {
  const { spec, ...rest } = service as { spec: object };
  const { clusterIP: _ip, clusterIPs: _ips, ...kept } = spec as { clusterIP?: string; clusterIPs?: string[] };
  return { ...rest, spec: kept };
}

export function space(name: string, value: Value): object {
  const both = { ingress: value, egress: value };
  return { apiVersion: "kf.dev/v1alpha1", kind: "Space", metadata: { name }, spec: { networkConfig: { appNetworkPolicy: both, buildNetworkPolicy: both } } };
}

/** The Space and its Namespace, in Kf's order; the policies come later, as with Kf. */
export async function makeSpaceNamespace(cluster: Cluster, name: string, value: Value): Promise<void> {
  await cluster.apply(space(name, value), "kf-controller");
  await cluster.apply(namespace(name, { labels: KF_LABELS, ownerReferences: await ownedBySpace(cluster, name) }), "kf-controller");
}

/** A Space with all that Kf makes of it, and then what its developer adds. */
export async function makeSpace(cluster: Cluster, name: string, value: Value, allowances: readonly string[] = []): Promise<void> {
  await makeSpaceNamespace(cluster, name, value);
  await writeKfPolicies(cluster, name, value);
  if (allowances.length > 0) await cluster.apply(allowancesIn(name, allowances), "developer");
}

/** `space-app-policy` and `space-build-policy`, by Kf. */
export async function writeKfPolicies(cluster: Cluster, name: string, value: Value): Promise<void> {
  const ownerReferences = await ownedBySpace(cluster, name);
  const rules = value === "PermitAll" ? [{}] : [];
  for (const kind of ["app", "build"]) {
    const spec = { podSelector: { matchLabels: { "kf.dev/networkpolicy": kind } }, policyTypes: ["Egress", "Ingress"], ingress: rules, egress: rules };
    await cluster.apply(policy(name, `space-${kind}-policy`, spec, { labels: KF_LABELS, ownerReferences }), "kf-controller");
  }
}

const KF_LABELS = { "app.kubernetes.io/managed-by": "kf" };

async function ownedBySpace(cluster: Cluster, name: string): Promise<readonly object[]> {
  const made = await cluster.get<Named>("space", name);
  return [{ apiVersion: "kf.dev/v1alpha1", kind: "Space", name, uid: made?.metadata.uid, controller: true }];
}

/** Policies of the example's closed Space, in another namespace. */
export function allowancesIn(name: string, names: readonly string[]): { readonly metadata: { readonly name: string }; readonly spec: object }[] {
  const all = manifests("examples/kf-cluster/30-space-closed.yaml") as { kind: string; metadata: { name: string }; spec: object }[];
  const found = names.flatMap((wanted) => all.filter((object) => object.kind === "NetworkPolicy" && object.metadata.name === wanted));
  return found.map((object) => ({ ...object, metadata: { name: object.metadata.name, namespace: name } }));
}

export function namespace(name: string, metadata: object = {}): object {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, ...metadata } };
}

export function policy(inNamespace: string, name: string, spec: object, metadata: object = {}): object {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: inNamespace, ...metadata }, spec };
}

export function pod(inNamespace: string, name: string, labels: object = {}, { metadata = {}, spec = {} }: { readonly metadata?: object; readonly spec?: object } = {}): object {
  return { apiVersion: "v1", kind: "Pod", metadata: { name, namespace: inNamespace, labels, ...metadata }, spec: { containers: [{ name: "main", image: "main" }], ...spec } };
}

export function deployment(inNamespace: string, name: string, labels: object = {}): object {
  const own = { app: name, ...labels };
  const template = { metadata: { labels: own }, spec: { containers: [{ name: "main", image: "main" }] } };
  return { apiVersion: "apps/v1", kind: "Deployment", metadata: { name, namespace: inNamespace }, spec: { replicas: 1, selector: { matchLabels: { app: name } }, template } };
}

/** `kubectl apply -f -`, whatever comes of it. */
export function tryApply(cluster: Cluster, objects: object | readonly object[], as: UserName, flags: readonly string[] = []): Promise<KubectlResult> {
  const input = (Array.isArray(objects) ? (objects as readonly object[]) : [objects]).map((object) => JSON.stringify(object)).join("\n---\n");
  return cluster.kubectl(["apply", "-f", "-", ...flags], { as, input });
}

/** The webhooks are in force some 30 ms after they were applied. A baseline that no pack defines is refused whatever the parameters. */
export async function untilInForce(cluster: Cluster, suffix: string): Promise<void> {
  await cluster.waitFor("the webhooks to be in force", async () => {
    const probe = namespace(`probe-${suffix}`, { annotations: { "sluice.dev/baseline": "nope" } });
    return (await tryApply(cluster, probe, "developer", ["--dry-run=server"])).code !== 0;
  });
}

/** The rules that a refusal names, in its order; empty when nothing was refused by Sluice. */
export function refusedBy({ stderr }: KubectlResult): readonly string[] {
  const last = /^refused by (.*)$/m.exec(stderr)?.[1];
  if (last !== undefined) return last.split(", ");
  return [.../admission webhook "(?:deny|warn)\.sluice\.dev" denied the request: \[([a-z-]+\/[a-z-]+)\]/g.exec(stderr)?.slice(1) ?? []];
}

/** The rules that warnings name, each once, sorted. */
export function warnedOf({ stderr }: KubectlResult): readonly string[] {
  return [...new Set([...stderr.matchAll(/^Warning: \[([a-z-]+\/[a-z-]+)\]/gm)].map(([, rule]) => rule ?? ""))].sort();
}
