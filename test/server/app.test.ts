import { once } from "node:events";
import { Agent, createServer, request as httpRequest, type IncomingMessage } from "node:http";
import type { AddressInfo } from "node:net";
import { text as readText } from "node:stream/consumers";
import request from "supertest";
import { describe, expect, test } from "vitest";
import { createApp } from "../../src/server/app.js";
import { readinessOf } from "../../src/model/readiness.js";
import { ALLOWED, DENIED } from "./decisions.js";
import { DECODED, reviewOf, UID } from "./requests.js";
import { smallApp, smallParts } from "./small-app.js";

const envelope = { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview" };
const refused = (uid: string, code: number, reason: string, message: string, details?: object) => ({
  ...envelope,
  response: { uid, allowed: false, status: { code, reason, message, ...(details && { details }) } },
});
const admittedUnchecked = (uid: string, text: string) => ({ ...envelope, response: { uid, allowed: true, warnings: [`[sluice] ${text}; admitted without a check`] } });
const post = (path: string, body: string | object) => request(smallApp()).post(path).set("content-type", "application/json").send(body);

describe("a review", () => {
  test.each(["/validate", "/validate/deny", "/validate/warn", "/mutate"])("is answered on %s, in JSON, with its uid", async (path) => {
    const { status, headers, body } = await post(`${path}?timeout=10s`, reviewOf());
    expect({ status, body }).toEqual({ status: 200, body: { ...envelope, response: { uid: UID, allowed: true } } });
    expect(headers).toMatchObject({ "content-type": "application/json", "content-length": expect.any(String) });
    expect(headers).not.toHaveProperty("x-powered-by");
  });

  test("is refused with the violation", async () => {
    const oldObject = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "allow-dns", namespace: "demo" } };
    const { status, body } = await post("/validate", reviewOf({ operation: "DELETE", name: undefined, object: null, oldObject }));
    expect(status).toBe(200);
    expect(body.response).toMatchObject({ uid: UID, allowed: false, status: { code: 403, reason: "Forbidden", details: { causes: [{ reason: "baseline/dns" }] } } });
  });

  test("is patched on /mutate alone", async () => {
    const pod = reviewOf({ kind: { group: "", version: "v1", kind: "Pod" }, object: { apiVersion: "v1", kind: "Pod", metadata: { name: "web", labels: {} } } });
    const patch = [{ op: "add", path: "/metadata/labels/kf.dev~1networkpolicy", value: "app" }];
    expect((await post("/mutate", pod)).body.response).toEqual({ uid: UID, allowed: true, patchType: "JSONPatch", patch: Buffer.from(JSON.stringify(patch)).toString("base64") });
    expect((await post("/validate", pod)).body.response).toEqual({ uid: UID, allowed: true });
  });

  test("is taken whatever its content type, and with unknown fields", async () => {
    const { body } = await request(smallApp()).post("/validate").set("content-type", "text/plain").send(JSON.stringify({ ...reviewOf({ requestKind: {}, new: [null] }), more: 1 }));
    expect(body.response).toEqual({ uid: UID, allowed: true });
  });

  test("A15: has null lists and absent keys", async () => {
    const object = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "a", namespace: "demo", labels: null, finalizers: null }, spec: { podSelector: null, ingress: null, egress: null, policyTypes: null } };
    expect((await post("/validate", reviewOf({ object, userInfo: { username: "jane", groups: null } }))).body.response).toEqual({ uid: UID, allowed: true });
  });
});

