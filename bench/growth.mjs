// What a review costs `sluice serve` when the packs or the cluster grow: the shipped packs beside the same and 1,000 rules of other teams, and 2,000
// pods beside 20,000 and 100,000. All servers run at once and are measured in turn, over https, with 16 connections: what holds is the CPU time per
// request, as a ratio within one round. Loopback only, bounded time, `--quick` for a tenth of it. Prints a table and one line of JSON; never fails on time.
import { cpSync, mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { packOf } from "./large-pack.mjs";
import { cpuOf, measure, NODE_FLAGS, rssMb, SCENARIOS, sleep, start, table, writePods } from "./server.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const quick = process.argv.includes("--quick");
const ROUNDS = 3;
const CONNECTIONS = 16;
/** Requests of each kind before anything is measured: code gets faster by being used. */
const WARM = quick ? 2_000 : 10_000;
const SIZES = [
  { name: "2,000 pods", pods: 2_000, rules: 0 },
  { name: "and 1,000 rules", pods: 2_000, rules: 1_000 },
  { name: "20,000 pods", pods: 20_000, rules: 0 },
  { name: "100,000 pods", pods: 100_000, rules: 0 },
];

function packsWith(directory, rules) {
  const folder = mkdtempSync(join(directory, "packs-"));
  for (const name of readdirSync(here("../policies")).filter((one) => one.endsWith(".yaml"))) cpSync(join(here("../policies"), name), join(folder, name));
  if (rules > 0) writeFileSync(join(folder, "large.yaml"), packOf(rules));
  return folder;
}

async function startOf({ name, pods, rules }, { directory, certDir, ca }) {
  const podsFile = join(directory, `${pods}.json`);
  writePods(podsFile, pods);
  const packs = packsWith(directory, rules);
  const program = (port) => [...NODE_FLAGS, here("../dist/main.js"), "serve", "--state", here("../examples/kf-cluster"), "--state", podsFile, "--packs", packs, "--port", String(port), "--cert-dir", certDir, "--audit-interval", "0"];
  const server = await start(program, ca);
  await untilIdle(server);
  return { name, ...server };
}

/** What is proven and audited between requests is done: a second with next to no work, two minutes at most. */
async function untilIdle({ pid }) {
  for (const until = performance.now() + 120_000; performance.now() < until; ) {
    const before = cpuOf([pid]);
    await sleep(1_000);
    if (cpuOf([pid]) - before < 50) return;
  }
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const servers = [];
  try {
    const certDir = join(directory, "certs");
    const { loadOrCreate } = await import("../dist/upkeep/certificate-files.js");
    const certificate = await loadOrCreate(certDir);
    if (!certificate.ok) throw new Error(JSON.stringify(certificate.problems));
    const ca = certificate.value.ca;
    for (const size of SIZES) servers.push(await startOf(size, { directory, certDir, ca }));
    const rows = [];
    for (const scenario of SCENARIOS) {
      for (let round = 0; round < ROUNDS; round++) for (const server of servers) {
        const figures = await measure(server, scenario, { ca, connections: CONNECTIONS, wants: scenario.wants, warm: round === 0 ? WARM : 1 });
        rows.push({ server: server.name, scenario: scenario.name, round, ...figures });
      }
    }
    report(rows, servers.map(({ name, pid, readyMs }) => ({ name, readyMs, rssMb: rssMb(pid) })));
  } finally {
    for (const server of servers) await server.stop();
    rmSync(directory, { recursive: true, force: true });
  }
}

const median = (values) => values.toSorted((a, b) => a - b)[Math.floor(values.length / 2)];

function report(rows, servers) {
  const [first] = servers;
  const of = (scenario, name) => rows.filter((row) => row.scenario === scenario && row.server === name);
  const results = SCENARIOS.flatMap(({ name: scenario }) => servers.map(({ name }) => {
    const [own, base] = [of(scenario, name), of(scenario, first.name)];
    return { scenario, server: name, cpuMs: median(own.map((row) => row.cpuMs)), p99: median(own.map((row) => row.p99)), ratio: median(own.map((row, i) => row.cpuMs / base[i].cpuMs)) };
  }));
  table([["review", "server", "CPU ms", "p99 ms", `x ${first.name}`], ...results.map(({ scenario, server, cpuMs, p99, ratio }) => [scenario, server, cpuMs.toFixed(3), p99.toFixed(2), ratio.toFixed(2)])]);
  console.log();
  table([["server", "ready ms", "RSS MB"], ...servers.map(({ name, readyMs, rssMb: rss }) => [name, readyMs.toFixed(0), rss.toFixed(0)])]);
  console.log(`\n${JSON.stringify({ bench: "growth", node: process.version, quick, results, servers })}`);
}

await main();
