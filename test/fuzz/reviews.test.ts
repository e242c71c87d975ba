import { once } from "node:events";
import { existsSync, readdirSync, readFileSync } from "node:fs";
import { Agent, createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { resolve } from "node:path";
import { buffer } from "node:stream/consumers";
import { afterAll, beforeAll, expect, test } from "vitest";
import type { AdmissionReviewOut, PatchOperation } from "../../src/model/admission.js";
import { isRecord, type KubeObject } from "../../src/model/kubernetes.js";
import { applyPatch } from "../../src/review/apply-patch.js";
import { remembering } from "../../src/review/remembered.js";
import { review, reviewMutation, reviewValidation } from "../../src/review/review.js";
import { createLog } from "../../src/log.js";
import { createApp } from "../../src/server/app.js";
import { decode } from "../../src/server/decode.js";
import { makeJudge } from "../../src/server/judge.js";
import { LiveSnapshot } from "../../src/server/live-snapshot.js";
import { respond } from "../../src/server/respond.js";
import { conformanceFile } from "../conformance/cases.js";
import { kfCluster, request, shippedPacks, stored } from "../review/world.js";
import { smallParts } from "../server/small-app.js";
import { broken, mutated, pick, randomFrom } from "./mutations.js";

/** Generated and mutated AdmissionReviews against a whole server with the shipped packs. `FUZZ_RUNS` says how many, `FUZZ_SEED` repeats a run. */

const RUNS = Number(process.env["FUZZ_RUNS"] ?? 2_000);
const SEED = Number(process.env["FUZZ_SEED"] ?? (process.env["FUZZ_RUNS"] === undefined ? 20_261_121 : Date.now() % 2 ** 31));
const ROUTES = ["/validate", "/validate", "/validate/deny", "/validate/warn", "/mutate"] as const;

const packs = shippedPacks();
const snapshot = kfCluster();
const now = Date.parse("2026-11-21T12:00:00Z");
const context = { snapshot, packs, now };
const agent = new Agent({ keepAlive: true, maxSockets: 4 });
const failures: string[] = [];
const log = createLog({ level: "error", stream: { write: (line: string) => void failures.push(line) } });
// As `serve` does it: with a memory.
const [validate, mutate] = [remembering(reviewValidation), remembering(reviewMutation)];
const parts = smallParts({ log, judge: makeJudge({ live: new LiveSnapshot(snapshot), validate: (asked) => validate(asked, context), mutate: (asked) => mutate(asked, context), isExempt: (name) => packs.isExempt(name), metrics: smallParts().metrics, log }) });
const server = createServer(createApp(parts));

beforeAll(async () => void (await once(server.listen(0, "127.0.0.1"), "listening")));
afterAll(() => {
  agent.destroy();
  server.close();
});

/** What a real API server sent, where that is at hand, and reviews of the example cluster. */
function seeds(): readonly object[] {
  const folder = conformanceFile("admission", "reviews");
  const recorded = existsSync(folder) ? readdirSync(folder).filter((file) => file.endsWith(".json")).map((file) => JSON.parse(readFileSync(resolve(folder, file), "utf8")) as object) : [];
  const policy = (name: string): KubeObject => stored("NetworkPolicy", "space-closed", name);
  const wide = { ...policy("allow-dns"), metadata: { name: "wide", namespace: "space-closed" }, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"], ingress: [{}], egress: [{ to: [{ ipBlock: { cidr: "0.0.0.0/0", except: ["10.0.0.0/8"] } }], ports: [{ protocol: "TCP", port: 1, endPort: 65_535 }] }] } };
  const namespace = stored("Namespace", undefined, "space-closed");
  const app = { apiVersion: "v1", kind: "Pod", metadata: { name: "app", namespace: "space-open", labels: { "app.kubernetes.io/component": "app-server" } }, spec: { containers: [{ name: "a" }] } };
  const pod = { apiVersion: "v1", kind: "Pod", metadata: { name: "p", namespace: "space-closed", labels: { app: "x" } }, spec: { containers: [{ name: "a", ports: [{ containerPort: 8080 }] }] } };
  const made = [
    ...["allow-dns", "default-deny", "allow-mesh", "allow-gateway"].map((name) => request("DELETE", policy(name))),
    request("CREATE", wide),
    request("UPDATE", { ...policy("allow-dns"), spec: wide.spec }, { old: policy("allow-dns") }),
    request("CREATE", { ...namespace, metadata: { name: "fresh" } }),
    request("UPDATE", { ...namespace, metadata: { ...namespace.metadata, labels: {} } }, { old: namespace }),
    request("CREATE", pod),
    request("CREATE", app),
    request("CREATE", { ...app, metadata: { name: "bare", namespace: "space-closed" } } as KubeObject),
    request("UPDATE", { ...pod, metadata: { ...pod.metadata, labels: { "kf.dev/networkpolicy": "build" } } }, { old: pod }),
  ].map((asked) => ({ apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: asked }));
  // The shipped packs have more to say about these.
  return [...recorded, ...made, ...made, ...made];
}

interface Answered {
  readonly status: number;
  readonly type: string | undefined;
  readonly text: string;
}

async function send(path: string, body: Buffer): Promise<Answered> {
  const sent = httpRequest({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, method: "POST", path, agent, headers: { "content-length": body.length, "content-type": "application/json" } });
  sent.end(body);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode ?? 0, type: response.headers["content-type"], text: (await buffer(response)).toString() };
}

/** What is wrong with an answer; empty when nothing is. */
function faultsOf(path: string, body: Buffer, { status, type, text }: Answered): string[] {
  const decoded = decode(body);
  const uid = decoded.ok ? decoded.request.uid : decoded.uid;
  if (type !== "application/json" || text.toLowerCase().includes("<!doctype")) return [`no JSON but ${type}`];
  const answer = JSON.parse(text) as AdmissionReviewOut;
  if (uid === undefined || uid === "") return status === 400 && !answer.response.allowed ? [] : [`${status} for a body without a uid`];
  const faults: string[] = [];
  if (status !== 200) faults.push(`status ${status} for a readable body`);
  if (answer.response.uid !== uid) faults.push(`uid ${JSON.stringify(answer.response.uid)}, not ${JSON.stringify(uid)}`);
  if (!answer.response.allowed && !(answer.response.status?.message && answer.response.status.code >= 400)) faults.push("a refusal without a word");
  if (answer.response.patch !== undefined && path !== "/mutate") faults.push("a patch of a validating webhook");
  return faults;
}

/** What `serve` makes of a request in its two calls, and what `review` makes of it in one. */
async function disagreement(body: Buffer): Promise<string | undefined> {
  const decoded = decode(body);
  if (!decoded.ok) return undefined;
  const { request: asked } = decoded;
  const alone = respond(review(asked, context), { uid: asked.uid, mutating: true }).response;
  const first = asked.operation === "CREATE" ? (JSON.parse((await send("/mutate", body)).text) as AdmissionReviewOut).response.patch : undefined;
  const patch = first === undefined ? [] : (JSON.parse(Buffer.from(first, "base64").toString()) as PatchOperation[]);
  const second = patch.length > 0 && asked.object ? Buffer.from(patchedText(body, applyPatch(asked.object, patch))) : body;
  const served = (JSON.parse((await send("/validate", second)).text) as AdmissionReviewOut).response;
  const differs = served.allowed !== alone.allowed || served.status?.message !== alone.status?.message;
  return differs ? `serve: ${served.allowed} ${served.status?.message}; review: ${alone.allowed} ${alone.status?.message}` : undefined;
}

function patchedText(body: Buffer, object: KubeObject): string {
  // As `decode` does: without a byte order mark.
  const whole: unknown = JSON.parse(new TextDecoder().decode(body));
  return JSON.stringify(isRecord(whole) && isRecord(whole["request"]) ? { ...whole, request: { ...whole["request"], object } } : whole);
}

test(`${RUNS} mutated reviews (seed ${SEED}): each is answered, with its uid, and as \`review\` answers it`, async () => {
  const random = randomFrom(SEED);
  const all = seeds();
  const spread: Record<string, number> = {};
  for (let run = 0; run < RUNS; run += 1) {
    const tree = mutated(pick(random, all), all, random);
    const body = random() < 0.15 ? broken(JSON.stringify(tree), random) : Buffer.from(JSON.stringify(tree));
    const path = pick(random, ROUTES);
    const answered = await send(`${path}?timeout=30s`, body);
    expect(faultsOf(path, body, answered), `run ${run} of seed ${SEED}: ${body.toString().slice(0, 2_000)}`).toEqual([]);
    expect(failures, `run ${run} of seed ${SEED}: ${body.toString().slice(0, 2_000)}`).toEqual([]);
    const { response } = JSON.parse(answered.text) as AdmissionReviewOut;
    const kind = `${path} ${answered.status === 400 ? "no uid" : response.allowed ? (response.patch ? "patched" : response.warnings ? "warned" : "allowed") : response.status?.code}`;
    spread[kind] = (spread[kind] ?? 0) + 1;
    if (run > 0 && run % 100_000 === 0) console.log(`${run} reviews so far`);
    if (run % 5 === 0) expect(await disagreement(body), `run ${run} of seed ${SEED}: ${body.toString().slice(0, 2_000)}`).toBeUndefined();
  }
  console.log(`${RUNS} reviews of seed ${SEED}:`, Object.fromEntries(Object.entries(spread).sort()));
  // Something of everything: a fuzzer whose reviews are all unreadable tries nothing.
  for (const kind of ["/validate allowed", "/validate 403", "/validate 400", "/validate/warn warned", "/mutate patched"]) expect(spread[kind] ?? 0, kind).toBeGreaterThan(0);
  // Whatever was sent, the metrics stay few.
  const series = (await parts.metrics.registry.metrics()).split("\n").filter((line) => line.startsWith("sluice_admission_requests_total"));
  expect(series.length).toBeLessThan(80);
}, 60_000 + RUNS * 50);
