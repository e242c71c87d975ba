// Reviews per second, latency and CPU time of `sluice serve`, beside a bare https server and a bare express server that parse and allow, in the same run.
// Loopback only, bounded time (five minutes), `--quick` for a tenth of it. Prints a table and one line of JSON; never fails on time.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { createServer } from "node:https";
import { availableParallelism, tmpdir } from "node:os";
import { join } from "node:path";
import { connect } from "node:tls";
import { fileURLToPath } from "node:url";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const quick = process.argv.includes("--quick");
const [WARM_MS, MEASURE_MS, ROUNDS, STARTS] = quick ? [300, 500, 1, 1] : [1_000, 2_000, 5, 5];
const CONNECTIONS = [1, 16];
const HOST = "127.0.0.1";
const PODS = 2_000;

// ---- the servers

/** What every webhook has to do at least: read, parse, answer. */
async function serveBare(kind, port, certDir) {
  const tls = { cert: readFileSync(join(certDir, "tls.crt")), key: readFileSync(join(certDir, "tls.key")), keepAliveTimeout: 120_000 };
  const answer = (body) => JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", response: { uid: JSON.parse(body).request.uid, allowed: true } });
  const handle = (request, response) => {
    const chunks = [];
    request.on("data", (chunk) => chunks.push(chunk)).on("end", () => {
      const text = answer(Buffer.concat(chunks).toString());
      response.writeHead(200, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
    });
  };
  const ready = (_, response) => response.end("ok");
  if (kind === "https") return createServer(tls, (request, response) => (request.url === "/readyz" ? ready : handle)(request, response)).listen(port, HOST);
  const { default: express } = await import("express");
  const app = express().get("/readyz", ready).post("/validate", handle).post("/mutate", handle);
  return createServer(tls, app).listen(port, HOST);
}

/** Of node, as deploy/base/deployment.yaml and `npm start` give them. */
export const NODE_FLAGS = ["--max-semi-space-size=8"];

const programs = (certDir, podsFile) => ({
  "bare https": (port) => [here("server.mjs"), "--bare", "https", String(port), certDir],
  "bare express": (port) => [here("server.mjs"), "--bare", "express", String(port), certDir],
  sluice: (port) => [...NODE_FLAGS, here("../dist/main.js"), "serve", "--state", here("../examples/kf-cluster"), "--state", podsFile, "--packs", here("../policies"), "--port", String(port), "--cert-dir", certDir],
});

/** Starts a program and waits until it is ready; the milliseconds this took. */
export async function start(program, ca) {
  const port = await freePort();
  const started = performance.now();
  const child = spawn(process.execPath, program(port), { stdio: ["ignore", "ignore", "pipe"] });
  let errors = "";
  child.stderr.on("data", (chunk) => (errors = (errors + chunk).slice(-2_000)));
  const ended = new Promise((resolve) => child.on("exit", resolve));
  for (;;) {
    if (child.exitCode !== null || performance.now() - started > 60_000) throw new Error(`the server did not become ready:\n${errors}`);
    const text = await once(port, ca, "GET /readyz HTTP/1.1\r\nhost: x\r\n\r\n").catch(() => "");
    if (text.startsWith("HTTP/1.1 200")) break;
    await sleep(5);
  }
  const stop = async () => {
    child.kill("SIGKILL");
    await ended;
  };
  return { port, pid: child.pid, readyMs: performance.now() - started, stop };
}

// ---- the reviews

/** Each request has another one, as those of an API server: its last twelve digits count. */
const UID = "0f7c7c54-6b8e-4b43-9e0e-000000000000";

const review = (resource, changes) => JSON.stringify({
  kind: "AdmissionReview",
  apiVersion: "admission.k8s.io/v1",
  request: { uid: UID, ...resource, namespace: "space-closed", userInfo: { username: "jane", groups: ["developers", "system:authenticated"] }, object: null, oldObject: null, dryRun: true, options: {}, ...changes },
});
const pods = { kind: { group: "", version: "v1", kind: "Pod" }, resource: { group: "", version: "v1", resource: "pods" } };
const policies = { kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" }, resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" } };