describe("a body that is no review", () => {
  const unreadable = "[sluice] the AdmissionReview cannot be read: ";
  test.each([
    ["", 400, refused("", 400, "BadRequest", `${unreadable}the body is empty`)],
    ["{", 400, refused("", 400, "BadRequest", `${unreadable}the body is not JSON: unexpected text at position 1`)],
    ["<html>", 400, refused("", 400, "BadRequest", `${unreadable}the body is not JSON`)],
    [`{"request":{"uid":"u-7","name":`, 200, refused("u-7", 400, "BadRequest", `${unreadable}the body is not JSON: it ends too early, after 31 bytes`)],
    [JSON.stringify({ ...reviewOf(), kind: "Pod" }), 200, refused(UID, 400, "BadRequest", `${unreadable}kind: must be \`AdmissionReview\`, not \`Pod\``)],
    [JSON.stringify({ ...reviewOf(), apiVersion: "admission.k8s.io/v1beta1" }), 200, refused(UID, 400, "BadRequest", `${unreadable}apiVersion: must be \`admission.k8s.io/v1\`, not \`admission.k8s.io/v1beta1\``)],
    [JSON.stringify(reviewOf({ uid: undefined })), 400, refused("", 400, "BadRequest", `${unreadable}request.uid: is missing`)],
    [JSON.stringify({ ...reviewOf(), request: undefined }), 400, refused("", 400, "BadRequest", `${unreadable}request: is missing`)],
    [JSON.stringify(reviewOf({ kind: null })), 200, refused(UID, 400, "BadRequest", `${unreadable}request.kind: is missing`)],
  ])("%s", async (text, status, body) => {
    const answer = await post("/validate", text);
    // Older and newer Node word the parser's message differently; where it tells no place, we tell none.
    expect(answer.status).toBe(status);
    expect(answer.body).toEqual(text === "{" ? { ...body, response: { ...body.response, status: { ...body.response.status, message: expect.stringContaining("the body is not JSON") } } } : body);
  });

  test("is a warning where a refusal of ours must not count, and a refusal whatever the failure mode elsewhere", async () => {
    const text = `{"request":{"uid":"u-7"}}`;
    const app = smallApp({ failureMode: () => "Allow" });
    const [warned, denied] = [await request(app).post("/validate/warn").send(text), await request(app).post("/validate/deny").send(text)];
    expect(warned.body.response).toMatchObject({ uid: "u-7", allowed: true, warnings: [expect.stringMatching(/^\[sluice\] the AdmissionReview cannot be read: .*; admitted without a check$/)] });
    expect(denied.body.response).toMatchObject({ uid: "u-7", allowed: false });
    expect((await request(app).post("/validate/warn").send("{}")).body.response).toMatchObject({ uid: "", allowed: false });
  });
});

describe("A7: an over-long body", () => {
  const long = JSON.stringify(reviewOf({ object: { apiVersion: "v1", kind: "Pod", metadata: { name: "a", annotations: { a: "x".repeat(20_000_000) } } } }));
  const message = "the AdmissionReview is longer than 8388608 bytes: make the object smaller or split it";
  const unused = () => {
    throw new Error("must not be asked");
  };

  test("of 20 MB is refused with its uid, unread", async () => {
    const app = smallApp({ judge: unused });
    const answer = await request(app).post("/validate").set("content-type", "application/json").send(long);
    expect({ status: answer.status, body: answer.body }).toEqual({ status: 200, body: refused(UID, 413, "RequestEntityTooLarge", `[sluice] ${message}`) });
  });

  test("is admitted with a warning where the failure mode says so", async () => {
    const [byMode, byRoute] = [await request(smallApp({ judge: unused, failureMode: () => "Allow" })).post("/validate").send(long), await request(smallApp({ judge: unused })).post("/validate/warn").send(long)];
    expect(byMode.body).toEqual(admittedUnchecked(UID, message));
    expect(byRoute.body).toEqual(admittedUnchecked(UID, message));
  });

  test.each([{ "transfer-encoding": "chunked" }, { "content-length": Buffer.byteLength(long) }])("sent with %j is answered while it still comes in, and its connection serves on", async (headers) => {
    const server = createServer(smallApp()).listen(0, "127.0.0.1");
    await once(server, "listening");
    const agent = new Agent({ keepAlive: true, maxSockets: 1 });
    const send = async (text: string, length: object = {}): Promise<[unknown, number | undefined]> => {
      const sent = httpRequest({ agent, host: "127.0.0.1", port: (server.address() as AddressInfo).port, method: "POST", path: "/validate", headers: { ...length } });
      const answered = once(sent, "response");
      for (let at = 0; at < text.length; at += 1_000_000) sent.write(text.slice(at, at + 1_000_000));
      sent.end();
      const [response] = (await answered) as [IncomingMessage];
      return [JSON.parse(await readText(response)), sent.socket?.localPort];
    };
    const [first, port] = await send(long, headers);
    const [second, samePort] = await send(JSON.stringify(reviewOf()));
    expect(first).toEqual(refused(UID, 413, "RequestEntityTooLarge", `[sluice] ${message}`));
    expect(second).toMatchObject({ response: { uid: UID, allowed: true } });
    expect(samePort).toBe(port);
    agent.destroy();
    await new Promise((resolve) => server.close(resolve));
  });

  test("just under the cap is judged", async () => {
    const size = 8 * 1_024 * 1_024 - JSON.stringify(reviewOf({ pad: "" })).length;
    expect((await post("/validate", reviewOf({ pad: "x".repeat(size) }))).body.response).toEqual({ uid: UID, allowed: true });
    expect((await post("/validate", reviewOf({ pad: "x".repeat(size + 1) }))).body.response.status.code).toBe(413);
  });
});

