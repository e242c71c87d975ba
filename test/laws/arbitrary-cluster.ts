import { lawSeed } from "./seed.js";
import fc from "fast-check";
import { expect } from "vitest";
import { readObjects } from "../../src/dialects/index.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";

/**
 * Small random clusters of every dialect, as manifests. Everything is drawn from a few words, so that policies meet pods,
 * rules overlap, and a brute force over all label maps stays small.
 */

export const NAMESPACES = ["a", "b"];
/** Labels that pods and namespaces carry; selectors name one value of `app` more. */
export const POD_VALUES = { app: ["x", "y"], tier: ["x"] };
export const NAMESPACE_VALUES = { env: ["dev", "prod"] };
/** Every block that a policy, a flow or a law may name: with the nodes' and pods' addresses, all that can be told apart. */
export const BLOCKS = ["10.0.0.0/8", "10.0.0.0/30", "10.0.0.2/32", "192.168.0.0/24", "0.0.0.0/0", "fd00::/64", "fd00::2/128", "::/0"];
export const NODE_ADDRESSES = ["192.168.0.1", "192.168.0.2"];
/** Every port that a policy, a pod or a flow may name. */
export const PORTS = [53, 80, 81, 8080];
export const PROTOCOLS = ["TCP", "UDP"];
export const PORT_NAMES = ["web", "dns"];


/** How often a law runs, `LAWS_RUNS` or the default, and from which seed (seed.ts); both are printed. */
export function lawRuns(byDefault = 1000): { readonly numRuns: number; readonly seed: number } {
  const numRuns = Number(process.env.LAWS_RUNS ?? byDefault);
  console.info(`law: ${expect.getState().currentTestName ?? ""}: ${numRuns} runs, seed ${lawSeed}`);
  return { numRuns, seed: lawSeed };
}

export function snapshotOf(objects: Iterable<KubeObject>): Snapshot {
  return Snapshot.EMPTY.with(readObjects(objects).changes);
}

const optional = <T>(arbitrary: fc.Arbitrary<T>): fc.Arbitrary<T | undefined> => fc.option(arbitrary, { nil: undefined });

/** Leaves out the fields that are undefined. */
function compact(fields: Record<string, unknown>): Record<string, unknown> {
  return Object.fromEntries(Object.entries(fields).filter(([, value]) => value !== undefined));
}

type Words = Readonly<Record<string, readonly string[]>>;

function labels(words: Words): fc.Arbitrary<Record<string, string>> {
  const fields = Object.fromEntries(Object.entries(words).map(([key, values]) => [key, fc.constantFrom(...values)]));
  return fc.record(fields, { requiredKeys: [] }) as fc.Arbitrary<Record<string, string>>;
}

/** A label selector over the words. */
function selector(words: Words): fc.Arbitrary<Record<string, unknown>> {
  const keyed = fc.constantFrom(...Object.entries(words));
  const expression = keyed.chain(([key, values]) => fc.oneof(
    fc.record({ key: fc.constant(key), operator: fc.constantFrom("In", "NotIn"), values: fc.uniqueArray(fc.constantFrom(...values), { minLength: 1, maxLength: 2 }) }),
    fc.record({ key: fc.constant(key), operator: fc.constantFrom("Exists", "DoesNotExist") }),
  ));
  return fc.oneof(
    { weight: 2, arbitrary: fc.constant({}) },
    { weight: 3, arbitrary: keyed.chain(([key, values]) => fc.constantFrom(...values).map((value) => ({ matchLabels: { [key]: value } }))) },
    { weight: 3, arbitrary: fc.array(expression, { minLength: 1, maxLength: 2 }).map((matchExpressions) => ({ matchExpressions })) },
  );
}

const podSelector = selector({ ...POD_VALUES, app: [...POD_VALUES.app, "z"] });
const byName = fc.record({ key: fc.constant("kubernetes.io/metadata.name"), operator: fc.constantFrom("In", "NotIn"), values: fc.constantFrom(["a"], ["b"], ["c"], ["a", "c"]) });
const namespaceSelector = fc.oneof(
  { weight: 4, arbitrary: selector(NAMESPACE_VALUES) },
  { weight: 1, arbitrary: byName.map((expression) => ({ matchExpressions: [expression] })) },
);

