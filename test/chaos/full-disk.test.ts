import { execFileSync } from "node:child_process";
import { mkdtempSync, readFileSync, rmdirSync, rmSync, statfsSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { loadOrCreate } from "../../src/upkeep/certificate-files.js";
import { CertificateWatch } from "../../src/upkeep/certificate-watch.js";
import { keptLog } from "../server/small-app.js";

/** A disk of 64 KB; only root may mount one. */
const canMount = process.getuid?.() === 0 && process.platform === "linux";

describe.skipIf(!canMount)("certificates on a full disk", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-full-"));
  beforeAll(() => void execFileSync("mount", ["-t", "tmpfs", "-o", "size=64k", "tmpfs", folder]));
  afterAll(() => {
    execFileSync("umount", [folder]);
    rmdirSync(folder);
  });

  it("are not renewed, which is told, and the last good one is served; they are as soon as there is room", async () => {
    const now = { at: new Date() };
    const first = await loadOrCreate(folder, { now: now.at });
    if (!first.ok) throw new Error(first.problems[0]?.message);
    const { log, lines } = keptLog();
    const watch = new CertificateWatch(first.value, { directory: folder, names: [], log, now: () => now.at });
    const filler = join(folder, "filler");
    const { bavail, bsize } = statfsSync(folder);
    writeFileSync(filler, Buffer.alloc(bavail * bsize));
    // The last third of its life: it is time.
    now.at = new Date(first.value.notAfter - 86_400_000);
    await watch.refresh();
    expect(watch.condition()).toMatchObject({ name: "certificate", ok: true, detail: expect.stringContaining("ENOSPC") as string });
    expect(watch.served.fingerprint).toBe(first.value.fingerprint);
    expect(readFileSync(join(folder, "tls.crt"), "utf8")).toBe(first.value.certificate);
    expect(lines()).toMatchObject([{ level: "error", msg: "the certificate cannot be renewed" }]);
    // Ready for as long as it counts, and no longer.
    now.at = new Date(first.value.notAfter + 1);
    await watch.refresh();
    expect(watch.condition()).toMatchObject({ ok: false, detail: expect.stringContaining("expired") as string });
    now.at = new Date(first.value.notAfter - 86_400_000);
    rmSync(filler);
    await watch.refresh();
    expect(watch.condition()).toMatchObject({ ok: true });
    expect(watch.served.fingerprint).not.toBe(first.value.fingerprint);
    expect(readFileSync(join(folder, "tls.crt"), "utf8")).toBe(watch.served.certificate);
  });
});
