import fc, { type Arbitrary } from "fast-check";
import type { KubeObject } from "../../src/model/kubernetes.js";

/** Random small clusters of every dialect: few names, labels and ports, so that policies meet the pods and each other. */

const NAMESPACES = ["x", "y", "z"];
const KEYS = ["app", "tier"];
const VALUES = ["a", "b", "c"];
const PORT_NAMES = ["http", "dns"];
const ports = fc.constantFrom(53, 80, 81, 443, 8080);
const protocols = fc.constantFrom("TCP", "UDP", "SCTP");
const cidrs = fc.constantFrom("0.0.0.0/0", "10.0.0.0/8", "10.0.1.0/24", "10.0.1.2/32", "192.168.0.0/16", "::/0", "fd00::/16", "fd00::1/128");
const labels = fc.dictionary(fc.constantFrom(...KEYS), fc.constantFrom(...VALUES), { maxKeys: 2 });

const expression = fc.oneof(
  fc.record({ key: fc.constantFrom(...KEYS), operator: fc.constantFrom("In", "NotIn"), values: fc.array(fc.constantFrom(...VALUES), { minLength: 1, maxLength: 2 }) }),
  fc.record({ key: fc.constantFrom(...KEYS), operator: fc.constantFrom("Exists", "DoesNotExist") }),
);
export const selector: Arbitrary<Record<string, unknown>> = fc.oneof(
  { weight: 2, arbitrary: fc.constant({}) },
  { weight: 3, arbitrary: fc.record({ matchLabels: labels }) },
  { weight: 2, arbitrary: fc.record({ matchLabels: labels, matchExpressions: fc.array(expression, { maxLength: 2 }) }) },
);
const namespaceSelector = fc.oneof(selector, fc.constantFrom(...NAMESPACES).map((name) => ({ matchLabels: { "kubernetes.io/metadata.name": name } })));

const container = fc.record({
  name: fc.constant("main"),
  ports: fc.array(fc.record({ name: fc.constantFrom(...PORT_NAMES), containerPort: ports, protocol: protocols }), { maxLength: 2 }),
});
const podTraits = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  labels,
  containers: fc.array(container, { minLength: 1, maxLength: 2 }),
  hostNetwork: fc.constantFrom(false, false, false, true),
  node: fc.constantFrom("n1", "n2", undefined),
  families: fc.constantFrom("v4", "v4", "v6", "both", "none"),
  phase: fc.constantFrom("Running", "Running", "Running", "Pending", "Succeeded"),
});

function toPod(traits: (typeof podTraits) extends Arbitrary<infer T> ? T : never, index: number): KubeObject {
  const { namespace, containers, hostNetwork, node, families, phase } = traits;
  const own = [...(families === "v4" || families === "both" ? [`10.0.${index % 3}.${index}`] : []), ...(families === "v6" || families === "both" ? [`fd00::${index + 1}`] : [])];
  const ips = hostNetwork ? (node ? [addressOf(node)] : []) : own;
  return {
    apiVersion: "v1", kind: "Pod",
    metadata: { name: `p${index}`, namespace, labels: traits.labels },
    spec: { containers, hostNetwork, ...(node ? { nodeName: node } : {}) },
    status: { phase, podIPs: ips.map((ip) => ({ ip })) },
  };
}

function addressOf(node: string): string {
  return node === "n1" ? "192.168.0.1" : "192.168.0.2";
}

const list = <T>(item: Arbitrary<T>, maxLength = 2) => fc.array(item, { maxLength });
const some = <T>(item: Arbitrary<T>) => fc.array(item, { minLength: 1, maxLength: 2 });

const networkPolicyPort = fc.oneof(
  fc.record({ protocol: protocols, port: fc.oneof(ports, fc.constantFrom(...PORT_NAMES)) }),
  fc.record({ protocol: protocols }),
  fc.constant({ port: 80, endPort: 443 }),
);
const networkPolicyPeer = fc.oneof(
  fc.record({ podSelector: selector }),
  fc.record({ namespaceSelector }),
  fc.record({ podSelector: selector, namespaceSelector }),
  cidrs.map((cidr) => ({ ipBlock: { cidr } })),
  fc.constant({ ipBlock: { cidr: "10.0.0.0/8", except: ["10.0.1.0/24"] } }),
);
const networkPolicy = fc.record({
  namespace: fc.constantFrom(...NAMESPACES),
  spec: fc.record(
    {
      podSelector: selector,
      policyTypes: fc.constantFrom(["Ingress"], ["Egress"], ["Ingress", "Egress"], []),
      ingress: list(fc.record({ from: list(networkPolicyPeer), ports: list(networkPolicyPort) }, { requiredKeys: [] })),
      egress: list(fc.record({ to: list(networkPolicyPeer), ports: list(networkPolicyPort) }, { requiredKeys: [] })),
    },
    { requiredKeys: ["podSelector"] },
  ),
});

