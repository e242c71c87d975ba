import { createPrivateKey, X509Certificate } from "node:crypto";
import { mkdirSync, mkdtempSync, readdirSync, rmSync, statSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, beforeEach, describe, expect, test } from "vitest";
import { loadOrCreate, type ServedCertificate } from "../../src/upkeep/certificate-files.js";
import { certificatesIn } from "../../src/upkeep/certificate-plan.js";
import { CertificateWatch } from "../../src/upkeep/certificate-watch.js";
import { issueCa, issueLeaf, type KeyPair } from "../../src/upkeep/certificates.js";
import { keptLog } from "../server/small-app.js";

const root = mkdtempSync(join(tmpdir(), "sluice-certificates-"));
afterAll(() => rmSync(root, { recursive: true, force: true }));

let directory = "";
beforeEach(() => (directory = join(mkdtempSync(join(root, "case-")), "certs")));

const NOW = new Date("2026-11-21T12:00:00Z");
const daysOn = (days: number) => new Date(NOW.getTime() + days * 86_400_000);
async function load(now = NOW, names: string[] = []): Promise<ServedCertificate> {
  const loaded = await loadOrCreate(directory, { now, names });
  if (!loaded.ok) throw new Error(loaded.problems[0]?.message);
  return loaded.value;
}
// Making keys takes some 100 ms, so those of somebody else are made once.
let otherCa: KeyPair;
let foreign: KeyPair;
beforeAll(async () => {
  otherCa = await issueCa(NOW);
  foreign = await issueLeaf({ ca: otherCa, names: [], now: NOW });
});
/** A certificate of somebody else's, without its CA's key. */
function putForeign(): void {
  mkdirSync(directory, { recursive: true });
  writeFileSync(join(directory, "tls.key"), foreign.key);
  writeFileSync(join(directory, "tls.crt"), foreign.certificate);
}

describe("a throw-away certificate", () => {
  test("is made with its CA, for serving only, under the loopback names and those asked for; keys are for the owner alone", async () => {
    const { certificate, ca = "", notAfter, throwAway } = await load(NOW, ["sluice.sluice-system.svc", "10.0.0.7"]);
    const [leaf, issuer] = [new X509Certificate(certificate), new X509Certificate(ca)];
    expect(leaf.verify(issuer.publicKey) && leaf.checkIssued(issuer) && issuer.verify(issuer.publicKey) && issuer.ca && !leaf.ca).toBe(true);
    expect(leaf.subjectAltName).toBe("DNS:localhost, IP Address:127.0.0.1, IP Address:0:0:0:0:0:0:0:1, DNS:sluice.sluice-system.svc, IP Address:10.0.0.7");
    expect(leaf.keyUsage).toEqual(["1.3.6.1.5.5.7.3.1"]);
    expect(leaf.publicKey.asymmetricKeyDetails).toMatchObject({ modulusLength: 2048 });
    expect([notAfter, throwAway]).toEqual([daysOn(90).getTime(), true]);
    expect(new Date(leaf.validFrom).getTime()).toBeLessThan(NOW.getTime());
    expect(readdirSync(directory).sort()).toEqual(["ca.crt", "ca.key", "tls.crt", "tls.key"]);
    for (const file of ["ca.key", "tls.key"]) expect(statSync(join(directory, file)).mode & 0o777).toBe(0o600);
  });

  test("is used again, and renewed by the same CA in the last third of its life and when a name is missing", async () => {
    const first = await load();
    expect(await load(daysOn(59))).toEqual(first);
    const renewed = await load(daysOn(61));
    expect([renewed.fingerprint === first.fingerprint, renewed.ca === first.ca, renewed.notAfter]).toEqual([false, true, daysOn(151).getTime()]);
    const named = await load(daysOn(61), ["other.example"]);
    expect(named.fingerprint).not.toBe(renewed.fingerprint);
    expect(await load(daysOn(61), ["other.example"])).toEqual(named);
  });

  test("gets another CA when that one ends, when a key is not the certificate's, and when a file is gone", async () => {
    const first = await load();
    expect((await load(daysOn(300))).ca).not.toBe(first.ca);
    const second = await load(daysOn(300));
    writeFileSync(join(directory, "tls.key"), first.key);
    expect((await load(daysOn(300))).ca).toBe(second.ca);
    rmSync(join(directory, "ca.crt"));
    expect((await load(daysOn(300))).ca).not.toBe(second.ca);
  });
});