describe("trouble inside", () => {
  const broken = () => {
    throw new Error("secret detail");
  };

  test("is a refusal with the uid, and the log alone has the error", async () => {
    const parts = smallParts({ judge: broken });
    const { status, body, text } = await request(createApp(parts)).post("/validate").send(reviewOf());
    expect({ status, body }).toEqual({ status: 200, body: refused(UID, 403, "Forbidden", "[sluice] an error inside Sluice kept this request from being judged; its log has the details") });
    expect(text).not.toContain("secret");
    expect(parts.kept.lines()).toMatchObject([{ level: "error", uid: UID, err: { message: "secret detail" } }]);
  });

  test("of a judge that answers later, likewise; admitted with a warning by failure mode", async () => {
    const judge = () => Promise.reject(new Error("later"));
    expect((await request(smallApp({ judge })).post("/validate").send(reviewOf())).body.response).toMatchObject({ uid: UID, allowed: false });
    expect((await request(smallApp({ judge, failureMode: () => "Allow" })).post("/mutate").send(reviewOf())).body.response).toMatchObject({ uid: UID, allowed: true, warnings: [expect.any(String)] });
    expect((await request(smallApp({ judge: broken })).post("/validate/warn").send(reviewOf())).body.response).toMatchObject({ uid: UID, allowed: true });
  });

  test("of a body that comes when nobody waits any more: it is not judged", async () => {
    let judged = 0;
    const server = createServer(smallApp({ judge: () => ((judged += 1), smallParts().judge({ ...DECODED }, "validate", 0)) })).listen(0, "127.0.0.1");
    await once(server, "listening");
    const whole = JSON.stringify(reviewOf());
    const sent = httpRequest({ host: "127.0.0.1", port: (server.address() as AddressInfo).port, method: "POST", path: "/validate?timeout=100ms" });
    sent.write(whole.slice(0, 100));
    await new Promise((resolve) => setTimeout(resolve, 150));
    sent.end(whole.slice(100));
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    expect(JSON.parse(await readText(response))).toEqual(refused(UID, 429, "TooManyRequests", "[sluice] no decision within 90 ms", { retryAfterSeconds: 1 }));
    expect(judged).toBe(0);
    await new Promise((resolve) => server.close(resolve));
  });

  test("of a judge that takes too long: an answer before the API server's time is over", async () => {
    const started = performance.now();
    const { body } = await request(smallApp({ judge: () => new Promise(() => undefined) })).post("/validate?timeout=300ms").send(reviewOf());
    expect(performance.now() - started).toBeGreaterThan(250);
    expect(body).toEqual(refused(UID, 429, "TooManyRequests", "[sluice] no decision within 270 ms", { retryAfterSeconds: 1 }));
  });

  test("A9: before everything is loaded the client is asked to come back", async () => {
    const ready = () => readinessOf([{ name: "packs", ok: true, detail: "" }, { name: "pods", ok: false, detail: "not listed yet" }]);
    const app = smallApp({ ready });
    expect((await request(app).post("/validate").send(reviewOf())).body).toEqual(refused(UID, 429, "TooManyRequests", "[sluice] not ready yet: pods (not listed yet)", { retryAfterSeconds: 1 }));
    expect((await request(app).post("/validate/warn").send(reviewOf())).body).toEqual(admittedUnchecked(UID, "not ready yet: pods (not listed yet)"));
    const away = smallApp({ ready: () => readinessOf(["Pod", "Namespace", "Node"].map((kind) => ({ name: `sync ${kind}`, ok: false, detail: "no answer" }))) });
    expect((await request(away).post("/validate").send(reviewOf())).body.response.status.message).toBe("[sluice] not ready yet: sync Pod (no answer) and 2 more, which `/readyz?verbose` of Sluice tells");
  });
});

