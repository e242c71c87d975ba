import { spawn } from "node:child_process";
import { mkdir, mkdtemp, readFile, rm, stat, symlink, writeFile } from "node:fs/promises";
import { Agent, request as httpsRequest } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it, vi } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { objectsInFolder, request } from "../review/world.js";
import { buildProgram, type Program } from "./program.js";

const policies = fileURLToPath(new URL("../../policies/", import.meta.url));

describe("sluice replay", () => {
  let program: Program;
  let folder = "";
  let recording = "";
  const at = (name: string): string => join(folder, name);

  beforeAll(async () => {
    program = await buildProgram();
    folder = await mkdtemp(join(tmpdir(), "sluice-replay-"));
    recording = at("recording.jsonl");
    await record(["--state", "examples/kf-cluster"], [
      ...objectsInFolder("examples/kf-cluster").filter(({ metadata }) => metadata.namespace === "space-closed").flatMap(changesOf),
      review("CREATE", secretPod()),
      review("CREATE", { apiVersion: "v1", kind: "Namespace", metadata: { name: "undeclared" } }),
    ]);
    await mkdir(at("audit"));
    for (const file of ["baseline.yaml", "kf.yaml"]) await symlink(join(policies, file), join(at("audit"), file));
    await writeFile(join(at("audit"), "overlay.yaml"), "apiVersion: sluice.dev/v1alpha1\nkind: PackOverlay\nmetadata: {name: audit}\nspec: {rules: {baseline/declared: {enforcementAction: warn}}}\n");
  }, 120_000);
  afterAll(async () => {
    await program.remove();
    await rm(folder, { recursive: true, force: true });
  });

  /** Serves with `--record`, sends every review on every route, and ends in order. */
  async function record(args: readonly string[], reviews: readonly object[]): Promise<void> {
    const child = spawn(process.execPath, [program.main, "serve", "--port", "0", "--cert-dir", at("certs"), "--record", recording, ...args], { stdio: ["ignore", "pipe", "ignore"] });
    let hello = "";
    child.stdout.on("data", (chunk: Buffer) => (hello += chunk.toString()));
    const ended = new Promise((resolve) => child.on("close", resolve));
    await vi.waitFor(() => expect(hello).toContain("curl"), { timeout: 20_000 });
    const url = /https:\/\/127\.0\.0\.1:\d+/.exec(hello)?.[0] ?? "";
    const agent = new Agent({ keepAlive: true, ca: await readFile(join(at("certs"), "ca.crt"), "utf8") });
    for (const body of reviews) for (const route of ["mutate", "validate/deny", "validate/warn", "validate"]) await post(`${url}/${route}`, body, agent);
    agent.destroy();
    child.kill("SIGTERM");
    await ended;
  }

  function post(url: string, body: object, agent: Agent): Promise<void> {
    return new Promise((resolve, reject) => {
      httpsRequest(url, { method: "POST", agent }, (response) => response.resume().on("end", () => resolve())).on("error", reject).end(JSON.stringify(body));
    });
  }

  function review(...args: Parameters<typeof request>): object {
    return { apiVersion: "admission.k8s.io/v1", kind: "AdmissionReview", request: request(...args) };
  }

  /** Made again, emptied and deleted: nearly every rule is broken somewhere, and the state moves on. */
  function changesOf(object: KubeObject): object[] {
    const emptied = { ...object, spec: { ...(object["spec"] as object), egress: [] } };
    return object.kind === "NetworkPolicy" ? [review("UPDATE", emptied, { old: object }), review("DELETE", emptied), review("CREATE", object)] : object.kind === "Pod" ? [review("CREATE", object)] : [];
  }

  function secretPod(): KubeObject {
    const container = { name: "main", env: [{ name: "PASSWORD", value: "hunter2" }], args: ["--token=hunter2"], ports: [{ containerPort: 8080 }] };
    const metadata = { name: "secretive", namespace: "space-open", annotations: { "kubectl.kubernetes.io/last-applied-configuration": "hunter2", kept: "yes" } };
    return { apiVersion: "v1", kind: "Pod", metadata, spec: { containers: [container] } };
  }

  it("with the packs that decided nothing differs", async () => {
    const { code, stdout, stderr } = await program.run(["replay", recording]);
    expect([stdout, stderr, code]).toEqual([expect.stringMatching(/^\d+ decisions replayed with the packs baseline, kf \(sha256:[0-9a-f]+\): nothing differs\n$/), "", 0]);
    const told = JSON.parse((await program.run(["replay", recording, "-o", "json"])).stdout) as { decisions: number; madeByThesePacks: number };
    expect([told.madeByThesePacks, told.decisions > 50]).toEqual([told.decisions, true]);
    const outcomes = new Set((await readFile(recording, "utf8")).split("\n").flatMap((line) => /"decision":\{"allowed":(true|false)/.exec(line)?.[1] ?? []));
    expect([...outcomes].sort()).toEqual(["false", "true"]);
  });

  it("tells what other packs would free, refuse and tell otherwise, and by which rules", async () => {
    const freed = await program.run(["replay", recording, "--packs", at("audit")]);
    expect(freed.code).toBe(1);
    expect(freed.stdout).toContain("newly admitted: 2\n");
    expect(freed.stdout).toMatch(/ {2}\S+ CREATE Namespace undeclared by developer \(\/validate\/deny\): refused \(baseline\/declared=deny\) -> admitted \(baseline\/declared=warn\)\n/);
    const stricter = JSON.parse((await program.run(["replay", recording, "--set", "unclassifiedPods=deny", "-o", "json"])).stdout) as { differences: { turn: string; kind: string; name: string; after: { rules: string[] } }[] };
    expect(stricter.differences.filter(({ turn }) => turn === "refused").map(({ name, after }) => [name, after.rules.includes("kf/pod-label=deny")])).toContainEqual(["secretive", true]);
    expect(stricter.differences.map(({ turn }) => turn)).toContain("otherwise");
  });

  it("nothing secret is written down, and only the owner may read it", async () => {
    const text = await readFile(recording, "utf8");
    expect(text).not.toContain("hunter2");
    expect(text).toContain('"kept":"yes"');
    expect((await stat(recording)).mode & 0o077).toBe(0);
  });

  it("a run that was cut off in the middle of a line is replayed up to there; a further run starts anew", async () => {
    const text = await readFile(recording, "utf8");
    await writeFile(at("cut.jsonl"), text.slice(0, -40));
    const whole = /^(\d+) decisions/.exec((await program.run(["replay", recording])).stdout)?.[1];
    expect((await program.run(["replay", at("cut.jsonl")])).stdout).toMatch(new RegExp(`^${Number(whole) - 1} decisions .*: nothing differs\n`));
    await writeFile(at("twice.jsonl"), text + text);
    expect((await program.run(["replay", at("twice.jsonl")])).stdout).toMatch(new RegExp(`^${Number(whole) * 2} decisions .*: nothing differs\n`));
  });

  it.each([
    ["a decision log", '{"level":"info","route":"validate","msg":"decision"}\n', "log:1: is no recording of `sluice serve --record`: a decision log alone does not hold the requests"],
    ["a line that is none", '{"record":"sluice/v1"}\nnonsense\n{}\n', "log:2: is no JSON object"],
    ["a request without its decision", '{"record":"sluice/v1"}\n{"request":{}}\n', "log:2: is a request without a decision"],
    ["an unknown route", '{"record":"sluice/v1"}\n{"time":"2026-01-01T00:00:00Z","route":"x","request":{},"decision":{"allowed":true}}\n', "log:2: is of a route `x` that nobody serves"],
    ["no file", undefined, "no such file or folder"],
  ])("answers 2 to %s", async (_, text, message) => {
    if (text !== undefined) await writeFile(at("log"), text);
    const { code, stdout, stderr } = await program.run(["replay", text === undefined ? at("gone") : at("log")]);
    expect([code, stdout]).toEqual([2, ""]);
    expect(stderr).toContain(message);
  });

  it("a record that cannot be written ends the start, not the service", async () => {
    const { code, stderr } = await program.run(["serve", "--port", "0", "--cert-dir", at("certs"), "--record", at("gone/record")]);
    expect([code, stderr]).toEqual([2, expect.stringContaining(`\`--record ${at("gone/record")}\` cannot be written`)]);
  });
});
