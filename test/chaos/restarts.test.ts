import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { Agent, request, type RequestOptions } from "node:https";
import type { IncomingMessage } from "node:http";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { setTimeout as sleep } from "node:timers/promises";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildProgram, type Program } from "../commands/program.js";
import { startForwarder } from "../e2e/forwarder.js";
import { freePorts } from "../e2e/free-ports.js";
import { waitFor } from "../e2e/wait-for.js";
import { anotherCa, anotherLeaf } from "./certificate-rotation.js";

/** Rolling restarts under keep-alive load, with other certificates in between. `CHAOS_RESTARTS` says how many, `CHAOS_ROTATIONS=20,3` how many leaves and CAs, `CHAOS_REQUESTS` how many requests at least. */

const RESTARTS = Number(process.env["CHAOS_RESTARTS"] ?? 2);
const [LEAVES = 1, CAS = 0] = (process.env["CHAOS_ROTATIONS"] ?? "1,0").split(",").map(Number);
const REQUESTS = Number(process.env["CHAOS_REQUESTS"] ?? 100 * RESTARTS);
const CLIENTS = 12;
// As the API server does: 25 idle connections are kept.
const KEPT = 25;
/** Then a client makes another connection, with what it trusts by then. */
const PER_AGENT = 100;

interface Instance {
  readonly port: number;
  readonly child: ChildProcess;
  readonly ended: Promise<unknown[]>;
}

let program: Program;
let folder: string;
let certDir: string;
const children: ChildProcess[] = [];

beforeAll(async () => {
  program = await buildProgram();
  folder = await mkdtemp(join(tmpdir(), "sluice-restarts-"));
  certDir = join(folder, "certs");
});
afterAll(async () => {
  for (const child of children) if (child.exitCode === null) child.kill("SIGKILL");
  await program.remove();
  await rm(folder, { recursive: true, force: true });
});

async function startInstance(): Promise<Instance> {
  const [port = 0] = await freePorts();
  const child = spawn(process.execPath, [program.main, "serve", "--port", String(port), "--cert-dir", certDir], { stdio: ["ignore", "ignore", "pipe"] });
  children.push(child);
  const ended = once(child, "exit");
  child.stderr.resume();
  for (let tries = 0; ; tries += 1) {
    const ready = await ask({ port, path: "/readyz", rejectUnauthorized: false, agent: false }).catch(() => undefined);
    if (ready?.status === 200) return { port, child, ended };
    if (tries > 200 || child.exitCode !== null) throw new Error("an instance does not become ready");
    await sleep(100);
  }
}

async function ask(options: RequestOptions, body?: string): Promise<{ status: number; text: string }> {
  const sent = request({ host: "127.0.0.1", method: body === undefined ? "GET" : "POST", ...options });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, text: await text(response) };
}

function podReview(uid: string): string {
  const object = { apiVersion: "v1", kind: "Pod", metadata: { name: uid, namespace: "kube-system" }, spec: { containers: [{ name: "a" }] } };
  return JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { uid, kind: { group: "", version: "v1", kind: "Pod" }, resource: { group: "", version: "v1", resource: "pods" }, name: uid, namespace: "kube-system", operation: "CREATE", userInfo: { username: "jane" }, object, dryRun: true } });
}

it(`A14: ${RESTARTS} rolling restarts, ${LEAVES} other leaves and ${CAS} other CAs under keep-alive load lose no request`, async () => {
  let current = await startInstance();
  const forwarder = await startForwarder([current.port]);
  const trusting = async (): Promise<Agent> => new Agent({ ca: await readFile(join(certDir, "ca.crt"), "utf8"), keepAlive: true, maxFreeSockets: KEPT });
  const port = Number(new URL(forwarder.url).port);
  const counts = { answered: 0, failures: [] as string[] };
  let going = true;
  const client = async (id: number): Promise<void> => {
    let agent = await trusting();
    for (let count = 1; going; count += 1) {
      if (count % PER_AGENT === 0) {
        agent.destroy();
        agent = await trusting();
      }
      const uid = `${id}-${count}`;
      try {
        const answer = await ask({ port, path: "/validate?timeout=10s", agent }, podReview(uid));
        const { response } = JSON.parse(answer.text) as { response: { uid: string } };
        if (answer.status === 200 && response.uid === uid) counts.answered += 1;
        else counts.failures.push(`${answer.status} ${answer.text.slice(0, 100)}`);
      } catch (error) {
        counts.failures.push(String(error));
      }
      await sleep(5);
    }
    agent.destroy();
  };
  const clients = Array.from({ length: CLIENTS }, (_, id) => client(id));
  const untilAnswered = async (total: number): Promise<void> => void (await waitFor(`${total} answers`, async () => counts.answered >= total || counts.failures.length > 0, 300_000));
  const read = (): Promise<void> => untilAnswered(counts.answered + 2 * CLIENTS * PER_AGENT);
  for (let restart = 0; restart < RESTARTS; restart += 1) {
    // Spread over the restarts: every so often, and never two at once.
    const isDue = (times: number): boolean => Math.floor(((restart + 1) * times) / RESTARTS) > Math.floor((restart * times) / RESTARTS);
    if (isDue(CAS)) await anotherCa(certDir, read);
    else if (isDue(LEAVES)) await anotherLeaf(certDir);
    await untilAnswered(Math.floor((REQUESTS * restart) / RESTARTS));
    const next = await startInstance();
    forwarder.use([next.port]);
    current.child.kill("SIGTERM");
    expect(await current.ended).toEqual([0, null]);
    current = next;
  }
  await untilAnswered(REQUESTS);
  going = false;
  await Promise.all(clients);
  await forwarder.stop();
  current.child.kill("SIGTERM");
  await current.ended;
  console.log(`${RESTARTS} restarts, ${LEAVES} leaves, ${CAS} CAs: ${counts.answered} requests answered, ${counts.failures.length} failed`);
  expect(counts.failures).toEqual([]);
  expect(counts.answered).toBeGreaterThanOrEqual(REQUESTS);
}, 60_000 + RESTARTS * 60_000 + REQUESTS * 10);
