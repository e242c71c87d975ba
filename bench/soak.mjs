// `npm run bench -- soak [--minutes 20] [--rate 500]`: `sluice serve` under a steady load of pods that come and go, with policies tried in between. Prints what
// the process holds each minute, and the slope of its memory over the second half, when code is warm and caches are full. Never fails on time.
import { spawn } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { Agent, request } from "node:https";
import { createServer } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { fileURLToPath } from "node:url";
import { NODE_FLAGS } from "./server.mjs";

const here = (path) => fileURLToPath(new URL(path, import.meta.url));
const option = (name, otherwise) => Number(process.argv[process.argv.indexOf(`--${name}`) + 1] || otherwise);
const quick = process.argv.includes("--quick");
const MINUTES = process.argv.includes("--minutes") ? option("minutes", 20) : quick ? 0.5 : 20;
const RATE = process.argv.includes("--rate") ? option("rate", 500) : 500;
/** Pods that are there at one time; each is a pod of its own name, which is never seen again. */
const ALIVE = 500;
const TICK_MS = 20;
const SAMPLE_MS = Math.min(15_000, (MINUTES * 60_000) / 20);

const review = (resource, changes) => JSON.stringify({ kind: "AdmissionReview", apiVersion: "admission.k8s.io/v1", request: { uid: crypto.randomUUID(), ...resource, namespace: "space-closed", userInfo: { username: "jane", groups: ["developers"] }, object: null, oldObject: null, dryRun: false, ...changes } });
const pods = { kind: { group: "", version: "v1", kind: "Pod" }, resource: { group: "", version: "v1", resource: "pods" } };
const policies = { kind: { group: "networking.k8s.io", version: "v1", kind: "NetworkPolicy" }, resource: { group: "networking.k8s.io", version: "v1", resource: "networkpolicies" } };
const pod = (name) => ({ apiVersion: "v1", kind: "Pod", metadata: { name, namespace: "space-closed", labels: { "app.kubernetes.io/name": `app-${name.length % 7}`, "kf.dev/networkpolicy": "app", "pod-template-hash": name.slice(-4) } }, spec: { containers: [{ name: "user-container", ports: [{ containerPort: 8080, protocol: "TCP" }] }] }, status: { phase: "Running" } });
const policy = (name) => ({ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name, namespace: "space-closed" }, spec: { podSelector: { matchLabels: { app: name } }, policyTypes: ["Egress"], egress: [{ to: [{ ipBlock: { cidr: "10.8.0.0/16" } }] }] } });

/** The next request: mostly a pod that comes or goes, each hundredth a policy that is tried, each five hundredth one that is refused. */
function* requests() {
  const alive = [];
  for (let count = 0; ; count++) {
    const name = `web-${count.toString(36)}`;
    if (count % 500 === 0) yield ["/validate", review(policies, { operation: "DELETE", name: "allow-dns", oldObject: dns })];
    else if (count % 100 === 0) yield ["/validate", review(policies, { operation: "CREATE", name, object: policy(name), dryRun: true })];
    else if (count % 3 === 0) yield ["/mutate", review(pods, { operation: "CREATE", name, object: pod(name) })];
    else if (alive.length < ALIVE) {
      alive.push(name);
      yield ["/validate", review(pods, { operation: "CREATE", name, object: pod(name) })];
    } else {
      const gone = alive.shift();
      yield ["/validate", review(pods, { operation: "DELETE", name: gone, oldObject: pod(gone) })];
    }
  }
}
const dns = { ...policy("allow-dns"), spec: { podSelector: {}, policyTypes: ["Egress"], egress: [{ to: [{ namespaceSelector: { matchLabels: { "kubernetes.io/metadata.name": "kube-system" } }, podSelector: { matchLabels: { "k8s-app": "kube-dns" } } }], ports: [{ protocol: "UDP", port: 53 }, { protocol: "TCP", port: 53 }] }] } };

function ask(options, body) {
  return new Promise((resolve, reject) => {
    const sent = request({ host: "127.0.0.1", ...options, method: body === undefined ? "GET" : "POST" }, (response) => {
      let text = "";
      response.on("data", (chunk) => (text += chunk)).on("end", () => resolve({ status: response.statusCode, text })).on("error", reject);
    });
    sent.on("error", reject).end(body);
  });
}

/** Least squares: what is gained per hour, in MB. */
function slopePerHour(samples, of) {
  const half = samples.slice(Math.floor(samples.length / 2));
  const mean = (values) => values.reduce((sum, value) => sum + value, 0) / values.length;
  const [x, y] = [mean(half.map(({ minute }) => minute)), mean(half.map(of))];
  const over = half.reduce((sum, one) => sum + (one.minute - x) * (of(one) - y), 0);
  return (over / half.reduce((sum, { minute }) => sum + (minute - x) ** 2, 0)) * 60;
}