const appPod = (name, more = {}) => ({
  apiVersion: "v1",
  kind: "Pod",
  metadata: {
    generateName: `${name}-`,
    namespace: "space-closed",
    labels: { "app.kubernetes.io/name": name, "app.kubernetes.io/managed-by": "kf", "app.kubernetes.io/component": "app-server", "pod-template-hash": "7b5d" },
    annotations: { "sidecar.istio.io/inject": "true", "kf.dev/build": "x".repeat(64) },
    ownerReferences: [{ apiVersion: "apps/v1", kind: "ReplicaSet", name: `${name}-7b5d`, uid: "5a5a0002-0000-4000-8000-0000000000b1", controller: true, blockOwnerDeletion: true }],
    ...more,
  },
  spec: {
    serviceAccountName: "sa-web",
    containers: [{ name: "user-container", image: "example/web@sha256:1", ports: [{ name: "http-user-port", containerPort: 8080, protocol: "TCP" }], env: Array.from({ length: 12 }, (_, index) => ({ name: `VARIABLE_${index}`, value: "x".repeat(40) })), resources: { requests: { cpu: "100m", memory: "256Mi" } } }],
    volumes: [{ name: "token", projected: { sources: [{ serviceAccountToken: { expirationSeconds: 3607, path: "token" } }] } }],
    tolerations: [{ key: "node.kubernetes.io/not-ready", operator: "Exists", effect: "NoExecute", tolerationSeconds: 300 }],
  },
});
const dnsPolicy = {
  apiVersion: "networking.k8s.io/v1",
  kind: "NetworkPolicy",
  metadata: { name: "allow-dns", namespace: "space-closed" },
  spec: {
    podSelector: {},
    policyTypes: ["Egress"],
    egress: [{ to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] }],
  },
};
const extraPolicy = { ...dnsPolicy, metadata: { name: "allow-database", namespace: "space-closed" }, spec: { podSelector: { matchLabels: { "app.kubernetes.io/name": "web" } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.8.0.0/16" } }], ports: [{ protocol: "TCP", port: 5432 }] }] } };

export const SCENARIOS = [
  { name: "pod mutate", path: "/mutate", body: review(pods, { operation: "CREATE", object: appPod("web") }), wants: '"patch"' },
  { name: "policy validate", path: "/validate", body: review(policies, { operation: "CREATE", name: "allow-database", object: extraPolicy }), wants: '"allowed":true' },
  // Each request about another object: nothing is remembered of it. The others are what a second webhook, a dry run or whoever keeps something applied sends.
  { name: "policy validate, new", path: "/validate", body: review(policies, { operation: "CREATE", name: "allow-database", object: extraPolicy }), wants: '"allowed":true', each: "allow-database" },
  { name: "pod mutate, new", path: "/mutate", body: review(pods, { operation: "CREATE", object: appPod("web-7b5d-x2x9") }), wants: '"patch"', each: "web-7b5d-x2x9" },
  { name: "pod validate, new", path: "/validate", body: review(pods, { operation: "CREATE", name: "web-7b5d-x2x9", object: appPod("web", { name: "web-7b5d-x2x9", labels: { ...appPod("web").metadata.labels, "kf.dev/networkpolicy": "app" } }) }), wants: '"allowed":true', each: "web-7b5d-x2x9" },
  { name: "policy denied", path: "/validate", body: review(policies, { operation: "DELETE", name: "allow-dns", oldObject: dnsPolicy }), wants: '"allowed":false', only: "sluice" },
];

/** Pods that run in the example's Spaces, so that the snapshot is not a toy. */
export function writePods(file, count = PODS) {
  const items = Array.from({ length: count }, (_, index) => {
    const namespace = index % 2 === 0 ? "space-closed" : "space-open";
    const pod = appPod(`app-${index % 50}`, { generateName: undefined, name: `app-${index}`, namespace });
    pod.metadata.labels["kf.dev/networkpolicy"] = "app";
    return { ...pod, status: { phase: "Running", podIP: `10.${30 + (index >> 16)}.${(index >> 8) & 255}.${index & 255}` } };
  });
  writeFileSync(file, JSON.stringify({ apiVersion: "v1", kind: "List", items }));
}

// ---- the load

/** One connection that asks again as soon as it was answered. Raw, so that the client takes as little of the machine as it can. */
function client({ port, ca, request, wants, until, latencies }) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port, ca, servername: "localhost" });
    let [buffer, asked] = [Buffer.alloc(0), 0];
    const ask = () => {
      const bytes = request();
      asked = performance.now();
      socket.write(bytes);
    };
    socket.on("secureConnect", ask).on("error", reject).on("close", () => resolve());
    socket.on("data", (chunk) => {
      buffer = buffer.length === 0 ? chunk : Buffer.concat([buffer, chunk]);
      const head = buffer.indexOf("\r\n\r\n");
      if (head < 0) return;
      const length = Number(/content-length: (\d+)/i.exec(buffer.subarray(0, head).toString("latin1"))?.[1] ?? 0);
      if (buffer.length < head + 4 + length) return;
      const now = performance.now();
      if (latencies.length === 0 && wants && !buffer.includes(wants)) return void reject(new Error(`not the answer that is measured: ${buffer.subarray(head + 4)}`));
      latencies.push(now - asked);
      buffer = Buffer.alloc(0);
      if (now < until) ask();
      else socket.end();
    });
  });
}