describe("everything else", () => {
  test("is 404 in JSON", async () => {
    for (const path of ["/", "/unknown", "/validate/other", "/%zz", "/validate%00"]) {
      const { status, body, headers, text } = await request(smallApp()).get(path);
      expect([400, 404]).toContain(status);
      expect(headers["content-type"]).toBe("application/json");
      expect(body).toHaveProperty("error");
      expect(text).not.toMatch(/<|node_modules|at /);
    }
    expect((await request(smallApp()).post("/unknown").send("{}")).body).toEqual({ error: "not found", path: "/unknown" });
    for (const path of ["/validate/", "/Validate", "/mutate//"]) expect((await request(smallApp()).post(path).send(reviewOf())).body).toEqual({ error: "not found", path });
  });

  test.each([["get", "/validate", "POST"], ["put", "/mutate", "POST"], ["delete", "/validate/deny", "POST"], ["post", "/livez", "GET"], ["post", "/metrics", "GET"]] as const)("%s %s is 405 in JSON", async (method, path, allow) => {
    const { status, body, headers } = await request(smallApp())[method](path);
    expect({ status, body, allow: headers["allow"] }).toEqual({ status: 405, body: { error: "method not allowed", method: method.toUpperCase(), allow: [allow] }, allow });
  });
});

describe("health", () => {
  test("/livez", async () => expect(await request(smallApp()).get("/livez")).toMatchObject({ status: 200, text: "ok\n" }));

  test("/readyz lists what is missing, and with ?verbose each condition", async () => {
    const conditions = [{ name: "packs", ok: true, detail: "2 packs" }, { name: "certificate", ok: false, detail: "expired" }];
    expect(await request(smallApp()).get("/readyz")).toMatchObject({ status: 200, text: "ok\n" });
    expect(await request(smallApp()).get("/readyz?verbose")).toMatchObject({ status: 200, text: "[+]packs ok: 2 packs\nreadyz check passed\n" });
    expect(await request(smallApp({ health: () => readinessOf(conditions) })).get("/readyz")).toMatchObject({ status: 503, text: "[+]packs ok: 2 packs\n[-]certificate failed: expired\nreadyz check failed\n" });
    expect(await request(smallApp({ ready: () => readinessOf([]) })).get("/readyz")).toMatchObject({ status: 503 });
  });

  test("/metrics counts what was answered", async () => {
    const app = smallApp();
    await request(app).post("/validate").send(reviewOf());
    await request(app).post("/validate").send(reviewOf({ operation: "DELETE", object: null }));
    await request(app).post("/mutate").send("{}");
    const { status, text, headers } = await request(app).get("/metrics");
    expect(status).toBe(200);
    expect(headers["content-type"]).toMatch(/^text\/plain; version=0.0.4/);
    for (const line of [
      'sluice_admission_requests_total{route="validate",operation="CREATE",outcome="allowed"} 1',
      'sluice_admission_requests_total{route="validate",operation="DELETE",outcome="denied"} 1',
      'sluice_admission_requests_total{route="mutate",operation="",outcome="malformed"} 1',
      'sluice_bodies_refused_total{reason="malformed"} 1',
      'sluice_violations_total{pack="baseline",rule="dns",action="deny"} 1',
      'sluice_admission_duration_seconds_bucket{le="30",route="validate"} 2',
      `sluice_build_info{version="1.2.3",node="${process.version}"} 1`,
    ]) expect(text).toContain(line);
  });

  test("is told in every spelling of its path", async () => {
    for (const path of ["/livez/", "/LIVEZ"]) expect(await request(smallApp()).get(path)).toMatchObject({ status: 200, text: "ok\n" });
    expect(await request(smallApp()).head("/readyz")).toMatchObject({ status: 200 });
  });

  test("that cannot be found out is an error in JSON, and the log has the reason", async () => {
    const parts = smallParts({ health: () => Promise.reject(new Error("no disk")) });
    for (const path of ["/readyz", "/readyz/"]) expect(await request(createApp(parts)).get(path)).toMatchObject({ status: 500, body: { error: "internal error" } });
    expect(parts.kept.lines().map(({ msg, method }) => [msg, method])).toEqual(Array(2).fill(["a request failed inside", "GET"]));
    expect(parts.kept.text()).toContain("no disk");
  });

  test("an instance that is going asks for connections to be closed", async () => {
    const { headers, status } = await request(smallApp({ draining: () => true })).post("/validate").send(reviewOf());
    expect({ status, connection: headers["connection"] }).toEqual({ status: 200, connection: "close" });
  });
});

