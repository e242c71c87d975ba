import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import { connect as tcpConnect, type Socket } from "node:net";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { connect as tlsConnect } from "node:tls";
import { Agent, request as httpsRequest } from "node:https";
import { text } from "node:stream/consumers";
import type { IncomingMessage } from "node:http";
import { afterAll, afterEach, beforeEach, describe, expect, test } from "vitest";
import { readObject } from "../../src/dialects/index.js";
import { serve, type RunningServer } from "../../src/server/serve.js";
import { ALLOWED } from "./decisions.js";
import { reviewOf } from "./requests.js";
import { smallParts } from "./small-app.js";

/** What a slow, greedy or hostile client can do to the server, and what one heavy object can do to the others. */

const directory = mkdtempSync(join(tmpdir(), "sluice-limits-"));
const clientLimits = { headersTimeout: 200, requestTimeout: 300, handshakeTimeout: 200, connectionsCheckingInterval: 25 };
let server: RunningServer;
let parts: ReturnType<typeof smallParts>;

async function start(limits: Partial<typeof clientLimits> & { readonly maxConnections?: number }): Promise<void> {
  parts = smallParts({ judge: ({ object }) => (object ? (readObject(object), ALLOWED) : ALLOWED) });
  const result = await serve({ ...parts, host: "127.0.0.1", port: 0, certDir: join(directory, "certs"), drainMs: 0, clientLimits: limits });
  if (!result.ok) throw new Error(result.problems[0]?.message);
  server = result.value;
}
afterEach(() => server.close());
afterAll(() => rmSync(directory, { recursive: true, force: true }));

async function connected(): Promise<Socket> {
  const socket = tlsConnect({ host: "127.0.0.1", port: server.port, ca: server.ca });
  await once(socket, "secureConnect");
  return socket;
}

/** What comes until the server closes the connection. */
async function untilClosed(socket: Socket): Promise<string> {
  let received = "";
  socket.on("data", (chunk: Buffer) => (received += chunk.toString())).on("error", () => undefined);
  await once(socket, "close");
  return received;
}

describe("a client", () => {
  beforeEach(() => start(clientLimits));

  test("that never ends its handshake is let go", async () => {
    const socket = tcpConnect(server.port, "127.0.0.1");
    expect(await untilClosed(socket)).toBe("");
  });

  test("that sends its headers drop by drop is let go, in plain words", async () => {
    const socket = await connected();
    socket.write("POST /validate HTTP/1.1\r\nhost: x\r\n");
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /);
  });

  test("that sends its body drop by drop is let go, and counted", async () => {
    const socket = await connected();
    socket.write("POST /validate HTTP/1.1\r\nhost: x\r\ncontent-length: 1000\r\n\r\n{");
    const drops = setInterval(() => socket.write(" "), 20);
    expect(await untilClosed(socket)).toMatch(/^HTTP\/1\.1 408 /);
    clearInterval(drops);
    await expect.poll(() => parts.metrics.registry.getSingleMetricAsString("sluice_bodies_refused_total")).toContain('sluice_bodies_refused_total{reason="cut-off"} 1');
  });

  test("that sends 20 KB of headers is refused, without a page of HTML", async () => {
    const socket = await connected();
    socket.write(`POST /validate HTTP/1.1\r\nhost: x\r\nx: ${"y".repeat(20_000)}\r\n\r\n`);
    const answer = await untilClosed(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 431 /);
    expect(answer.toLowerCase()).not.toContain("<html");
  });

  test.each(["GARBAGE\r\n\r\n", "POST /validate HTTP/9.9\r\n\r\n", "POST /validate HTTP/1.1\r\ncontent-length: -1\r\n\r\n", "POST /validate HTTP/1.1\r\nhost: x\r\ncontent-length: 3\r\ntransfer-encoding: chunked\r\n\r\n"])("that speaks no HTTP is let go: %j", async (line) => {
    const socket = await connected();
    socket.write(line);
    const answer = await untilClosed(socket);
    expect(answer).toMatch(/^HTTP\/1\.1 400 /);
    expect(answer.toLowerCase()).not.toContain("<html");
  });
});

test("a client that opens connections without end is turned away, which is told once, and those that are open are served", async () => {
  await start({ maxConnections: 3 });
  const open = [await connected(), await connected(), await connected()];
  for (let times = 0; times < 5; times++) await untilClosed(tcpConnect(server.port, "127.0.0.1"));
  open[0]?.write("GET /livez HTTP/1.1\r\nhost: x\r\nconnection: close\r\n\r\n");
  expect(await untilClosed(open[0] as Socket)).toMatch(/^HTTP\/1\.1 200 /);
  expect(parts.kept.lines().map(({ msg }) => msg).filter((msg) => String(msg).startsWith("too many connections"))).toHaveLength(1);
  (await connected()).destroy();
  for (const socket of open) socket.destroy();
});

describe("a heavy object", () => {
  beforeEach(() => start({}));

  const send = async (method: string, path: string, { body, agent = new Agent() }: { body?: string; agent?: Agent } = {}): Promise<string> => {
    const sent = httpsRequest({ host: "127.0.0.1", port: server.port, path, method, ca: server.ca, agent });
    sent.end(body);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return text(response);
  };
  const heavy = (to: readonly object[]): string => JSON.stringify(reviewOf({ object: { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "a", namespace: "demo" }, spec: { podSelector: {}, egress: [{ to }] } } }));

  test("does not keep /livez waiting until all like it are judged", async () => {
    const body = heavy(Array.from({ length: 10_000 }, (_, index) => ({ ipBlock: { cidr: `10.${(index >> 8) & 255}.${index & 255}.0/25` } })));
    const order: string[] = [];
    // A connection that is there already: client and server share one loop here, and each step of a handshake is a turn of it.
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    await send("GET", "/livez", { agent });
    const reviews = Array.from({ length: 24 }, () => send("POST", "/validate", { body }).then((answer) => order.push(answer.includes('"allowed":true') ? "review" : answer)));
    await Promise.race(reviews);
    await Promise.all([...reviews, send("GET", "/livez", { agent }).then((answer) => order.push(answer))]);
    expect(order.filter((one) => one === "review")).toHaveLength(24);
    expect(order.indexOf("ok\n")).toBeLessThan(20);
    agent.destroy();
  });
});