let serial = 0;

/** `warm`: how many requests at least come before what is measured, for as long as half a minute: code gets faster by being used. */
export async function measure({ port, pid, pids = [pid] }, scenario, { ca, connections, wants, warm = 1 }) {
  const { path, each } = scenario;
  const written = (body) => Buffer.from(`POST ${path}?timeout=10s HTTP/1.1\r\nhost: ${HOST}:${port}\r\nuser-agent: kube-apiserver-admission\r\ncontent-length: ${Buffer.byteLength(body)}\r\ncontent-type: application/json\r\naccept: application/json, */*\r\naccept-encoding: gzip\r\n\r\n${body}`);
  const same = written(scenario.body);
  const uidEnds = same.indexOf(UID) + UID.length;
  const request = () => {
    const digits = String(++serial).padStart(12, "0");
    if (each !== undefined) return written(scenario.body.replace(UID, `${UID.slice(0, -12)}${digits}`).replaceAll(each, `${each.slice(0, -8)}${digits.slice(-8)}`));
    const bytes = Buffer.from(same);
    bytes.write(digits, uidEnds - 12, "latin1");
    return bytes;
  };
  const run = async (ms) => {
    const latencies = [];
    const [started, cpu] = [performance.now(), cpuOf(pids)];
    await Promise.all(Array.from({ length: connections }, () => client({ port, ca, request, wants, until: started + ms, latencies })));
    return { latencies, seconds: (performance.now() - started) / 1_000, cpu: cpuOf(pids) - cpu };
  };
  const warmUntil = performance.now() + 30_000;
  for (let done = 0; done < warm && performance.now() < warmUntil; ) done += (await run(WARM_MS)).latencies.length;
  const { latencies, seconds, cpu } = await run(MEASURE_MS);
  latencies.sort((a, b) => a - b);
  const at = (part) => latencies[Math.min(latencies.length - 1, Math.floor(latencies.length * part))];
  return { requests: latencies.length, perSecond: latencies.length / seconds, p50: at(0.5), p99: at(0.99), cpuMs: cpu / latencies.length };
}

// ---- the run

async function main() {
  const directory = mkdtempSync(join(tmpdir(), "sluice-bench-"));
  try {
    const certDir = join(directory, "certs");
    const { loadOrCreate } = await import("../dist/upkeep/certificate-files.js");
    const certificate = await loadOrCreate(certDir);
    if (!certificate.ok) throw new Error(JSON.stringify(certificate.problems));
    const podsFile = join(directory, "pods.json");
    writePods(podsFile);
    const ca = certificate.value.ca;
    const results = { bench: "server", node: process.version, cores: availableParallelism(), pods: PODS, quick, servers: {}, rows: [] };
    await measureServers(results, programs(certDir, podsFile), ca);
    results.startToReadyMs = await startTimes(certDir, ca);
    report(results);
  } finally {
    rmSync(directory, { recursive: true, force: true });
  }
}

/** Servers in turns, so that a noisy machine is noisy for all; a figure is the median of its rounds. */
async function measureServers(results, programsByName, ca) {
  const servers = [];
  try {
    for (const [name, program] of Object.entries(programsByName)) {
      const server = await start(program, ca);
      servers.push({ name, ...server });
      results.servers[name] = { readyMs: server.readyMs, rssIdleMb: rssMb(server.pid) };
    }
    for (const scenario of SCENARIOS) {
      for (const connections of CONNECTIONS) results.rows.push(...(await inTurns(asked(servers, scenario), scenario, { ca, connections })));
    }
    for (const { name, pid } of servers) results.servers[name].rssLoadedMb = rssMb(pid);
  } finally {
    for (const { stop } of servers) await stop();
  }
}

/** The others parse and allow whatever it is; beside a scenario of Sluice alone bare https answers the same bodies. */
const asked = (servers, { only, each }) => servers.filter(({ name }) => name !== "bare express" || (!only && !each));

