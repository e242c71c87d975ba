import { once } from "node:events";
import { mkdtempSync, rmSync } from "node:fs";
import type { IncomingMessage } from "node:http";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import forge from "node-forge";
import request from "supertest";
import { afterAll, describe, expect, test } from "vitest";
import { byToken, loopbackOnly } from "../../src/server/access.js";
import { issueCa, issueLeaf, type KeyPair } from "../../src/upkeep/certificates.js";
import { serve } from "../../src/server/serve.js";
import { reviewOf } from "./requests.js";
import { smallApp, smallParts } from "./small-app.js";

const directory = mkdtempSync(join(tmpdir(), "sluice-access-"));
afterAll(() => rmSync(directory, { recursive: true, force: true }));

describe("without a cluster", () => {
  const from = (remoteAddress?: string) => loopbackOnly({ socket: { remoteAddress } } as IncomingMessage);

  test.each(["127.0.0.1", "127.8.8.8", "::1", "::ffff:127.0.0.1"])("%s is the same machine", async (address) => {
    expect(await from(address)).toBe("granted");
  });

  test.each([undefined, "10.0.0.1", "::ffff:10.0.0.1", "fe80::1", "1.127.0.1", "::127.0.0.1"])("%s is not", async (address) => {
    expect(await from(address)).toBe(403);
  });

  test("metrics are for the same machine", async () => {
    expect((await request(smallApp()).get("/metrics")).status).toBe(200);
  });
});

describe("in a cluster", () => {
  const rights: Readonly<Record<string, "granted" | 403>> = { prometheus: "granted", nobody: 403 };
  const guarded = () => {
    const asked: string[] = [];
    const parts = smallParts({ access: byToken(async (token, path) => (asked.push(`${token} ${path}`), token === "broken" ? Promise.reject(new Error("no answer")) : (rights[token] ?? 401))) });
    const get = (token?: string) => request(smallApp({ ...parts })).get("/metrics").set(token === undefined ? {} : { authorization: `Bearer ${token}` });
    return { asked, get, lines: parts.kept.lines, text: parts.kept.text };
  };

  test("nobody without a token, or with one that the API server does not know; and not everybody else", async () => {
    const { get } = guarded();
    const nameless = await get();
    expect({ status: nameless.status, body: nameless.body, how: nameless.headers["www-authenticate"] }).toEqual({ status: 401, body: { error: "a bearer token is needed", path: "/metrics" }, how: "Bearer" });
    expect(await get("stranger")).toMatchObject({ status: 401, body: { error: "the API server does not know this bearer token", path: "/metrics" } });
    expect((await get("nobody")).body).toEqual({ error: "not allowed", path: "/metrics" });
    const granted = await get("prometheus");
    expect(granted.status).toBe(200);
    expect(granted.text).toContain("sluice_build_info");
  });

  test("the API server is asked once for many", async () => {
    const { get, asked } = guarded();
    for (let times = 0; times < 3; times++) await get("prometheus");
    expect(asked).toEqual(["prometheus /metrics"]);
  });

  test("when it does not answer nobody gets in, the next one asks again, and no token is logged", async () => {
    const { get, asked, lines, text } = guarded();
    for (let times = 0; times < 2; times++) expect(await get("broken")).toMatchObject({ status: 503, body: { error: "the API server does not say who may read this; try again", path: "/metrics" } });
    expect(asked).toHaveLength(2);
    expect(lines()).toMatchObject([{ level: "warn", reason: "no answer" }, { level: "warn" }]);
    expect(text()).not.toContain("broken");
  });

  test.each(["bearer abc", "BEARER  abc"])("a token, however its scheme is written: %j", async (authorization) => {
    expect(await byToken(async (token) => (token === "abc" ? "granted" : 403))({ headers: { authorization }, url: "/metrics" } as IncomingMessage)).toBe("granted");
  });

  test.each(["Basic abc", "Bearer", "Bearer a b", `Bearer ${"x".repeat(20_000)}`])("no token: %j", async (authorization) => {
    expect(await byToken(() => Promise.resolve("granted"))({ headers: { authorization }, url: "/metrics" } as IncomingMessage)).toBe(401);
  });

  test("probes need none", async () => {
    const app = smallApp({ access: byToken(() => Promise.resolve(403)) });
    for (const path of ["/livez", "/readyz"]) expect((await request(app).get(path)).status).toBe(200);
  });
});

/** A client certificate, as the API server has one. */
function clientOf({ certificate, key }: KeyPair, now: Date): KeyPair {
  const [issuer, keys] = [forge.pki.certificateFromPem(certificate), forge.pki.rsa.generateKeyPair(2048)];
  const made = forge.pki.createCertificate();
  Object.assign(made, { publicKey: keys.publicKey, serialNumber: "0a" });
  Object.assign(made.validity, { notBefore: now, notAfter: new Date(now.getTime() + 3_600_000) });
  made.setSubject([{ name: "commonName", value: "kube-apiserver" }]);
  made.setIssuer(issuer.subject.attributes);
  made.setExtensions([{ name: "extKeyUsage", clientAuth: true }]);
  made.sign(forge.pki.privateKeyFromPem(key), forge.md.sha256.create());
  return { certificate: forge.pki.certificateToPem(made), key: forge.pki.privateKeyToPem(keys.privateKey) };
}

test("with a CA for clients, reviews are answered to its clients alone, and probes to everybody", async () => {
  const now = new Date();
  const [ca, stranger] = await Promise.all([issueCa(now), issueCa(now)]);
  const ofServer = await issueLeaf({ ca, names: [], now });
  const [client, other] = [clientOf(ca, now), clientOf(stranger, now)];
  const result = await serve({ ...smallParts(), host: "127.0.0.1", port: 0, certDir: join(directory, "certs"), drainMs: 0, clientCa: ca.certificate });
  if (!result.ok) throw new Error(result.problems[0]?.message);
  const server = result.value;
  const send = async (method: string, path: string, pair?: { certificate: string; key: string }) => {
    const sent = httpsRequest({ host: "127.0.0.1", port: server.port, method, path, ca: server.ca, agent: new Agent(), ...(pair && { cert: pair.certificate, key: pair.key }) });
    sent.end(method === "POST" ? JSON.stringify(reviewOf()) : undefined);
    const [response] = (await once(sent, "response")) as [IncomingMessage];
    return { status: response.statusCode, body: await text(response) };
  };
  expect(await send("POST", "/validate", client)).toMatchObject({ status: 200 });
  // A server's certificate is no client's, also of the right CA.
  for (const pair of [undefined, other, ofServer]) expect(await send("POST", "/validate", pair)).toEqual({ status: 401, body: '{"error":"a client certificate of the API server is needed"}' });
  expect(await send("GET", "/livez")).toMatchObject({ status: 200 });
  await server.close();
});
