import { once } from "node:events";
import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { connect as tlsConnect } from "node:tls";
import { afterAll, afterEach, describe, expect, test } from "vitest";
import { issueCa, issueLeaf } from "../../src/upkeep/certificates.js";
import { readinessOf } from "../../src/model/readiness.js";
import { serve, type RunningServer, type ServeParts } from "../../src/server/serve.js";
import { reviewOf, UID } from "./requests.js";
import { smallParts } from "./small-app.js";

const directory = mkdtempSync(join(tmpdir(), "sluice-serve-"));
const certDir = join(directory, "certs");
const running: RunningServer[] = [];
afterEach(async () => void (await Promise.all(running.splice(0).map((server) => server.close()))));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function started(changes: Partial<ServeParts> = {}) {
  const parts = { ...smallParts(), host: "127.0.0.1", port: 0, certDir, drainMs: 0, ...changes };
  const result = await serve(parts);
  if (!result.ok) throw new Error(result.problems[0]?.message);
  running.push(result.value);
  return { server: result.value, kept: parts.kept };
}

async function send(server: RunningServer, path: string, options: { body?: object; agent?: Agent; ca?: string } = {}) {
  const { body, agent, ca = server.ca } = options;
  const sent = httpsRequest({ host: "127.0.0.1", port: server.port, path, method: body ? "POST" : "GET", ca, agent: agent ?? new Agent(), headers: { connection: agent ? "keep-alive" : "close" } });
  sent.end(body ? JSON.stringify(body) : undefined);
  const [response] = (await once(sent, "response")) as [IncomingMessage];
  return { status: response.statusCode, text: await text(response), connection: response.headers.connection, port: sent.socket?.localPort };
}