const subject = fc.oneof(
  fc.record({ namespaces: namespaceSelector }),
  fc.record({ pods: fc.record({ namespaceSelector, podSelector: selector }) }),
);
const egressOnly = [fc.record({ nodes: selector }), fc.record({ networks: some(cidrs) })];
const adminPort = fc.oneof(
  fc.record({ portNumber: fc.record({ protocol: protocols, port: ports }) }),
  protocols.map((protocol) => ({ portRange: { protocol, start: 80, end: 443 } })),
);
const clusterProtocol = fc.oneof(
  fc.tuple(fc.constantFrom("tcp", "udp", "sctp"), ports).map(([protocol, number]) => ({ [protocol]: { destinationPort: { number } } })),
  fc.constantFrom("tcp", "udp").map((protocol) => ({ [protocol]: { destinationPort: { range: { start: 80, end: 443 } } } })),
);

function adminRules(actions: readonly string[], traffic: Arbitrary<Record<string, unknown>>) {
  const action = fc.constantFrom(...actions);
  const limited = fc.oneof(fc.constant({}), traffic);
  const rule = (field: "from" | "to", peers: Arbitrary<readonly object[]>) =>
    fc.tuple(action, peers, limited).map(([word, chosen, limit]) => ({ action: word, [field]: chosen, ...limit }));
  return {
    subject,
    ingress: list(rule("from", some(subject)), 3),
    egress: list(rule("to", some(fc.oneof(subject, ...egressOnly))), 3),
  };
}

const named = (field: string, item: Record<string, unknown>) => fc.constant({ [field]: [item] });
const priority = fc.integer({ min: 0, max: 3 });
const adminTraffic = fc.record({ ports: some(adminPort) });
const adminPolicy = fc.record({ priority, ...adminRules(["Allow", "Deny", "Pass"], adminTraffic) });
const baselinePolicy = fc.record(adminRules(["Allow", "Deny"], adminTraffic));
const clusterPolicy = fc.record({ tier: fc.constantFrom("Admin", "Baseline"), priority, ...adminRules(["Accept", "Deny", "Pass"], fc.record({ protocols: some(clusterProtocol) })) });
/** A rule with a port name may have pods as peers only. */
const namedPolicy = fc.record({
  priority,
  subject,
  egress: list(fc.tuple(fc.constantFrom("Allow", "Deny", "Pass"), some(subject), named("ports", { namedPort: "http" })).map(([action, to, limit]) => ({ action, to, ...limit }))),
});

const GROUP = "policy.networking.k8s.io";

/** Objects of a cluster, valid as the API server sees it. */
export const clusterObjects: Arbitrary<readonly KubeObject[]> = fc
  .record({
    namespaces: fc.array(labels, { minLength: 2, maxLength: 2 }),
    pods: fc.array(podTraits, { minLength: 2, maxLength: 6 }),
    nodes: fc.array(labels, { minLength: 2, maxLength: 2 }),
    networkPolicies: list(networkPolicy, 4),
    admin: fc.array(fc.oneof(adminPolicy, namedPolicy), { maxLength: 3 }),
    baseline: list(baselinePolicy, 1),
    cluster: list(clusterPolicy, 3),
  })
  .map(({ namespaces, pods, nodes, networkPolicies, admin, baseline, cluster }) => [
    ...namespaces.map((own, i): KubeObject => ({ apiVersion: "v1", kind: "Namespace", metadata: { name: NAMESPACES[i] ?? "x", labels: own } })),
    ...nodes.map((own, i): KubeObject => {
      const name = `n${i + 1}`;
      return { apiVersion: "v1", kind: "Node", metadata: { name, labels: own }, status: { addresses: [{ type: "InternalIP", address: addressOf(name) }] } };
    }),
    ...pods.map(toPod),
    ...networkPolicies.map(({ namespace, spec }, i): KubeObject => ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: `np${i}`, namespace }, spec })),
    ...admin.map((spec, i): KubeObject => ({ apiVersion: `${GROUP}/v1alpha1`, kind: "AdminNetworkPolicy", metadata: { name: `anp${i}` }, spec })),
    ...baseline.map((spec): KubeObject => ({ apiVersion: `${GROUP}/v1alpha1`, kind: "BaselineAdminNetworkPolicy", metadata: { name: "default" }, spec })),
    ...cluster.map((spec, i): KubeObject => ({ apiVersion: `${GROUP}/v1alpha2`, kind: "ClusterNetworkPolicy", metadata: { name: `cnp${i}` }, spec })),
  ]);
