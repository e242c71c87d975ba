import { once } from "node:events";
import { createServer, request, type IncomingMessage, type RequestListener, type Server } from "node:http";
import type { AddressInfo } from "node:net";
import { text } from "node:stream/consumers";
import { afterEach, expect, test } from "vitest";
import { loopbackOnly } from "../../src/server/access.js";
import { accessOfForwarded, forwarding } from "../../src/workers/forward.js";
import { Tunnels } from "../../src/workers/tunnel.js";

const servers: Server[] = [];
afterEach(async () => {
  for (const server of servers.splice(0)) {
    server.closeAllConnections();
    await new Promise((resolve) => server.close(resolve));
  }
});

/** A worker that hands on what it is asked, and what stands behind it. */
async function setUp(app: RequestListener) {
  const behind = createServer(app);
  const primary = new Tunnels(async (piece) => void setImmediate(() => worker.take(structuredClone(piece))), (connection) => behind.emit("connection", connection));
  const worker = new Tunnels(async (piece) => void setImmediate(() => primary.take(structuredClone(piece))));
  const front = createServer(forwarding(() => worker.connect())).listen(0, "127.0.0.1");
  servers.push(front);
  await once(front, "listening");
  const { port } = front.address() as AddressInfo;
  const start = (path: string, { body, headers = {} }: { body?: string; headers?: Record<string, string> } = {}) => request({ host: "127.0.0.1", port, path, method: body === undefined ? "GET" : "POST", headers }).end(body);
  const ask = async (...asked: Parameters<typeof start>) => {
    const [response] = (await once(start(...asked), "response")) as [IncomingMessage];
    return { status: response.statusCode, headers: response.headers, text: await text(response) };
  };
  return { ask, start, worker, primary };
}

test("questions and answers of any length go on to the primary and back", async () => {
  const { ask } = await setUp(async (request, response) => response.writeHead(request.method === "POST" ? 201 : 404, { "x-seen": request.headers["authorization"] ?? "" }).end((await text(request)).repeat(2)));
  const body = "x".repeat(700_000);
  const answer = await ask("/console/v1/what-if?a=b", { body, headers: { authorization: "Bearer t" } });
  expect(answer).toMatchObject({ status: 201, headers: { "x-seen": "Bearer t" } });
  expect(answer.text).toHaveLength(1_400_000);
  expect((await Promise.all(["/a", "/b", "/c"].map((path) => ask(path)))).map(({ status }) => status)).toEqual([404, 404, 404]);
});

test("that it lives is told by the worker itself", async () => {
  const { ask } = await setUp((_, response) => response.writeHead(500).end());
  expect(await ask("/livez")).toMatchObject({ status: 200, text: "ok\n" });
  expect((await ask("/readyz")).status).toBe(500);
});

test("whoever asks is judged by where they asked, whatever they write", async () => {
  const access = accessOfForwarded(loopbackOnly);
  const { ask } = await setUp((request, response) => void access(request).then((answer) => response.end(`${answer} ${request.headers["x-sluice-client"]}`)));
  expect((await ask("/metrics", { headers: { "x-sluice-client": "10.1.2.3" } })).text).toBe("granted 127.0.0.1");
  const asked = (address?: string) => access({ headers: address === undefined ? {} : { "x-sluice-client": address }, socket: { remoteAddress: "127.0.0.1" } });
  expect([await asked("10.1.2.3"), await asked(), await asked("::1")]).toEqual([403, 403, "granted"]);
});

test("whoever goes away is known to be gone, and a primary that goes is no answer", async () => {
  let begun: () => void = () => undefined;
  const asked = new Promise<void>((resolve) => (begun = resolve));
  let over: () => void = () => undefined;
  const closed = new Promise<void>((resolve) => (over = resolve));
  const { ask, start, worker } = await setUp((_, response) => {
    response.once("close", over);
    begun();
  });
  const client = start("/console/v1/decisions?wait");
  client.on("error", () => undefined);
  await asked;
  client.destroy();
  await closed;
  const waiting = ask("/metrics");
  await new Promise((resolve) => setTimeout(resolve, 50));
  worker.close();
  expect(await waiting).toMatchObject({ status: 502, text: '{"error":"the primary process does not answer"}' });
});

test("pieces of a connection that is closed open none", async () => {
  const opened: unknown[] = [];
  const tunnels = new Tunnels(async () => undefined, (connection) => void opened.push(connection.resume().on("error", () => undefined)));
  tunnels.take({ id: 1, data: Buffer.from("a") });
  tunnels.take({ id: 1 });
  await new Promise((resolve) => setImmediate(resolve));
  tunnels.take({ id: 1, data: Buffer.from("b") });
  tunnels.take({ id: 2, data: Buffer.from("c") });
  expect(opened).toHaveLength(2);
  tunnels.close();
});