describe("a server", () => {
  test("answers over TLS with a certificate its CA vouches for", async () => {
    const { server, kept } = await started();
    expect(JSON.parse((await send(server, "/validate", { body: reviewOf() })).text)).toMatchObject({ response: { uid: UID, allowed: true } });
    expect(await send(server, "/readyz?verbose")).toMatchObject({ status: 200, text: expect.stringMatching(/^\[\+\]packs ok: 2 packs\n\[\+\]certificate ok: ends .*\n\[\+\]handshake ok\n\[\+\]serving ok\nreadyz check passed\n$/) });
    const metrics = (await send(server, "/metrics")).text;
    for (const name of ["sluice_in_flight_requests 0", "sluice_queue_depth 0", /sluice_certificate_expiry_timestamp_seconds \d{10}/, /sluice_ca_expiry_timestamp_seconds \d{10}/]) expect(metrics).toMatch(name);
    expect(kept.lines()[0]).toMatchObject({ msg: "serving", port: server.port });
    // The server's own look at what it shows is nobody breaking off.
    expect(kept.lines().map(({ msg }) => msg)).toEqual(["serving", "allowed"]);
  });

  test("speaks TLS 1.2 and newer only, and logs a client that breaks off", async () => {
    const { server, kept } = await started();
    const old = tlsConnect({ host: "127.0.0.1", port: server.port, ca: server.ca, maxVersion: "TLSv1.1", minVersion: "TLSv1", ciphers: "DEFAULT@SECLEVEL=0" });
    await expect(once(old, "secureConnect")).rejects.toThrow();
    const distrusting = tlsConnect({ host: "127.0.0.1", port: server.port });
    await expect(once(distrusting, "secureConnect")).rejects.toThrow(/certificate/);
    await expect.poll(() => kept.lines().filter(({ msg }) => msg === "a client broke off the TLS handshake").length).toBeGreaterThan(0);
  });

  test("does not wait for a connection that never asked anything", async () => {
    const { server } = await started();
    const idle = tlsConnect({ host: "127.0.0.1", port: server.port, ca: server.ca });
    await once(idle, "secureConnect");
    // It would be as long as a request may take: longer than a test may.
    await Promise.all([server.close(), once(idle, "close")]);
  });

  test("tells the state of the watched kinds", async () => {
    const { server } = await started({ kinds: () => [{ kind: "Pod", synced: true, ageSeconds: 1.5, objects: 7 }] });
    const metrics = (await send(server, "/metrics")).text;
    for (const line of ['sluice_snapshot_synced{kind="Pod"} 1', 'sluice_snapshot_age_seconds{kind="Pod"} 1.5', 'sluice_snapshot_objects{kind="Pod"} 7']) expect(metrics).toContain(line);
  });

  test("counts exceptions by state", async () => {
    const { server } = await started({ exceptions: () => ({ active: 3, expiring: 1 }) });
    const metrics = (await send(server, "/metrics")).text;
    for (const line of ['sluice_exceptions{state="active"} 3', 'sluice_exceptions{state="expiring"} 1']) expect(metrics).toContain(line);
  });

  test("that is not ready says so and refuses for now", async () => {
    const { server } = await started({ ready: () => readinessOf([{ name: "packs", ok: false, detail: "" }]) });
    expect((await send(server, "/readyz")).status).toBe(503);
    expect(JSON.parse((await send(server, "/validate", { body: reviewOf() })).text).response.status.code).toBe(429);
  });

  test("on an address that is taken, or without a readable certificate, is a problem", async () => {
    const { server } = await started();
    const parts = { ...smallParts(), host: "127.0.0.1", port: server.port, certDir };
    expect(await serve(parts)).toMatchObject({ ok: false, problems: [{ code: "serve/listen", message: `cannot listen on 127.0.0.1:${server.port}: the address is in use` }] });
    const broken = join(directory, "broken");
    mkdirSync(broken);
    writeFileSync(join(broken, "tls.crt"), "");
    expect(await serve({ ...parts, port: 0, certDir: broken })).toMatchObject({ ok: false, problems: [{ code: "certificates/unreadable" }] });
  });

  test("takes a new certificate without a restart, and connections that are open serve on", async () => {
    const { server } = await started();
    const agent = new Agent({ keepAlive: true, ca: server.ca });
    const before = await send(server, "/livez", { agent });
    const ca = await issueCa(new Date());
    const leaf = await issueLeaf({ ca, names: [], now: new Date() });
    for (const [file, content] of [["ca.crt", ca.certificate], ["ca.key", ca.key], ["tls.key", leaf.key], ["tls.crt", leaf.certificate]] as const) writeFileSync(join(certDir, file), content);
    await expect.poll(() => send(server, "/livez", { ca: ca.certificate }).then(({ status }) => status, () => 0), { timeout: 5_000 }).toBe(200);
    expect((await send(server, "/livez", { agent })).port).toBe(before.port);
    agent.destroy();
  });
});

test("A14: an instance that is going is not ready, serves on with `Connection: close`, then stops; what is under way is answered", async () => {
  const { server, kept } = await started({ drainMs: 300, judge: (request, route) => new Promise((resolve) => setTimeout(() => resolve(smallParts().judge(request, route, 0)), request.name === "slow" ? 500 : 0)) });
  const agent = new Agent({ keepAlive: true, ca: server.ca, maxSockets: 1 });
  expect((await send(server, "/validate", { body: reviewOf(), agent })).connection).toBe("keep-alive");
  const slow = send(server, "/validate", { body: reviewOf({ name: "slow" }) });
  await new Promise((resolve) => setTimeout(resolve, 50));
  const closed = server.close();
  expect(await send(server, "/validate", { body: reviewOf(), agent })).toMatchObject({ status: 200, connection: "close" });
  expect(await send(server, "/readyz")).toMatchObject({ status: 503, text: expect.stringContaining("[-]serving failed: stopping") });
  expect(await send(server, "/livez")).toMatchObject({ status: 200 });
  expect(JSON.parse((await slow).text)).toMatchObject({ response: { uid: UID, allowed: true } });
  await closed;
  await expect(send(server, "/livez")).rejects.toThrow(/ECONNREFUSED/);
  expect(kept.lines().filter(({ msg }) => String(msg).startsWith("stop")).length).toBe(2);
  agent.destroy();
});