test("a clock that begins at nothing renews nothing", async () => {
  const made = await load();
  expect(await load(new Date("1970-01-01T00:01:00Z"))).toEqual(made);
});

describe("three years of a certificate of our own, day by day", () => {
  test("clients that read the CAs within the last day always trust what is served, and nothing is ever about to end", async () => {
    let bundle = (await load()).ca ?? "";
    let [leaves, cas] = [0, 0];
    let last = await load();
    for (let day = 1; day < 3 * 365; day++) {
      const now = daysOn(day);
      const current = await load(now);
      const leaf = new X509Certificate(current.certificate);
      // Yesterday's bundle, and today's.
      for (const text of [bundle, current.ca ?? ""]) {
        const trusted = certificatesIn(text).map((pem) => new X509Certificate(pem)).filter(({ validTo }) => Date.parse(validTo) > now.getTime());
        if (!trusted.some((ca) => leaf.verify(ca.publicKey))) throw new Error(`nobody trusts the leaf of day ${day}`);
      }
      if (current.notAfter - now.getTime() < 29 * 86_400_000) throw new Error(`the leaf of day ${day} is about to end`);
      if (current.fingerprint !== last.fingerprint) leaves++;
      if (current.ca !== last.ca) cas++;
      [bundle, last] = [current.ca ?? "", current];
    }
    // A leaf lasts 60 of its 90 days, a CA 243 of its 365; each CA comes and, later, its predecessor goes.
    expect([leaves, cas]).toEqual([21, 7]);
    expect(certificatesIn(bundle).length).toBeLessThanOrEqual(2);
  }, 120_000);
});

const CONTENTS: Readonly<Record<string, () => string>> = {
  other: () => otherCa.key,
  locked: () => createPrivateKey(otherCa.key).export({ type: "pkcs8", format: "pem", cipher: "aes-256-cbc", passphrase: "x" }).toString(),
};

describe("somebody else's certificate", () => {
  beforeEach(() => putForeign());

  test("is served and never written to, even when it has ended", async () => {
    const loaded = await load(daysOn(400));
    expect(loaded).toMatchObject({ ...foreign, throwAway: false, notAfter: daysOn(90).getTime() });
    expect(loaded).not.toHaveProperty("ca");
    expect(readdirSync(directory).sort()).toEqual(["tls.crt", "tls.key"]);
  });

  test.each([
    ["tls.key", "", "`tls.key` is missing"],
    ["tls.crt", "", "`tls.crt` is missing"],
    ["tls.key", "other", "`tls.key` is not the key of the first certificate in `tls.crt`"],
    ["tls.crt", "garbage", "`tls.crt` holds no certificate in PEM"],
    ["tls.key", "garbage", "`tls.key` holds no private key in PEM"],
    ["tls.key", "locked", "`tls.key` is encrypted, and nobody tells Sluice a passphrase: write the key there without one"],
  ])("with %s being %j is a problem with its place", async (file, content, message) => {
    if (content === "") rmSync(join(directory, file));
    else writeFileSync(join(directory, file), CONTENTS[content]?.() ?? content);
    expect(await loadOrCreate(directory, { now: NOW })).toMatchObject({ ok: false, problems: [{ code: "certificates/unreadable", message: expect.stringContaining(message), place: { file: directory } }] });
  });

  test("what cannot be read of its CAs does not keep it from being served, and an intermediate one tells when it ends", async () => {
    writeFileSync(join(directory, "ca.crt"), "-----BEGIN CERTIFICATE-----\nAAAA\n-----END CERTIFICATE-----\n");
    writeFileSync(join(directory, "tls.crt"), `${foreign.certificate}${otherCa.certificate}`);
    expect(await load()).toMatchObject({ key: foreign.key, caNotAfter: daysOn(365).getTime() });
  });

  test("a CA of somebody else's is not used to sign", async () => {
    writeFileSync(join(directory, "ca.crt"), foreign.certificate);
    writeFileSync(join(directory, "ca.key"), otherCa.key);
    rmSync(join(directory, "tls.crt"));
    expect(await loadOrCreate(directory, { now: NOW })).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining("not of a CA that Sluice made") }] });
  });

  test("a directory that cannot be written is a problem", async () => {
    rmSync(directory, { recursive: true });
    writeFileSync(directory, "a file");
    expect(await loadOrCreate(directory, { now: NOW })).toMatchObject({ ok: false, problems: [{ message: expect.stringContaining("ENOTDIR") }] });
  });
});

