import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import type { IncomingMessage } from "node:http";
import { Agent, request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { afterAll, beforeAll, expect, it } from "vitest";
import { buildProgram, type Program } from "../commands/program.js";
import { freePorts } from "../e2e/free-ports.js";
import { waitFor } from "../e2e/wait-for.js";
import { anotherCa, anotherLeaf } from "./certificate-rotation.js";

/** Certificates that change under keep-alive load. `CHAOS_ROTATIONS=20,3` says how many leaves and CAs. */

const [LEAVES = 3, CAS = 1] = (process.env["CHAOS_ROTATIONS"] ?? "3,1").split(",").map(Number);
const CLIENTS = 8;
/** An API server keeps a connection for long, and then makes another one with what it trusts by then. */
const PER_CONNECTION = 100;

const review = JSON.stringify({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: { uid: "u", kind: { group: "", version: "v1", kind: "Pod" }, resource: { group: "", version: "v1", resource: "pods" }, name: "a", namespace: "kube-system", operation: "CREATE", userInfo: { username: "jane" }, object: { apiVersion: "v1", kind: "Pod", metadata: { name: "a", namespace: "kube-system" }, spec: { containers: [{ name: "a" }] } }, dryRun: true } });

let program: Program;
let folder = "";
let child: ChildProcess | undefined;
let port = 0;

beforeAll(async () => {
  program = await buildProgram();
  folder = await mkdtemp(join(tmpdir(), "sluice-rotations-"));
  [port = 0] = await freePorts();
  child = spawn(process.execPath, [program.main, "serve", "--port", String(port), "--cert-dir", folder], { stdio: ["ignore", "ignore", "ignore"] });
  await waitFor("the server", async () => (await post(new Agent({ ca: await file("ca.crt") }))) === 200, 30_000);
});
afterAll(async () => {
  if (child?.exitCode === null) {
    child.kill("SIGKILL");
    await once(child, "exit");
  }
  await program.remove();
  await rm(folder, { recursive: true, force: true });
});

const file = (name: string): Promise<string> => readFile(join(folder, name), "utf8");

async function post(agent: Agent): Promise<number> {
  const sent = request({ host: "127.0.0.1", port, path: "/validate", method: "POST", agent });
  sent.end(review);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  const answer = JSON.parse(await text(response)) as { response: { uid: string } };
  return answer.response.uid === "u" ? (response.statusCode ?? 0) : 0;
}

it(`${LEAVES} other leaves and ${CAS} other CAs under keep-alive load lose no request`, async () => {
  const load = { on: true, answered: 0, failures: [] as string[] };
  const client = async (): Promise<void> => {
    while (load.on) {
      const agent = new Agent({ keepAlive: true, maxSockets: 1, ca: await file("ca.crt") });
      for (let i = 0; i < PER_CONNECTION && load.on; i++) {
        await post(agent).then((status) => (status === 200 ? load.answered++ : load.failures.push(String(status))), (error: unknown) => load.failures.push(String(error)));
      }
      agent.destroy();
    }
  };
  const clients = Array.from({ length: CLIENTS }, client);
  // Its clients have read the new bundle before the leaf is the new CA's.
  const read = async (): Promise<void> => {
    const { answered } = load;
    await waitFor("new connections", async () => load.answered > answered + 2 * CLIENTS * PER_CONNECTION, 60_000);
  };
  for (let i = 0; i < LEAVES; i++) await anotherLeaf(folder);
  for (let i = 0; i < CAS; i++) await anotherCa(folder, read);
  const { answered } = load;
  await waitFor("new connections", async () => load.answered > answered + CLIENTS * PER_CONNECTION, 60_000);
  load.on = false;
  await Promise.all(clients);
  expect([...new Set(load.failures)]).toEqual([]);
  if (process.env["CHAOS_ROTATIONS"]) console.log(`${load.answered} requests, ${load.failures.length} failed, over ${LEAVES} leaves and ${CAS} CAs`);
}, 600_000);