const ipBlock = fc.constantFrom<Record<string, unknown>>(
  ...BLOCKS.map((cidr) => ({ cidr })),
  { cidr: "10.0.0.0/8", except: ["10.0.0.0/30"] },
  { cidr: "0.0.0.0/0", except: ["10.0.0.2/32", "192.168.0.0/24"] },
  { cidr: "::/0", except: ["fd00::2/128"] },
);

const peer = fc.oneof(
  fc.record({ podSelector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector, namespaceSelector }),
  fc.record({ ipBlock }),
);

const port = fc.oneof(
  fc.record({ protocol: fc.constantFrom(...PROTOCOLS), port: fc.oneof(fc.constantFrom<number | string>(...PORTS), fc.constantFrom(...PORT_NAMES)) }),
  fc.record({ protocol: fc.constantFrom(...PROTOCOLS) }),
  fc.constant({ protocol: "TCP", port: 80, endPort: 81 }),
);

function rule(peers: "from" | "to"): fc.Arbitrary<Record<string, unknown>> {
  return fc.tuple(optional(fc.array(peer, { minLength: 1, maxLength: 2 })), optional(fc.array(port, { minLength: 1, maxLength: 2 })))
    .map(([other, ports]) => compact({ [peers]: other, ports }));
}

const named = (kind: string, count: number): fc.Arbitrary<string> => fc.nat({ max: count - 1 }).map((i) => `${kind}-${i}`);

export const networkPolicy: fc.Arbitrary<KubeObject> = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  name: named("policy", 4),
  podSelector,
  types: fc.constantFrom(["Ingress"], ["Egress"], ["Ingress", "Egress"]),
  ingress: fc.array(rule("from"), { maxLength: 2 }),
  egress: fc.array(rule("to"), { maxLength: 2 }),
}).map(({ namespace, name, podSelector: selected, types, ingress, egress }) => ({
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { namespace, name },
  spec: { podSelector: selected, policyTypes: types, ingress, egress },
}));

const subject = fc.oneof(
  namespaceSelector.map((namespaces) => ({ namespaces })),
  fc.record({ pods: fc.record({ namespaceSelector, podSelector }) }),
);
const adminIngressPeer = subject;
const adminEgressPeer = fc.oneof(
  { weight: 3, arbitrary: subject as fc.Arbitrary<Record<string, unknown>> },
  { weight: 2, arbitrary: fc.constantFrom(...BLOCKS).map((block) => ({ networks: [block] })) },
  { weight: 1, arbitrary: fc.constantFrom({}, { matchLabels: { zone: "one" } }).map((nodes) => ({ nodes })) },
);

const adminPort = fc.oneof(
  fc.record({ portNumber: fc.record({ protocol: fc.constantFrom(...PROTOCOLS), port: fc.constantFrom(...PORTS) }) }),
  fc.record({ namedPort: fc.constantFrom(...PORT_NAMES) }),
  fc.constant({ portRange: { protocol: "TCP", start: 80, end: 81 } }),
);
const clusterProtocol = fc.oneof(
  fc.tuple(fc.constantFrom("tcp", "udp"), fc.constantFrom(...PORTS)).map(([protocol, number]) => ({ [protocol]: { destinationPort: { number } } })),
  fc.record({ destinationNamedPort: fc.constantFrom(...PORT_NAMES) }),
);

interface AdminKind {
  readonly actions: readonly string[];
  readonly trafficField: string;
  readonly traffic: fc.Arbitrary<unknown>;
}

function adminRules(kind: AdminKind, peers: "from" | "to"): fc.Arbitrary<unknown[]> {
  const arbitrary = fc.tuple(
    fc.constantFrom(...kind.actions),
    fc.array<unknown>(peers === "from" ? adminIngressPeer : adminEgressPeer, { minLength: 1, maxLength: 2 }),
    optional(fc.array(kind.traffic, { minLength: 1, maxLength: 2 })),
  );
  return fc.array(arbitrary.map(([action, other, traffic]) => compact({ action, [peers]: other, [kind.trafficField]: traffic })), { maxLength: 2 });
}

function adminSpec(kind: AdminKind, fields: Record<string, fc.Arbitrary<unknown>>): fc.Arbitrary<Record<string, unknown>> {
  return fc.record({ ...fields, subject, ingress: adminRules(kind, "from"), egress: adminRules(kind, "to") });
}

