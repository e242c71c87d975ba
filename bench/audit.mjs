// `npm run bench -- audit`: the audit of a large cluster from memory, as it stands and again after one change.
import { readFileSync } from "node:fs";
import { parseAllDocuments } from "yaml";
import { readObjects } from "../dist/dialects/index.js";
import { Snapshot } from "../dist/model/snapshot.js";
import { compilePacks } from "../dist/packs/compile.js";
import { parseProfile } from "../dist/packs/profile.js";
import { audit } from "../dist/review/audit.js";
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
const [changed] = readObjects([{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "policy-1000", namespace: "ns-0" }, spec: { podSelector: {}, policyTypes: ["Egress"], egress: [{}] } }]).changes;
const after = snapshot.with([changed]);
measured("audit after one change", () => audit({ snapshot: after, packs, now: 0 }));
measured("audit of its namespace alone", () => audit({ snapshot: after, packs, now: 0 }, { namespaces: new Set(["ns-0"]) }));
