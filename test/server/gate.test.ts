import { once } from "node:events";
import { createServer, request as httpRequest } from "node:http";
import type { AddressInfo } from "node:net";
import request from "supertest";
import { describe, expect, test } from "vitest";
import { createApp } from "../../src/server/app.js";
import { DEFAULT_LIMITS, Gate } from "../../src/server/gate.js";
import { ALLOWED } from "./decisions.js";
import { reviewOf, UID } from "./requests.js";
import { smallParts } from "./small-app.js";

const limited = (limits: Partial<typeof DEFAULT_LIMITS>) => new Gate({ ...DEFAULT_LIMITS, ...limits });

describe("turns", () => {
  test("are given in order, and handed on", async () => {
    const gate = limited({ judging: 1 });
    const order: number[] = [];
    expect(gate.enter(1_000)).toBe(true);
    const later = [1, 2, 3].map(async (index) => {
      expect(await gate.enter(1_000)).toBe(true);
      order.push(index);
      gate.leave();
    });
    expect(gate.waiting).toBe(3);
    gate.leave();
    await Promise.all(later);
    expect({ order, waiting: gate.waiting }).toEqual({ order: [1, 2, 3], waiting: 0 });
    expect(gate.enter(0)).toBe(true);
  });

  test("are not waited for past the deadline, and none is lost by that", async () => {
    const gate = limited({ judging: 1 });
    expect(gate.enter(1_000)).toBe(true);
    expect(await gate.enter(5)).toBe(false);
    expect(gate.waiting).toBe(0);
    gate.leave();
    expect(gate.enter(1_000)).toBe(true);
  });
});

describe("past the limits", () => {
  const busy = (message: string) => ({ uid: UID, allowed: false, status: { code: 429, reason: "TooManyRequests", message: `[sluice] ${message}`, details: { retryAfterSeconds: 1 } } });
  /** A judge whose decisions wait until `open` is called. */
  const closedJudge = () => {
    let open = () => {};
    const opened = new Promise<void>((resolve) => (open = resolve));
    return { open, judge: () => opened.then(() => ALLOWED) };
  };

  test.each([["inFlight", { inFlight: 1 }], ["bodyBytes", { bodyBytes: 1_200 }]])("of %s a request is answered at once with its uid, and later ones are taken again", async (_, limits) => {
    const { open, judge } = closedJudge();
    const gate = limited(limits);
    const app = createApp(smallParts({ judge, gate }));
    const first = request(app).post("/validate").send(reviewOf()).then(({ body }) => body.response);
    await expect.poll(() => gate.inFlight).toBe(1);
    expect((await request(app).post("/validate").send(reviewOf())).body.response).toEqual(busy("too many requests at once"));
    expect((await request(app).post("/validate/warn").send(reviewOf())).body.response).toMatchObject({ uid: UID, allowed: true, warnings: [expect.any(String)] });
    expect((await request(app).get("/livez")).text).toBe("ok\n");
    open();
    expect(await first).toEqual({ uid: UID, allowed: true });
    expect((await request(app).post("/validate").send(reviewOf())).body.response).toEqual({ uid: UID, allowed: true });
    expect(gate.inFlight).toBe(0);
  });

  test("of bytes those that are only announced take no room, and what has come is thrown away when there is none", async () => {
    const parts = smallParts({ gate: limited({ bodyBytes: 5_000 }) });
    const server = createServer(createApp(parts)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const slow = Array.from({ length: 4 }, () => httpRequest({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, method: "POST", path: "/validate", headers: { "content-length": 5_000 } }).on("error", () => undefined));
    for (const sent of slow) sent.write(JSON.stringify(reviewOf()).slice(0, 100));
    await expect.poll(() => parts.gate?.inFlight).toBe(4);
    expect((await request(server).post("/validate").send(reviewOf())).body.response).toEqual({ uid: UID, allowed: true });
    expect((await request(server).post("/validate").send(reviewOf({ pad: "x".repeat(4_900) }))).body.response).toEqual(busy("too many requests at once"));
    for (const sent of slow) sent.destroy();
    await expect.poll(() => parts.gate?.inFlight).toBe(0);
    expect((await request(server).post("/validate").send(reviewOf({ pad: "x".repeat(4_000) }))).body.response).toEqual({ uid: UID, allowed: true });
    await new Promise((resolve) => server.close(resolve));
  });

  test("of judging a request waits for its turn until its deadline", async () => {
    const { open, judge } = closedJudge();
    const gate = limited({ judging: 1 });
    const app = createApp(smallParts({ judge, gate }));
    const first = request(app).post("/validate").send(reviewOf()).then(({ body }) => body.response);
    await expect.poll(() => gate.inFlight).toBe(1);
    expect((await request(app).post("/validate?timeout=100ms").send(reviewOf())).body.response).toEqual(busy("too many requests are waiting"));
    open();
    expect(await first).toEqual({ uid: UID, allowed: true });
  });

  test("a client that goes away in the middle of its body gives its place back", async () => {
    const parts = smallParts({ gate: limited({ inFlight: 1 }) });
    const server = createServer(createApp(parts)).listen(0, "127.0.0.1");
    await once(server, "listening");
    const sent = httpRequest({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, method: "POST", path: "/validate", headers: { "content-length": 5_000 } });
    sent.on("error", () => undefined);
    sent.write("x".repeat(100));
    await expect.poll(() => parts.gate?.inFlight).toBe(1);
    sent.destroy();
    await expect.poll(() => parts.gate?.inFlight).toBe(0);
    expect(await parts.metrics.registry.metrics()).toContain('sluice_admission_requests_total{route="validate",operation="",outcome="cut-off"} 1');
    await new Promise((resolve) => server.close(resolve));
  });
});