describe("the log", () => {
  test("has one line per decision, with who wanted what and nothing of the object's content", async () => {
    const parts = smallParts({ versions: () => ({ Pod: "412" }) });
    const secret = reviewOf({ dryRun: true, object: { apiVersion: "v1", kind: "Secret", metadata: { name: "allow-dns", annotations: { password: "hunter2" } }, data: { a: "hunter2" } } });
    await request(createApp(parts)).post("/validate").send(secret);
    await request(createApp(parts)).post("/validate").send(reviewOf({ operation: "DELETE", object: null }));
    expect(parts.kept.text()).not.toContain("hunter2");
    expect(parts.kept.lines()).toEqual([
      { level: "info", time: expect.any(String), route: "validate", uid: UID, op: "CREATE", kind: "NetworkPolicy", ns: "demo", name: "allow-dns", user: "jane", dryRun: true, ms: expect.any(Number), rv: "412", msg: "allowed" },
      { level: "info", time: expect.any(String), route: "validate", uid: UID, op: "DELETE", kind: "NetworkPolicy", ns: "demo", name: "allow-dns", user: "jane", rules: "baseline/dns=deny", ms: expect.any(Number), rv: "412", msg: "denied" },
    ]);
  });

  test.each([
    ["a usual one", {}],
    ["of a pod of a ReplicaSet", { kind: { group: "", version: "v1", kind: "Pod" }, name: "web-7b5d9c4f6-k8k2x", userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller" } }],
    ["of the longest names", { kind: { group: "g".repeat(253), version: "v1", kind: "K".repeat(63) }, name: "n".repeat(253), namespace: "m".repeat(63), userInfo: { username: "u".repeat(1_000) }, uid: "i".repeat(500) }],
    ["of a uid that is none", { uid: "名\n\"".repeat(100), name: "名".repeat(253), namespace: "\u2028".repeat(63), userInfo: { username: "\u0000".repeat(100) } }],
    ["of names that are no ASCII", { name: "名".repeat(253), userInfo: { username: "\u0000\n\"".repeat(100) } }],
  ])("has at most 300 bytes: %s", async (_, changes) => {
    const denied = { ...DENIED, packs: `sha256:${"a".repeat(64)}`, violations: Array.from({ length: 40 }, (_value, index) => ({ ...DENIED.violations[0]!, rule: `rule-${index}` })) };
    const wouldDeny = { ...denied, allowed: true, violations: denied.violations.map((violation) => ({ ...violation, wouldDeny: true as const })) };
    for (const decision of [ALLOWED, denied, wouldDeny]) {
      const parts = smallParts({ judge: () => decision, versions: () => ({ Pod: "1234567890", "NetworkPolicy.networking.k8s.io": "1234567891" }) });
      await request(createApp(parts)).post("/validate/deny").send(reviewOf(changes));
      const [line = ""] = parts.kept.text().split("\n");
      expect(Buffer.byteLength(line) + 1).toBeLessThanOrEqual(300);
      expect(JSON.parse(line)).toMatchObject({ rv: "1234567891", op: "CREATE" });
    }
  });

  test.each([reviewOf({ uid: "u".repeat(100_000), operation: "名".repeat(1_000), kind: 1, name: 2, namespace: 3 }), reviewOf({ uid: "\n名\"".repeat(50), userInfo: [] }), { request: "\u0000".repeat(5_000) }])("has at most 300 bytes for what nobody can read", async (body) => {
    const parts = smallParts();
    await request(createApp(parts)).post("/validate/warn").send(body);
    const [line = ""] = parts.kept.text().split("\n");
    expect(Buffer.byteLength(line) + 1).toBeLessThanOrEqual(300);
    expect(JSON.parse(line)).toMatchObject({ route: "warn", errors: expect.stringContaining("request"), msg: "a body that is no AdmissionReview" });
  });

  test("names a service account whole", async () => {
    const parts = smallParts({ judge: () => ({ ...ALLOWED, packs: `sha256:${"a".repeat(64)}` }), versions: () => ({ Pod: "1234567890" }) });
    await request(createApp(parts)).post("/validate/deny").send(reviewOf({ kind: { group: "", version: "v1", kind: "Pod" }, namespace: "space-production", name: "web-7b5d9c4f6-k8k2x", userInfo: { username: "system:serviceaccount:kube-system:replicaset-controller" } }));
    expect(parts.kept.lines()).toMatchObject([{ user: "sa:kube-system:replicaset-controller", name: "web-7b5d9c4f6-k8k2x", ns: "space-production" }]);
  });

  test("names the caller's trace", async () => {
    const parts = smallParts();
    const trace = "4bf92f3577b34da6a3ce929d0e0e4736";
    for (const traceparent of [`00-${trace}-00f067aa0ba902b7-01`, "00-nonsense"]) await request(createApp(parts)).post("/validate").set("traceparent", traceparent).send(reviewOf());
    expect(parts.kept.lines().map((line) => line["trace"])).toEqual([trace, undefined]);
  });
});