async function inTurns(servers, scenario, { ca, connections }) {
  const rounds = new Map(servers.map(({ name }) => [name, []]));
  for (let round = 0; round < ROUNDS; round++) {
    for (const server of servers) rounds.get(server.name).push(await measure(server, scenario, { ca, connections, wants: server.name === "sluice" ? scenario.wants : '"allowed":true' }));
  }
  return [...rounds].map(([server, figures]) => ({ server, scenario: scenario.name, connections, ...medians(figures) }));
}

const medians = (figures) => Object.fromEntries(Object.keys(figures[0]).map((key) => [key, figures.map((figure) => figure[key]).sort((a, b) => a - b)[Math.floor(figures.length / 2)]]));

/** With the example alone, certificates there already, as `npm start` finds it the second time. */
async function startTimes(certDir, ca) {
  const program = (port) => [...NODE_FLAGS, here("../dist/main.js"), "serve", "--state", here("../examples/kf-cluster"), "--packs", here("../policies"), "--port", String(port), "--cert-dir", certDir];
  const times = [];
  let rss = 0;
  for (let index = 0; index < STARTS; index++) {
    const server = await start(program, ca);
    times.push(server.readyMs);
    rss = rssMb(server.pid);
    await server.stop();
  }
  times.sort((a, b) => a - b);
  return { median: times[Math.floor(times.length / 2)], worst: times.at(-1), rssMb: rss };
}

function report(results) {
  const number = (value, digits) => (Number.isFinite(value) ? value.toFixed(digits) : "-");
  const base = (row, server) => results.rows.find((other) => other.server === server && other.scenario === row.scenario && other.connections === row.connections);
  const lines = results.rows.map((row) => [row.server, row.scenario, row.connections, number(row.perSecond, 0), number(row.p50, 2), number(row.p99, 2), number(row.cpuMs, 3), number(row.cpuMs / base(row, "bare https")?.cpuMs, 2)]);
  table([["server", "review", "conns", "per second", "p50 ms", "p99 ms", "CPU ms", "x bare https"], ...lines]);
  console.log();
  table([["server", "ready ms", "RSS idle MB", "RSS loaded MB"], ...Object.entries(results.servers).map(([name, { readyMs, rssIdleMb, rssLoadedMb }]) => [name, number(readyMs, 0), number(rssIdleMb, 0), number(rssLoadedMb, 0)])]);
  const { median, worst, rssMb: rss } = results.startToReadyMs;
  console.log(`\nstart to ready with the example: median ${number(median, 0)} ms, worst ${number(worst, 0)} ms of ${STARTS}; ${number(rss, 0)} MB\n`);
  console.log(JSON.stringify(results));
}

export function table(rows) {
  const widths = rows[0].map((_, column) => Math.max(...rows.map((row) => String(row[column]).length)));
  for (const row of rows) console.log(row.map((cell, column) => (Number.isNaN(Number(cell)) ? String(cell).padEnd(widths[column]) : String(cell).padStart(widths[column]))).join("  "));
}

// ---- of the machine

export function cpuOf(pids) {
  return pids.reduce((sum, pid) => sum + cpuMs(pid), 0);
}

/** User and system time of a process; NaN where there is no /proc. Linux counts in hundredths of a second. */
function cpuMs(pid) {
  try {
    const fields = readFileSync(`/proc/${pid}/stat`, "utf8").split(") ")[1].split(" ");
    return (Number(fields[11]) + Number(fields[12])) * 10;
  } catch {
    return Number.NaN;
  }
}

export function rssMb(pid) {
  try {
    return Number(/VmRSS:\s+(\d+)/.exec(readFileSync(`/proc/${pid}/status`, "utf8"))[1]) / 1_024;
  } catch {
    return Number.NaN;
  }
}

export function once(port, ca, text) {
  return new Promise((resolve, reject) => {
    const socket = connect({ host: HOST, port, ca, servername: "localhost" }, () => socket.write(text));
    socket.once("data", (chunk) => {
      resolve(chunk.toString());
      socket.destroy();
    });
    socket.on("error", reject).on("close", () => reject(new Error("closed")));
  });
}

export async function freePort() {
  const { createServer: listen } = await import("node:net");
  return new Promise((resolve) => {
    const server = listen().listen(0, HOST, () => {
      const { port } = server.address();
      server.close(() => resolve(port));
    });
  });
}

export function sleep(ms) {
  return new Promise((resolve) => setTimeout(resolve, ms));
}

const bare = process.argv.indexOf("--bare");
if (bare >= 0) await serveBare(process.argv[bare + 1], Number(process.argv[bare + 2]), process.argv[bare + 3]);
else if (process.argv[1] === here("server.mjs")) await main();