const ADMIN: AdminKind = { actions: ["Allow", "Deny", "Pass"], trafficField: "ports", traffic: adminPort };
const BASELINE: AdminKind = { ...ADMIN, actions: ["Allow", "Deny"] };
const CLUSTER: AdminKind = { actions: ["Accept", "Deny", "Pass"], trafficField: "protocols", traffic: clusterProtocol };
const GROUP = "policy.networking.k8s.io";

/** Priorities meet on purpose: equal ones are ambiguous (A3, C1). */
const priority = fc.constantFrom(10, 20);

export const adminPolicy: fc.Arbitrary<KubeObject> = fc.oneof(
  fc.tuple(named("admin", 2), adminSpec(ADMIN, { priority })).map(([name, spec]) => ({ apiVersion: `${GROUP}/v1alpha1`, kind: "AdminNetworkPolicy", metadata: { name }, spec })),
  adminSpec(BASELINE, {}).map((spec) => ({ apiVersion: `${GROUP}/v1alpha1`, kind: "BaselineAdminNetworkPolicy", metadata: { name: "default" }, spec })),
  fc.tuple(named("cluster", 2), adminSpec(CLUSTER, { priority, tier: fc.constantFrom("Admin", "Baseline") }))
    .map(([name, spec]) => ({ apiVersion: `${GROUP}/v1alpha2`, kind: "ClusterNetworkPolicy", metadata: { name }, spec })),
);

export const policy: fc.Arbitrary<KubeObject> = fc.oneof({ weight: 3, arbitrary: networkPolicy }, { weight: 1, arbitrary: adminPolicy });

export const namespaceObject: fc.Arbitrary<KubeObject> = fc.tuple(fc.constantFrom(...NAMESPACES), labels(NAMESPACE_VALUES))
  .map(([name, own]) => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: own } }));

const containerPorts = fc.constantFrom<unknown[]>(
  [],
  [{ name: "web", containerPort: 80 }],
  [{ name: "web", containerPort: 8080 }, { name: "dns", containerPort: 53, protocol: "UDP" }],
  [{ containerPort: 80 }],
);
const POD_IPS: readonly (readonly string[])[] = [[], ["10.0.0.1"], ["10.0.0.2"], ["10.9.9.9"], ["fd00::1"], ["10.0.0.3", "fd00::2"], ["11.0.0.1", "fe00::1"]];
const addresses = fc.constantFrom(...POD_IPS);
/** Every single address that a pod may have. */
export const POD_ADDRESSES = POD_IPS.flat();

export const pod: fc.Arbitrary<KubeObject> = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  name: named("pod", 3),
  own: labels(POD_VALUES),
  ports: containerPorts,
  ips: addresses,
  sort: fc.constantFrom("usual", "usual", "usual", "usual", "host", "finished"),
  node: fc.constantFrom("node-0", "node-1", undefined),
}).map(({ namespace, name, own, ports, ips, sort, node }) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: { namespace, name, labels: own },
  spec: compact({ containers: [{ name: "main", ports }], nodeName: node, hostNetwork: sort === "host" ? true : undefined }),
  status: { phase: sort === "finished" ? "Succeeded" : "Running", podIPs: ips.map((ip) => ({ ip })) },
}));

const nodes: readonly KubeObject[] = NODE_ADDRESSES.map((address, i) => ({
  apiVersion: "v1",
  kind: "Node",
  metadata: { name: `node-${i}`, labels: i === 0 ? { zone: "one" } : {} },
  status: { addresses: [{ type: "InternalIP", address }] },
}));

function identity({ kind, metadata }: KubeObject): string {
  return `${kind}/${metadata.namespace ?? ""}/${metadata.name ?? ""}`;
}

/** The objects of a small cluster: two namespaces, two nodes, up to five pods and five policies of any kind. */
export const cluster: fc.Arbitrary<readonly KubeObject[]> = fc.tuple(
  fc.tuple(...NAMESPACES.map((name) => labels(NAMESPACE_VALUES).map((own): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels: own } })))),
  fc.uniqueArray(pod, { maxLength: 5, selector: identity }),
  fc.uniqueArray(policy, { maxLength: 5, selector: identity }),
).map(([namespaces, pods, policies]) => [...namespaces, ...nodes, ...pods, ...policies]);

/** One object put into a cluster: a policy, a pod or a namespace, new or in place of another of its name. */
export const change: fc.Arbitrary<KubeObject> = fc.oneof(
  { weight: 4, arbitrary: policy },
  { weight: 1, arbitrary: pod },
  { weight: 1, arbitrary: namespaceObject },
);