describe("a watched directory", () => {
  test("tells of a certificate that is put there, keeps the last good one while what is there cannot be served, and says so", async () => {
    const { log, lines } = keptLog();
    const first = await load();
    const watch = new CertificateWatch(first, { directory, names: [], log, now: () => NOW, timing: { settleMs: 20, pollMs: 600_000 } });
    const told: ServedCertificate[] = [];
    watch.start((certificate) => told.push(certificate));
    try {
      expect(watch.condition()).toMatchObject({ name: "certificate", ok: true });
      rmSync(join(directory, "ca.key"));
      rmSync(join(directory, "tls.key"));
      await expect.poll(() => watch.condition()).toEqual({ name: "certificate", ok: false, detail: expect.stringContaining("`tls.key` is missing") });
      expect([watch.served, told]).toEqual([first, []]);
      putForeign();
      await expect.poll(() => told.length, { timeout: 5_000 }).toBe(1);
      expect(told[0]).toMatchObject({ certificate: foreign.certificate, throwAway: false });
      expect(watch.condition().ok).toBe(true);
      expect(JSON.stringify(lines())).not.toContain("PRIVATE KEY");
    } finally {
      watch.stop();
    }
  });

  test("writes nothing in the place of somebody else's certificate that is gone for a moment", async () => {
    putForeign();
    const watch = new CertificateWatch(await load(), { directory, names: [], log: keptLog().log, now: () => NOW });
    for (const file of ["tls.crt", "tls.key"]) rmSync(join(directory, file));
    await watch.refresh();
    expect([watch.served.certificate, readdirSync(directory), watch.condition()]).toEqual([foreign.certificate, [], { name: "certificate", ok: false, detail: expect.stringContaining("`tls.crt` is missing") }]);
    putForeign();
    await watch.refresh();
    expect(watch.condition().ok).toBe(true);
  });

  test("that does not count yet is no reason to be asked", async () => {
    putForeign();
    const watch = new CertificateWatch(await load(daysOn(-1)), { directory, names: [], log: keptLog().log, now: () => daysOn(-1) });
    expect(watch.condition()).toEqual({ name: "certificate", ok: false, detail: "not valid before 2026-11-21T11:00:00.000Z" });
  });

  test("renews a throw-away certificate with the clock moved on, and reports one that has ended", async () => {
    let now = NOW;
    const watch = new CertificateWatch(await load(), { directory, names: [], log: keptLog().log, now: () => now });
    now = daysOn(70);
    await watch.refresh();
    expect(watch.served.notAfter).toBe(daysOn(160).getTime());
    rmSync(join(directory, "ca.key"));
    now = daysOn(161);
    await watch.refresh();
    expect(watch.condition()).toMatchObject({ ok: false, detail: expect.stringContaining("expired") });
  });

  test("a certificate that the server will not take stays on disk", async () => {
    const first = await load();
    const watch = new CertificateWatch(first, { directory, names: [], log: keptLog().log, now: () => daysOn(70), timing: { pollMs: 600_000 } });
    watch.start(() => {
      throw new Error("ee key too small");
    });
    await watch.refresh();
    watch.stop();
    expect([watch.served, watch.condition()]).toEqual([first, { name: "certificate", ok: false, detail: "what is on disk is not served: ee key too small" }]);
  });
});
