import { X509Certificate } from "node:crypto";
import { mkdtemp, readFile, rm, stat, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program } from "./program.js";

describe("sluice certs", () => {
  let program: Program;
  let folder = "";
  beforeAll(async () => {
    program = await buildProgram();
    folder = await mkdtemp(join(tmpdir(), "sluice-certs-"));
  });
  afterAll(async () => {
    await program.remove();
    await rm(folder, { recursive: true, force: true });
  });

  it("makes a certificate for loopback and the given names, and leaves a good one alone", async () => {
    const args = ["certs", "--cert-dir", folder, "--name", "sluice.example.svc", "--name", "10.1.2.3", "-o", "json"];
    const first = await program.run(args);
    expect([first.code, first.stderr]).toEqual([0, ""]);
    const told = JSON.parse(first.stdout) as { fingerprint: string; caBundle: string; throwAway: boolean };
    const leaf = new X509Certificate(await readFile(join(folder, "tls.crt")));
    expect(told.fingerprint).toBe(leaf.fingerprint256);
    expect([leaf.checkHost("sluice.example.svc"), leaf.checkIP("10.1.2.3"), leaf.checkIP("127.0.0.1")]).not.toContain(undefined);
    expect(leaf.verify(new X509Certificate(Buffer.from(told.caBundle, "base64")).publicKey)).toBe(true);
    expect((await stat(join(folder, "tls.key"))).mode & 0o077).toBe(0);
    expect((await program.run(args)).stdout).toBe(first.stdout);
    expect((await program.run(["certs", "--cert-dir", folder])).stdout).toContain(`clients trust ${join(folder, "ca.crt")}`);
  });

  it("answers 2 where it may not write", async () => {
    await writeFile(join(folder, "file"), "");
    const { code, stderr, stdout } = await program.run(["certs", "--cert-dir", join(folder, "file")]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(`${join(folder, "file")}: the certificate cannot be read or written`);
  });
});
