// Rule packs: how long a large one takes to load, what its rules cost per review, and what hostile ones cost. `--quick` for a tenth of it. Prints tables and one line of JSON; never fails on time.
import { spawnSync } from "node:child_process";
import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { HOSTILE } from "./hostile-packs.mjs";
import { packOf } from "./large-pack.mjs";

const quick = process.argv.includes("--quick");
const [ROUNDS, REVIEWS] = quick ? [3, 2_000] : [15, 20_000];
const RULES = 1_000;

function folderWith(root, name, files) {
  const folder = mkdtempSync(join(root, `${name}-`));
  for (const [file, text] of Object.entries(files)) writeFileSync(join(folder, file), text);
  return folder;
}

const median = (values) => values.sort((a, b) => a - b)[Math.floor(values.length / 2)];

async function loading(root) {
  const { loadPacks } = await import("../dist/sources/packs.js");
  const packs = folderWith(root, "large", { "large.yaml": packOf(RULES) });
  const times = [];
  for (let round = 0; round < ROUNDS; round++) {
    const started = performance.now();
    const loaded = await loadPacks({ packs, set: [] });
    times.push(performance.now() - started);
    if (!loaded.ok) throw new Error(JSON.stringify(loaded.problems.slice(0, 3)));
  }
  return { first: times[0], median: median([...times]) };
}

async function reviewing(root) {
  const [{ loadPacks }, { review }, { loadState }] = await Promise.all([import("../dist/sources/packs.js"), import("../dist/review/review.js"), import("../dist/sources/files.js")]);
  const { snapshot } = (await loadState([fileURLToPath(new URL("../examples/kf-cluster", import.meta.url))])).value;
  const requests = REQUESTS;
  const sets = {};
  for (const count of [10, RULES]) {
    const loaded = await loadPacks({ packs: folderWith(root, `of-${count}`, { "p.yaml": packOf(count) }), set: [] });
    sets[count] = loaded.value.packs;
  }
  const rows = [];
  for (const [name, request] of Object.entries(requests)) {
    const perSecond = {};
    // In turns, so that a noisy machine is noisy for both.
    for (let round = 0; round < 5; round++) for (const [count, packs] of Object.entries(sets)) {
      const started = performance.now();
      for (let i = 0; i < REVIEWS / 5; i++) review(request, { snapshot, packs, now: 0 });
      (perSecond[count] ??= []).push(REVIEWS / 5 / ((performance.now() - started) / 1_000));
    }
    rows.push({ review: name, of10: median(perSecond[10]), of1000: median(perSecond[RULES]) });
  }
  return rows;
}

const base = (kind, resource, group = "") => ({ uid: "u", kind: { group, version: "v1", kind }, resource: { group, version: "v1", resource }, operation: "CREATE", userInfo: { username: "jane", groups: ["devs"] }, dryRun: false });
const REQUESTS = {
  pod: { ...base("Pod", "pods"), name: "web", namespace: "space-open", object: { apiVersion: "v1", kind: "Pod", metadata: { name: "web", namespace: "space-open", labels: { app: "web" } }, spec: { containers: [{ name: "c", image: "i" }] } } },
  policy: { ...base("NetworkPolicy", "networkpolicies", "networking.k8s.io"), name: "p", namespace: "space-open", object: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p", namespace: "space-open" }, spec: { podSelector: { matchLabels: { app: "web" } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.8.0.0/16" } }], ports: [{ port: 5432 }] }] } } },
};

/** Each in a process of its own: what it costs beyond loading an empty folder. */
function hostile(root) {
  const self = fileURLToPath(import.meta.url);
  const run = (folder) => JSON.parse(spawnSync(process.execPath, [self, "--load", folder], { encoding: "utf8" }).stdout || "{}");
  return HOSTILE.map(([name, files]) => ({ name, ...run(folderWith(root, "hostile", files)) }));
}

async function loadAndTell(folder) {
  const { loadPacks } = await import("../dist/sources/packs.js");
  const started = performance.now();
  const loaded = await loadPacks({ packs: folder, set: [] });
  const ms = performance.now() - started;
  console.log(JSON.stringify({ ms, peakMb: process.resourceUsage().maxRSS / 1_024, problems: loaded.ok ? 0 : loaded.problems.length }));
}

function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) console.log(row.map((cell, column) => (column > 0 ? String(cell).padStart(widths[column]) : String(cell).padEnd(widths[column]))).join("  "));
}

async function main() {
  const root = mkdtempSync(join(tmpdir(), "sluice-bench-packs-"));
  try {
    const load = await loading(root);
    const reviews = await reviewing(root);
    const hurt = hostile(root);
    console.log(`a pack of ${RULES} rules loads in ${load.median.toFixed(0)} ms (the first time, code cold: ${load.first.toFixed(0)} ms)\n`);
    table([["review", "10 rules/s", "1000 rules/s", "cost"], ...reviews.map(({ review, of10, of1000 }) => [review, of10.toFixed(0), of1000.toFixed(0), `${(100 * (1 - of1000 / of10)).toFixed(1)} %`])]);
    console.log();
    table([["hostile pack", "ms", "peak MB", "problems"], ...hurt.map(({ name, ms, peakMb, problems }) => [name, ms?.toFixed(0) ?? "-", peakMb?.toFixed(0) ?? "-", problems ?? "died"])]);
    console.log(`\n${JSON.stringify({ bench: "packs", node: process.version, quick, load, reviews, hostile: hurt })}`);
  } finally {
    rmSync(root, { recursive: true, force: true });
  }
}

const asked = process.argv.indexOf("--load");
if (asked >= 0) await loadAndTell(process.argv[asked + 1]);
else await main();
