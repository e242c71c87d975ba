import { execFile } from "node:child_process";
import { mkdtempSync } from "node:fs";
import { rm } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { helmProgram } from "../tools/tools.mjs";
import type { KubectlResult } from "./cluster-client.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** helm, run in the project's folder with no settings of the person who runs the tests. */
export interface Helm {
  /** Why there is none. */
  readonly missing?: string;
  run(args: readonly string[], kubeconfig?: string): Promise<KubectlResult>;
  remove(): Promise<void>;
}

/** Builds helm the first time. */
export async function findHelm(): Promise<Helm> {
  const found = await helmProgram();
  const home = mkdtempSync(join(tmpdir(), "sluice-helm-"));
  const run: Helm["run"] = (args, kubeconfig = "/nonexistent") =>
    new Promise((resolve) => {
      execFile(String(found), [...args], { cwd: root, env: { PATH: process.env["PATH"], HOME: home, KUBECONFIG: kubeconfig }, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) =>
        resolve({ code: typeof error?.code === "number" ? error.code : error ? 1 : 0, stdout, stderr }));
    });
  return { run, remove: () => rm(home, { recursive: true, force: true }), ...(typeof found !== "string" && found) };
}
