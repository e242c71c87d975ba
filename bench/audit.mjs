// `npm run bench -- audit`: the audit of a large cluster from memory, as it stands and again after one change; also of Kf Spaces.
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { readObjects } from "../dist/dialects/index.js";
import { Snapshot } from "../dist/model/snapshot.js";
import { compilePacks } from "../dist/packs/compile.js";
import { parseProfile } from "../dist/packs/profile.js";
import { audit } from "../dist/review/audit.js";
import { StandingAudit } from "../dist/review/standing-audit.js";
import { clusterOf } from "./cluster.mjs";

const quick = process.argv.includes("--quick");
const size = quick ? { pods: 10_000, policies: 1_000, namespaces: 100 } : { pods: 100_000, policies: 10_000, namespaces: 1_000 };

function shippedPacks() {
  const read = (name) => parseAllDocuments(readFileSync(new URL(`../policies/${name}.yaml`, import.meta.url), "utf8")).map((document) => document.toJS());
  const compiled = compilePacks([...read("baseline"), ...read("kf")], { settings: {}, profile: parseProfile({}).value });
  if (!compiled.ok) throw new Error(JSON.stringify(compiled.problems));
  return compiled.value;
}

function snapshotOf(objects) {
  return Snapshot.EMPTY.with(readObjects(objects).changes);
}

function measured(what, run) {
  globalThis.gc?.();
  const before = process.memoryUsage().heapUsed;
  const start = performance.now();
  const result = run();
  const milliseconds = performance.now() - start;
  const peak = process.memoryUsage().rss;
  globalThis.gc?.();
  const kept = process.memoryUsage().heapUsed - before;
  const row = { what, ...size, milliseconds: Math.round(milliseconds), keptMB: Math.round(kept / 1e6), rssMB: Math.round(peak / 1e6), violations: result.violations.length };
  console.log(JSON.stringify(row));
  return result;
}

const packs = shippedPacks();
const snapshot = snapshotOf(clusterOf(size));
console.log(JSON.stringify({ what: "snapshot", heapMB: Math.round(process.memoryUsage().heapUsed / 1e6), rssMB: Math.round(process.memoryUsage().rss / 1e6) }));
measured("audit", () => audit({ snapshot, packs, now: 0 }));

const READ = new URL("../examples/kf-cluster/", import.meta.url);
const objectsOf = (file) => parseAllDocuments(readFileSync(new URL(file, READ), "utf8")).map((document) => document.toJS());

/** The open Space of the example cluster under other names, with ten apps each. */
function spacesOf(count) {
  const space = JSON.stringify(objectsOf("20-space-open.yaml"));
  const one = (i) => JSON.parse(space.replaceAll("space-open", `space-${i}`)).flatMap((object) => (object.kind === "Pod" ? Array.from({ length: 10 }, (_, j) => replica(object, i, j)) : [object]));
  return [...objectsOf("10-system.yaml"), ...Array.from({ length: count }, (_, i) => one(i)).flat()];
}

function replica(pod, i, j) {
  const podIP = `10.${64 + (i >> 8)}.${i & 255}.${j}`;
  return { ...pod, metadata: { ...pod.metadata, name: `${pod.metadata.name}-${j}` }, status: { phase: "Running", podIP, podIPs: [{ ip: podIP }] } };
}

/** Follows a cluster through changes, and prints how long each takes and its longest step. */
function followed(what, start, changes) {
  const standing = new StandingAudit();
  let current = start;
  const follow = (name) => {
    let [steps, longest, last] = [0, 0, performance.now()];
    const begun = last;
    for (const _ of standing.follow(() => ({ snapshot: current, packs, now: 0 }))) {
      const now = performance.now();
      [steps, longest, last] = [steps + 1, Math.max(longest, now - last), now];
    }
    const asked = performance.now();
    const { violations } = standing.result();
    const end = performance.now();
    console.log(JSON.stringify({ what: `${what}: ${name}`, milliseconds: Number((end - begun).toFixed(1)), ofThemTelling: Number((end - asked).toFixed(1)), steps, longestStep: Number(longest.toFixed(1)), violations: violations.length, ...memory() }));
  };
  follow("everything");
  for (const [name, objects, removed = []] of changes) {
    current = current.with([...readObjects(objects).changes, ...removed.map((remove) => ({ remove }))]);
    follow(name);
  }
}

function memory() {
  globalThis.gc?.();
  return { heapMB: Math.round(process.memoryUsage().heapUsed / 1e6) };
}

const policy = (namespace, name, spec) => ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace }, spec });
const everythingOut = { podSelector: {}, policyTypes: ["Egress"], egress: [{}] };
const [changed] = readObjects([policy("ns-0", "policy-1000", everythingOut)]).changes;
const after = snapshot.with([changed]);
measured("audit after one change", () => audit({ snapshot: after, packs, now: 0 }));
measured("audit of its namespace alone", () => audit({ snapshot: after, packs, now: 0 }, { namespaces: new Set(["ns-0"]) }));
const podOf = (namespace, name, labels) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace, labels }, spec: { containers: [{ name: "main" }] }, status: { phase: "Running" } });
followed(`${size.pods} pods`, snapshot, [
  ["one policy of a namespace", [policy("ns-0", "policy-1000", everythingOut)]],
  ["one policy of a namespace again", [policy("ns-1", "policy-1001", everythingOut)]],
  ["one pod", [podOf("ns-2", "new", { app: "app-1" })]],
  ["a pod of the cluster's DNS", [podOf("kube-system", "coredns-1", { "k8s-app": "kube-dns" })]],
]);
const count = quick ? 100 : 1_000;
followed(`${count} Spaces`, snapshotOf(spacesOf(count)), [
  ["a policy of a Space that changes nothing", [policy("space-1", "more", { podSelector: {}, policyTypes: ["Egress"] })]],
  ["another one", [policy("space-2", "more", { podSelector: {}, policyTypes: ["Egress"] })]],
  ["a policy of a Space goes that apps need", [], [{ group: "networking.k8s.io", kind: "NetworkPolicy", namespace: "space-3", name: "space-app-policy" }]],
  ["and another change while it is gone", [policy("space-4", "more", { podSelector: {}, policyTypes: ["Egress"] })]],
  ["a pod of a Space", [podOf("space-5", "new", { "kf.dev/networkpolicy": "app" })]],
  ["a Space", objectsOf("20-space-open.yaml")],
  ["a pod of the cluster's DNS", [podOf("kube-system", "kube-dns-2", { "k8s-app": "kube-dns" })]],
]);
