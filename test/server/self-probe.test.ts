import { createServer, type Server } from "node:https";
import type { AddressInfo } from "node:net";
import { afterEach, describe, expect, test } from "vitest";
import { served } from "../../src/upkeep/certificate-files.js";
import { issueCa, issueLeaf, type KeyPair } from "../../src/upkeep/certificates.js";
import { SelfProbe, type CalledBy } from "../../src/server/self-probe.js";

const now = new Date();
const ca = await issueCa(now);
const HOST = "sluice.sluice-system.svc";
const [leaf, other] = await Promise.all([issueLeaf({ ca, names: [HOST], now }), issueLeaf({ ca, names: [HOST], now })]);
const stranger = await issueCa(now);

const servers: Server[] = [];
afterEach(() => {
  for (const server of servers.splice(0)) server.closeAllConnections(), server.close();
});

async function listening({ certificate, key }: KeyPair, host = "127.0.0.1"): Promise<Server> {
  const server = createServer({ cert: certificate, key });
  servers.push(server);
  await new Promise<void>((resolve) => server.listen(0, host, resolve));
  return server;
}

async function probed(pair: KeyPair, { wanted = pair, calledBy, host }: { wanted?: KeyPair; calledBy?: () => Promise<readonly CalledBy[] | undefined>; host?: string } = {}) {
  const server = await listening(pair, host);
  const probe = new SelfProbe({ address: () => server.address() as AddressInfo, wanted: async () => served(wanted, true), ...(calledBy && { calledBy }) });
  return probe.conditions();
}

describe("the certificate that a handshake shows", () => {
  test("is the one on disk", async () => {
    expect(await probed(leaf)).toEqual([{ name: "handshake", ok: true, detail: "" }]);
  });

  test("is found on a server that listens everywhere", async () => {
    expect(await probed(leaf, { host: "0.0.0.0" })).toMatchObject([{ ok: true }]);
  });

  test("is another one", async () => {
    expect(await probed(leaf, { wanted: other })).toMatchObject([{ name: "handshake", ok: false, detail: expect.stringMatching(/^the certificate [0-9A-F:]+ is served, and the one on disk is [0-9A-F:]+$/) as string }]);
  });

  test("cannot be seen: nobody listens, or the directory cannot be read", async () => {
    const server = await listening(leaf);
    const address = server.address() as AddressInfo;
    await new Promise((resolve) => server.close(resolve));
    expect(await new SelfProbe({ address: () => undefined, wanted: async () => served(leaf, true) }).conditions()).toEqual([{ name: "handshake", ok: false, detail: "not listening" }]);
    expect(await new SelfProbe({ address: () => address, wanted: async () => served(leaf, true) }).conditions()).toMatchObject([{ ok: false, detail: expect.stringContaining("ECONNREFUSED") as string }]);
    expect(await new SelfProbe({ address: () => address, wanted: () => Promise.reject(new Error("gone")) }).conditions()).toMatchObject([{ ok: false, detail: "gone" }]);
  });

  test("is looked at once for many who ask", async () => {
    let asked = 0;
    const server = await listening(leaf);
    const probe = new SelfProbe({ address: () => server.address() as AddressInfo, wanted: async () => ((asked += 1), served(leaf, true)) });
    await Promise.all([probe.conditions(), probe.conditions(), probe.conditions()]);
    expect(asked).toBe(1);
  });
});

describe("the webhook configurations", () => {
  const trusted = async (calls: readonly CalledBy[] | undefined) => (await probed(leaf, { calledBy: async () => calls }))[1];

  test("trust the certificate", async () => {
    expect(await trusted([{ name: "sluice-deny", host: HOST, caBundle: ca.certificate }])).toEqual({ name: "webhook configurations", ok: true, detail: "sluice-deny" });
  });

  test("trust it among others, as during a rotation", async () => {
    expect(await trusted([{ name: "sluice-deny", host: HOST, caBundle: stranger.certificate + ca.certificate }])).toMatchObject({ ok: true });
  });

  test("trust another CA: the API server could not call", async () => {
    const calls = [{ name: "sluice", host: HOST, caBundle: ca.certificate }, { name: "sluice-deny", host: HOST, caBundle: stranger.certificate }];
    expect(await trusted(calls)).toEqual({ name: "webhook configurations", ok: false, detail: expect.stringMatching(/^the API server would not trust the certificate by the caBundle of `sluice-deny`: /) as string });
  });

  test("are for another server, are not there, or cannot be read: no reason to be taken out of the Service", async () => {
    expect(await trusted([{ name: "sluice-deny", host: "else.where.svc", caBundle: stranger.certificate }])).toMatchObject({ ok: true, detail: "none name this server" });
    expect(await trusted([])).toMatchObject({ ok: true });
    expect(await trusted(undefined)).toMatchObject({ ok: true, detail: "not known" });
    expect((await probed(leaf, { calledBy: () => Promise.reject(new Error("no answer")) }))[1]).toMatchObject({ ok: true, detail: "no answer" });
  });

  test("call by address", async () => {
    const calls = [{ name: "sluice-deny", host: "127.0.0.1", caBundle: ca.certificate }];
    expect(await trusted(calls)).toMatchObject({ ok: true, detail: "sluice-deny" });
  });
});
