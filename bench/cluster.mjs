// Synthetic clusters as parsed objects, the same for the same numbers: workloads of ten replicas, ten to a namespace; policies
// of the shapes that published policy sets are made of. Seeded, so that figures of two runs compare.

/** mulberry32: small, seeded, good enough to spread choices. */
export function random(seed) {
  let state = seed >>> 0;
  const next = () => {
    state = (state + 0x6d2b79f5) >>> 0;
    let t = Math.imul(state ^ (state >>> 15), 1 | state);
    t = (t + Math.imul(t ^ (t >>> 7), 61 | t)) ^ t;
    return ((t ^ (t >>> 14)) >>> 0) / 4_294_967_296;
  };
  const below = (n) => Math.floor(next() * n);
  return { below, pick: (list) => list[below(list.length)] };
}

const TEAMS = ["red", "green", "blue", "amber"];
const TIERS = ["web", "api", "db", "cache", "job"];
const PORTS = [80, 443, 8080, 5432, 6379, 9090];
const REPLICAS = 10;

export function clusterOf({ pods, policies, namespaces, seed = 1 }) {
  const dice = random(seed);
  const names = Array.from({ length: namespaces }, (_, i) => `ns-${i}`);
  return [
    { apiVersion: "v1", kind: "Namespace", metadata: { name: "kube-system", labels: { "kubernetes.io/metadata.name": "kube-system" } } },
    { ...pod({ namespace: "kube-system", name: "coredns-0", labels: { "k8s-app": "kube-dns" }, address: "10.255.255.1", app: "coredns" }) },
    ...names.map((name, i) => namespace(name, i)),
    ...Array.from({ length: pods }, (_, i) => replica(i, names, pods)),
    ...Array.from({ length: policies }, (_, i) => policy(i, names[i % namespaces], Math.floor(i / namespaces), dice)),
  ];
}

function namespace(name, i) {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels: { "kubernetes.io/metadata.name": name, team: TEAMS[i % TEAMS.length], env: i % 3 ? "prod" : "test" } } };
}

function replica(i, names, pods) {
  const perNamespace = Math.ceil(pods / names.length);
  const ns = names[Math.floor(i / perNamespace)];
  const inNamespace = i % perNamespace;
  const workload = Math.floor(inNamespace / REPLICAS);
  const name = `app-${workload}-${inNamespace % REPLICAS}`;
  return pod({
    namespace: ns, name, app: `app-${workload}`,
    labels: { app: `app-${workload}`, tier: TIERS[workload % TIERS.length], "pod-template-hash": `h${workload}`, "statefulset.kubernetes.io/pod-name": name },
    address: `10.${(i >> 16) & 255}.${(i >> 8) & 255}.${i & 255}`,
  });
}

function pod({ namespace, name, labels, address, app }) {
  return {
    apiVersion: "v1", kind: "Pod",
    metadata: { name, namespace, labels, ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: app, uid: `${namespace}-${app}`, controller: true }] },
    spec: { nodeName: `node-${address.length}`, containers: [{ name: "main", ports: [{ name: "http", containerPort: 8080, protocol: "TCP" }, { name: "metrics", containerPort: 9090, protocol: "TCP" }] }] },
    status: { phase: "Running", podIP: address, podIPs: [{ ip: address }] },
  };
}

function policy(i, namespace, turn, dice) {
  const spec = turn === 0 ? { podSelector: {}, policyTypes: ["Ingress", "Egress"] } : turn === 1 ? dns() : specOf(dice);
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: `policy-${i}`, namespace }, spec };
}

function dns() {
  const to = [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }];
  return { podSelector: {}, policyTypes: ["Egress"], egress: [{ to, ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] }] };
}

function specOf(dice) {
  const own = { podSelector: { matchLabels: { app: `app-${dice.below(10)}` } } };
  const port = { protocol: "TCP", port: dice.pick(PORTS) };
  const peer = dice.pick([
    [{ podSelector: { matchLabels: { app: `app-${dice.below(10)}` } } }],
    [{ podSelector: { matchExpressions: [{ key: "tier", operator: "In", values: [dice.pick(TIERS), dice.pick(TIERS)] }] } }],
    [{ namespaceSelector: { matchLabels: { team: dice.pick(TEAMS) } } }],
    [{ namespaceSelector: { matchExpressions: [{ key: "env", operator: "NotIn", values: ["test"] }] }, podSelector: { matchLabels: { tier: dice.pick(TIERS) } } }],
    [{ namespaceSelector: {}, podSelector: { matchLabels: { app: `app-${dice.below(10)}` } } }],
    [{ ipBlock: { cidr: "172.16.0.0/12", except: [`172.${16 + dice.below(16)}.${dice.below(256)}.0/24`] } }],
    [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }],
  ]);
  if (dice.below(5) === 0) return { podSelector: {}, policyTypes: ["Ingress"], ingress: [{ from: peer, ports: [{ protocol: "TCP", port: "http" }] }] };
  return dice.below(2) === 0
    ? { ...own, policyTypes: ["Ingress"], ingress: [{ from: peer, ports: [port] }] }
    : { ...own, policyTypes: ["Egress"], egress: [{ to: peer, ports: [port] }] };
}
