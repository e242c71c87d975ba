// Throughput, CPU time and memory of `sluice serve --cluster` with one process and with `--workers 2`, in the same run. The cluster is an
// API server of this file that lists the example and 2,000 pods and then says nothing. Loopback only, bounded time, `--quick` for a tenth of it.
// Prints tables and one line of JSON; never fails on time. On two cores the client is on one of them: the CPU time per request is what holds.
import { spawn } from "node:child_process";
import { readdirSync, readFileSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:http";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import { freePort, measure, NODE_FLAGS, once, rssMb, SCENARIOS, sleep, table, writePods } from "./server.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const MEASURED = ["pod mutate", "policy validate, new"];
const CONNECTIONS = 16;
/** For each process that answers: with fewer, two workers are compared with one that is warmer. */
const WARM = 6_000;

/** Answers lists of these objects; watches stay open and silent. */
async function serveCluster(objects) {
  const plural = ({ kind }) => `${kind.toLowerCase().replace(/y$/, "ie")}s`.replace(/(endpoints)s$/, "$1");
  const byResource = objects.reduce((map, object) => map.set(plural(object), [...(map.get(plural(object)) ?? []), object]), new Map());
  const server = createServer((request, response) => {
    const url = new URL(request.url, "http://x");
    response.writeHead(200, { "content-type": "application/json" });
    if (url.searchParams.has("watch")) return void response.flushHeaders();
    response.end(JSON.stringify({ metadata: { resourceVersion: "1000" }, items: byResource.get(url.pathname.split("/").at(-1)) ?? [] }));
  });
  await new Promise((resolve) => server.listen(0, "127.0.0.1", resolve));
  return { url: `http://127.0.0.1:${server.address().port}`, close: () => (server.closeAllConnections(), server.close()) };
}

function clusterObjects(directory) {
  const podsFile = join(directory, "pods.json");
  writePods(podsFile);
  const folder = here("../examples/kf-cluster");
  const manifests = readdirSync(folder).filter((name) => name.endsWith(".yaml")).flatMap((name) => parseAllDocuments(readFileSync(join(folder, name), "utf8")).map((document) => document.toJS()));
  return [...manifests, ...JSON.parse(readFileSync(podsFile, "utf8")).items].filter((object) => object?.kind).map((object, index) => ({ ...object, metadata: { ...object.metadata, uid: `u-${index}`, resourceVersion: String(index + 1) } }));
}

async function start(workers, { kubeconfig, certDir, ca }) {
  const port = await freePort();
  const args = [...NODE_FLAGS, here("../dist/main.js"), "serve", "--cluster", "--workers", String(workers), "--packs", here("../policies"), "--port", String(port), "--cert-dir", certDir, "--audit-interval", "0"];
  const child = spawn(process.execPath, args, { stdio: ["ignore", "ignore", "pipe"], env: { ...process.env, KUBECONFIG: kubeconfig } });
  let log = "";
  child.stderr.on("data", (chunk) => (log = (log + chunk).slice(-20_000)));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  const pids = () => [child.pid, ...[...log.matchAll(/"pid":(\d+),"msg":"a worker serves"/g)].map(([, pid]) => Number(pid))];
  for (const until = performance.now() + 30_000; ; await sleep(50)) {
    if (child.exitCode !== null || performance.now() > until) {
      child.kill("SIGKILL");
      throw new Error(`the server did not become ready:\n${log.slice(-2_000)}`);
    }
    const text = await once(port, ca, "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").catch(() => "");
    if (text.startsWith("HTTP/1.1 200") && pids().length === (workers > 1 ? workers + 1 : 1)) break;
  }
  return { port, pids: pids(), stop: async () => (child.kill("SIGTERM"), ended) };
}

async function main() {
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  const cluster = await serveCluster(clusterObjects(directory));
  try {
    const certDir = join(directory, "certs");
    const kubeconfig = join(directory, "kubeconfig");
    writeFileSync(kubeconfig, JSON.stringify({ apiVersion: "v1", kind: "Config", clusters: [{ name: "a", cluster: { server: cluster.url, "insecure-skip-tls-verify": true } }], contexts: [{ name: "a", context: { cluster: "a", user: "a" } }], users: [{ name: "a", user: {} }], "current-context": "a" }));
    const made = spawn(process.execPath, [here("../dist/main.js"), "certs", "--cert-dir", certDir], { stdio: "ignore" });
    await new Promise((resolve) => made.on("exit", resolve));
    const ca = readFileSync(join(certDir, "ca.crt"), "utf8");
    const results = { bench: "workers", node: process.version, cores: availableParallelism(), rows: [], memory: [] };
    for (const workers of [1, 2]) {
      const server = await start(workers, { kubeconfig, certDir, ca });
      for (const scenario of SCENARIOS.filter(({ name }) => MEASURED.includes(name))) {
        results.rows.push({ workers, scenario: scenario.name, ...(await measure(server, scenario, { ca, connections: CONNECTIONS, wants: scenario.wants, warm: WARM * workers })) });
      }
      results.memory.push({ workers, processesMb: server.pids.map((pid) => Math.round(rssMb(pid))) });
      await server.stop();
    }
    report(results);
  } finally {
    cluster.close();
    rmSync(directory, { recursive: true, force: true });
  }
}

function report(results) {
  const one = (row) => results.rows.find((other) => other.workers === 1 && other.scenario === row.scenario);
  table([["workers", "review", "per second", "p99 ms", "CPU ms", "x throughput", "x CPU"], ...results.rows.map((row) => [row.workers, row.scenario, row.perSecond.toFixed(0), row.p99.toFixed(2), row.cpuMs.toFixed(3), (row.perSecond / one(row).perSecond).toFixed(2), (row.cpuMs / one(row).cpuMs).toFixed(2)])]);
  console.log();
  table([["workers", "RSS MB of each process"], ...results.memory.map(({ workers, processesMb }) => [workers, processesMb.join(" + ")])]);
  console.log(JSON.stringify(results));
}

await main();
