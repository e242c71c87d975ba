import { once } from "node:events";
import { createServer } from "node:http";
import type { AddressInfo } from "node:net";
import { json } from "node:stream/consumers";
import request from "supertest";
import { afterEach, expect, test } from "vitest";
import { createApp } from "../../src/server/app.js";
import { Tracing } from "../../src/server/tracing.js";
import { ALLOWED, DENIED } from "./decisions.js";
import { reviewOf, UID } from "./requests.js";
import { smallParts } from "./small-app.js";

/** As OTLP writes it in JSON. */
interface Exported {
  readonly resourceSpans: readonly { readonly resource: { readonly attributes: readonly Attribute[] }; readonly scopeSpans: readonly { readonly spans: readonly Span[] }[] }[];
}
interface Attribute {
  readonly key: string;
  readonly value: { readonly stringValue?: string; readonly boolValue?: boolean; readonly arrayValue?: { readonly values: readonly { readonly stringValue: string }[] } };
}
interface Span {
  readonly traceId: string;
  readonly parentSpanId?: string;
  readonly name: string;
  readonly kind: number;
  readonly startTimeUnixNano: string;
  readonly endTimeUnixNano: string;
  readonly attributes: readonly Attribute[];
}

const closing: (() => void)[] = [];
afterEach(() => closing.splice(0).forEach((close) => close()));

async function collector() {
  const received: { path: string | undefined; type: string | undefined; body: Exported }[] = [];
  const server = createServer(async (asked, response) => {
    received.push({ path: asked.url, type: asked.headers["content-type"], body: (await json(asked)) as Exported });
    response.setHeader("content-type", "application/json").end("{}");
  });
  await once(server.listen(0, "127.0.0.1"), "listening");
  closing.push(() => (server.closeAllConnections(), server.close()));
  return { received, endpoint: `http://127.0.0.1:${(server.address() as AddressInfo).port}/` };
}

const plain = ({ attributes }: { readonly attributes: readonly Attribute[] }) =>
  Object.fromEntries(attributes.map(({ key, value }) => [key, value.arrayValue ? value.arrayValue.values.map(({ stringValue }) => stringValue) : (value.stringValue ?? value.boolValue)]));

test("each review is a span with its outcome, below the span of whoever asked, and none is sent where that one is not sampled", async () => {
  const { received, endpoint } = await collector();
  const tracing = new Tracing(endpoint, "1.2.3");
  const parts = smallParts({ judge: ({ operation }) => (operation === "DELETE" ? DENIED : ALLOWED), traced: (answered) => tracing.answered(answered) });
  const app = createApp(parts);
  const before = Date.now();
  const [trace, parent] = ["4bf92f3577b34da6a3ce929d0e0e4736", "00f067aa0ba902b7"];
  await request(app).post("/validate/deny").set("traceparent", `00-${trace}-${parent}-01`).send(reviewOf({ operation: "DELETE", object: null, dryRun: true }));
  await request(app).post("/mutate").send(reviewOf());
  await request(app).post("/validate").send("{");
  await request(app).post("/validate").set("traceparent", `00-${"a".repeat(32)}-${parent}-00`).send(reviewOf());
  await tracing.close();
  expect(received.map(({ path, type }) => [path, type])).toEqual([["/v1/traces", "application/json"]]);
  const [{ resource, scopeSpans } = { resource: { attributes: [] }, scopeSpans: [] }] = received[0]?.body.resourceSpans ?? [];
  expect(plain(resource)).toMatchObject({ "service.name": "sluice", "service.version": "1.2.3" });
  const spans = scopeSpans.flatMap((scope) => scope.spans);
  expect(spans.map(({ name, kind }) => [name, kind])).toEqual([["review validate/deny", 2], ["review mutate", 2], ["review validate", 2]]);
  expect(spans.map(plain)).toEqual([
    { "sluice.route": "validate/deny", "sluice.operation": "DELETE", "sluice.outcome": "denied", "sluice.uid": UID, "sluice.kind": "NetworkPolicy.networking.k8s.io", "sluice.dry_run": true, "sluice.rules": ["baseline/dns=deny"] },
    { "sluice.route": "mutate", "sluice.operation": "CREATE", "sluice.outcome": "allowed", "sluice.uid": UID, "sluice.kind": "NetworkPolicy.networking.k8s.io", "sluice.dry_run": false, "sluice.rules": [] },
    { "sluice.route": "validate", "sluice.operation": "", "sluice.outcome": "malformed" },
  ]);
  const [denied, mutated] = spans;
  expect([denied?.traceId, denied?.parentSpanId]).toEqual([trace, parent]);
  expect([mutated?.parentSpanId ?? "", mutated?.traceId === trace]).toEqual(["", false]);
  for (const { startTimeUnixNano, endTimeUnixNano } of spans) {
    const [start, end] = [startTimeUnixNano, endTimeUnixNano].map((nanoseconds) => Number(BigInt(nanoseconds) / 1_000_000n)) as [number, number];
    expect(start).toBeGreaterThanOrEqual(before - 60_000);
    expect(end).toBeGreaterThanOrEqual(start);
    expect(end).toBeLessThanOrEqual(Date.now() + 60_000);
  }
});

test("a collector that is away is nobody's trouble", async () => {
  const tracing = new Tracing("http://127.0.0.1:1", "1.2.3");
  const app = createApp(smallParts({ traced: (answered) => tracing.answered(answered) }));
  expect((await request(app).post("/validate").send(reviewOf())).status).toBe(200);
  await tracing.close().catch(() => undefined);
}, 30_000);
