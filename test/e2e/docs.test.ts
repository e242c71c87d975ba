import { spawn } from "node:child_process";
import { chmodSync, mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { delimiter, join } from "node:path";
import { afterAll, beforeAll, expect, it } from "vitest";
import { blocksIn, PAGES, root } from "../docs/pages.js";
import { describeWithCluster } from "./describe-with-cluster.js";
import { startForwarder } from "./forwarder.js";
import { namespace, pod } from "./kf-world.js";
import { manifests, startProgram, type Program } from "./sluice.js";

/** The commands that the pages mark with `<!-- e2e -->`, as they stand there and in their order, on a cluster that Sluice guards. */

interface Ran {
  readonly code: number | null;
  readonly output: string;
}

describeWithCluster("the commands of the pages", (cluster) => {
  const directory = mkdtempSync(join(tmpdir(), "sluice-e2e-"));
  const ports: number[] = [];
  let forwarder: Awaited<ReturnType<typeof startForwarder>>;
  let program: Program;

  beforeAll(async () => {
    writeFileSync(join(directory, "sluice"), `#!/bin/sh\nexec "${process.execPath}" "${join(root, "dist/main.js")}" "$@"\n`);
    chmodSync(join(directory, "sluice"), 0o755);
    await cluster.apply(manifests("deploy/base/crds.yaml"));
    await cluster.apply([namespace("shop"), pod("shop", "old")]);
    forwarder = await startForwarder(ports);
    program = await startProgram(cluster, { certDir: directory, args: ["--cert-secret", "sluice-system/sluice-certificates", "--lease", "6", "--url", forwarder.url, "--own-namespace", "sluice-system"] });
    ports.push(program.port);
    await cluster.waitFor("the webhooks to be in force", async () => (await cluster.kubectl(["create", "namespace", "undeclared", "--dry-run=server"])).stderr.includes("declares no baseline"), 30_000);
  });
  afterAll(async () => {
    await program?.stop();
    await forwarder?.stop();
    await cluster.kubectl(["delete", "mutatingwebhookconfiguration,validatingwebhookconfiguration", "-l", "app.kubernetes.io/name=sluice"]);
    await cluster.kubectl(["delete", "-n", "sluice-system", "secret/sluice-certificates", "lease/sluice-certificates", "configmap/sluice-pending-changes", "--ignore-not-found"]);
    await cluster.kubectl(["delete", "policyexceptions", "--all"]);
    await cluster.kubectl(["delete", "pod", "-n", "shop", "old", "--grace-period=0", "--force"]);
    await cluster.kubectl(["delete", "namespace", "shop", "--wait=false"]);
    rmSync(directory, { recursive: true, force: true });
  });

  const run = (line: string): Promise<Ran> => new Promise((resolve, reject) => {
    const env = { PATH: [directory, cluster.binaries, process.env["PATH"] ?? ""].join(delimiter), KUBECONFIG: cluster.kubeconfig("admin"), HOME: directory };
    const child = spawn("sh", ["-c", line], { cwd: directory, env, stdio: ["ignore", "pipe", "pipe"] });
    let output = "";
    for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => (output += chunk.toString()));
    child.on("error", reject).on("close", (code) => resolve({ code, output }));
  });

  const lines = PAGES.flatMap((page) => blocksIn(page).filter(({ mark }) => mark === "e2e").flatMap(({ text }) => text.trimEnd().split("\n").map((line) => [page, line] as const)));
  it("are there", () => expect(lines.length).toBeGreaterThan(8));
  it.each(lines)("%s: %s", async (_page, line) => {
    const { code, output } = await run(line);
    // Findings are an answer; wrong use is not, and kubectl must have done what it was told.
    const isAnswer = line.startsWith("sluice ") && !line.includes("--apply") && !line.includes(">");
    expect(isAnswer ? [0, 1] : [0], output).toContain(code);
    if (line.includes("--apply")) expect(output).toMatch(/^verified: /m);
  });
});
