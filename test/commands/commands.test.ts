import { mkdtemp, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { spawn } from "node:child_process";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import { COMMANDS } from "../../src/commands/index.js";
import { OPTIONS } from "../../src/config.js";
import { buildProgram, type Program } from "./program.js";

// Each test starts processes, and the machine may be busy with other tests.
vi.setConfig({ testTimeout: 60_000 });

let program: Program;
let folder = "";

beforeAll(async () => {
  program = await buildProgram();
  folder = await mkdtemp(join(tmpdir(), "sluice-commands-"));
  await writeFile(join(folder, "pod.yaml"), "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop}\nspec: {containers: []}\n");
});
afterAll(async () => {
  await program.remove();
  await rm(folder, { recursive: true, force: true });
});

describe.concurrent.each(COMMANDS)("$name", ({ name, summary, load }) => {
  it("is one verb with known flags, formats and an example that uses them", async () => {
    const command = await load();
    expect(command.name).toBe(name);
    expect(summary).toMatch(/^[a-z].*[^.]$/);
    for (const option of command.options) expect(Object.keys(OPTIONS)).toContain(option);
    expect(new Set(command.options.map((option) => OPTIONS[option].flags.split(" ")[0])).size).toBe(command.options.length);
    expect(command.example).toContain(`sluice ${name} `);
    const known = ["-o", ...command.options.map((option) => OPTIONS[option].flags.split(" ")[0])];
    for (const [flag] of command.example.matchAll(/(?<= )--?[a-z][a-z-]*/g)) expect(known).toContain(flag);
  });

  it("has help with one example, and answers 0", async () => {
    const { stdout, stderr, code } = await program.run([name, "--help"]);
    expect([code, stderr]).toEqual([0, ""]);
    expect(stdout.match(/^Example:$/gm)).toHaveLength(1);
    expect((await program.run(["help", name])).stdout).toBe(stdout);
  });

  it("answers 2 to an unknown flag, on standard error alone", async () => {
    const { stdout, stderr, code } = await program.run([name, "--no-such-flag"]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain("unknown option '--no-such-flag'");
  });
});

describe("the command line", () => {
  it("lists every verb that works, and no other", async () => {
    const { stdout, code } = await program.run(["--help"]);
    const listed = stdout.slice(stdout.indexOf("Commands:"), stdout.indexOf("Example:")).match(/^ {2}[a-z]+/gm)?.map((word) => word.trim());
    expect(listed).toEqual([...COMMANDS.map(({ name }) => name), "help"]);
    expect(code).toBe(0);
  });

  it("reads standard input", async () => {
    const input = "apiVersion: v1\nkind: Pod\nmetadata: {name: a, namespace: x}\nspec: {containers: []}\n";
    const { stdout, code } = await program.run(["connectivity", "-", "-o", "json"], { input });
    expect((JSON.parse(stdout) as { connections: unknown[] }).connections).toHaveLength(2);
    expect(code).toBe(0);
    const broken = await program.run(["connectivity", "-"], { input: "a: [" });
    expect(broken).toMatchObject({ code: 2, stdout: "" });
    expect(broken.stderr).toMatch(/^error: -:1:\d+: not valid YAML/);
  });

  it("has no colour in a pipe, and colour where it is asked for", async () => {
    const args = ["diff", join(folder, "pod.yaml"), "-"];
    const input = "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop}\n";
    expect((await program.run(args, { input })).stdout).not.toContain("\u001b");
    expect((await program.run(args, { input, env: { FORCE_COLOR: "1" } })).stdout).toContain("\u001b[31m-");
    expect((await program.run(args, { input, env: { FORCE_COLOR: "1", NO_COLOR: "1" } })).stdout).not.toContain("\u001b");
  });

  it("takes the packs folder and the profile from the environment, and flags before them", async () => {
    const env = { SLUICE_PACKS: "/nonexistent", SLUICE_PROFILE: "/nonexistent" };
    expect((await program.run(["rules"], { env })).stderr).toContain("/nonexistent: no such file or folder");
    expect((await program.run(["rules", "--packs", "policies"], { env: { SLUICE_PACKS: "/nonexistent" } })).code).toBe(0);
  });

  it("ends quietly when its reader has seen enough", async () => {
    const pods = Array.from({ length: 300 }, (_, i) => `apiVersion: v1\nkind: Pod\nmetadata: {name: p${i}, namespace: n}\nspec: {containers: []}\n`).join("---\n");
    await writeFile(join(folder, "many.yaml"), pods);
    const child = spawn(process.execPath, [program.main, "connectivity", join(folder, "many.yaml")]);
    let errors = "";
    child.stderr.on("data", (chunk: Buffer) => (errors += chunk.toString()));
    child.stdout.once("data", () => child.stdout.destroy());
    const code = await new Promise((resolve) => child.on("close", resolve));
    expect([code, errors]).toEqual([0, ""]);
  });

  it("answers 100,000 queries in one process, in order", async () => {
    const queries = Array.from({ length: 100_000 }, (_, i) => ({ src: "shop/web", dst: `10.0.${Math.floor(i / 256) % 256}.${i % 256}`, protocol: "TCP", port: 1 + (i % 65_535) }));
    await writeFile(join(folder, "queries.json"), JSON.stringify(queries));
    const { stdout, code } = await program.run(["eval", join(folder, "pod.yaml"), "--queries", join(folder, "queries.json"), "-o", "json"]);
    const rows = JSON.parse(stdout) as { allowed: boolean }[];
    expect([code, rows.length, rows.every(({ allowed }) => allowed)]).toEqual([0, 100_000, true]);
  });

  it("tells of a cluster that is not there, without a stack", async () => {
    const { stderr, code } = await program.run(["connectivity", "--cluster"], { env: { KUBECONFIG: "/nonexistent" } });
    expect(code).toBe(2);
    expect(stderr).not.toMatch(/\n\s+at /);
    expect(stderr.length).toBeLessThan(500);
  });
});