async function main() {
  const folder = mkdtempSync(join(tmpdir(), "sluice-soak-"));
  const port = await new Promise((resolve) => {
    const server = createServer().listen(0, "127.0.0.1", () => {
      const { port: free } = server.address();
      server.close(() => resolve(free));
    });
  });
  const child = spawn(process.execPath, ["--expose-gc", ...NODE_FLAGS, here("../dist/main.js"), "serve", "--state", here("../examples/kf-cluster"), "--packs", here("../policies"), "--port", String(port), "--cert-dir", folder], { stdio: ["ignore", "ignore", "pipe"] });
  let logged = 0;
  child.stderr.on("data", (chunk) => (logged += chunk.length));
  try {
    const insecure = new Agent({ rejectUnauthorized: false });
    for (let tries = 0; ; tries++) {
      if ((await ask({ port, path: "/readyz", agent: insecure }).catch(() => ({}))).status === 200) break;
      if (tries > 300) throw new Error("the server does not become ready");
      await sleep(100);
    }
    const agent = new Agent({ keepAlive: true, maxSockets: 32, ca: readFileSync(join(folder, "ca.crt")) });
    const result = await soak({ port, agent });
    report({ ...result, loggedMb: logged / 1e6 });
    agent.destroy();
  } finally {
    child.kill("SIGKILL");
    rmSync(folder, { recursive: true, force: true });
  }
}

async function soak({ port, agent }) {
  const counts = { answered: 0, failed: 0, busy: 0, refused: 0 };
  const latencies = [];
  const next = requests();
  const one = async () => {
    const [path, body] = next.next().value;
    const started = performance.now();
    try {
      const { status, text } = await ask({ port, agent, path: `${path}?timeout=10s` }, body);
      const { response } = JSON.parse(text);
      if (status === 200) counts.answered++;
      else counts.failed++;
      if (response.status?.code === 429) counts.busy++;
      else if (!response.allowed) counts.refused++;
      if (latencies.length < 100_000) latencies.push(performance.now() - started);
      else latencies[Math.floor(Math.random() * latencies.length)] = performance.now() - started;
    } catch {
      counts.failed++;
    }
  };
  const begun = performance.now();
  const until = begun + MINUTES * 60_000;
  const samples = [];
  let [sent, sample] = [0, begun + SAMPLE_MS];
  while (performance.now() < until) {
    const due = Math.floor(((performance.now() - begun) / 1_000) * RATE) - sent;
    // A machine that was busy for a while does not get all of it at once.
    for (let i = 0; i < Math.min(due, RATE / 5); i++) void one();
    sent += due;
    if (performance.now() > sample) {
      sample += SAMPLE_MS;
      samples.push({ minute: (performance.now() - begun) / 60_000, ...(await held(port, agent)), ...counts });
      const { minute, rssMb, heapMb } = samples.at(-1);
      if (samples.length % 4 === 0) console.log(`${minute.toFixed(1)} min: RSS ${rssMb.toFixed(0)} MB, heap ${heapMb.toFixed(0)} MB, ${counts.answered} answered, ${counts.failed} failed`);
    }
    await sleep(TICK_MS);
  }
  latencies.sort((a, b) => a - b);
  const at = (share) => latencies[Math.floor(latencies.length * share)];
  return { samples, counts, p50: at(0.5), p99: at(0.99) };
}

async function held(port, agent) {
  const { text } = await ask({ port, agent, path: "/metrics" });
  const metric = (name) => Number(new RegExp(`^${name} (\\S+)$`, "m").exec(text)?.[1] ?? Number.NaN) / 1e6;
  return { rssMb: metric("process_resident_memory_bytes"), heapMb: metric("nodejs_heap_size_used_bytes") };
}

function report({ samples, counts, p50, p99, loggedMb }) {
  const slopes = { rssMbPerHour: slopePerHour(samples, ({ rssMb }) => rssMb), heapMbPerHour: slopePerHour(samples, ({ heapMb }) => heapMb) };
  console.log(`${MINUTES} minutes at ${RATE} requests/s: ${counts.answered} answered, ${counts.refused} refused, ${counts.busy} told to ask again, ${counts.failed} failed; p50 ${p50.toFixed(1)} ms, p99 ${p99.toFixed(1)} ms; ${loggedMb.toFixed(0)} MB of log`);
  console.log(`slope of the second half: RSS ${slopes.rssMbPerHour.toFixed(1)} MB an hour, heap ${slopes.heapMbPerHour.toFixed(1)} MB an hour`);
  console.log(JSON.stringify({ bench: "soak", node: process.version, minutes: MINUTES, rate: RATE, counts, p50, p99, ...slopes, samples: samples.map(({ minute, rssMb, heapMb }) => [minute, rssMb, heapMb].map((value) => Number(value.toFixed(1)))) }));
}

await main();
