import { execFile, spawn, spawnSync, type ChildProcess } from "node:child_process";
import { mkdtempSync, readFileSync, rmSync } from "node:fs";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseAllDocuments } from "yaml";
import type { Cluster } from "./cluster-client.js";
import { startForwarder } from "./forwarder.js";
import { freePorts } from "./free-ports.js";
import { waitFor } from "./wait-for.js";

const root = fileURLToPath(new URL("../../", import.meta.url));

/** A Sluice that guards the cluster: the built program, its own ServiceAccount, the webhook configurations that it prints. */
export interface RunningSluice {
  readonly url: string;
  /** The CA that its webhooks are trusted by. */
  readonly caFile: string;
  /** GET of a path; the body as text. */
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<{ status: number; text: string }>;
  /** Everything it logged. */
  log(): string;
  stop(): Promise<void>;
}

export function manifests(file: string): object[] {
  return parseAllDocuments(readFileSync(join(root, file), "utf8")).map((document) => document.toJS() as object);
}

/** A running `sluice serve`. */
export interface Program {
  readonly port: number;
  readonly url: string;
  get: RunningSluice["get"];
  log(): string;
  stop(): Promise<void>;
  /** At once, without a word to anybody. */
  kill(): Promise<void>;
  signal(name: NodeJS.Signals): void;
}

/** How Sluice gets to the API server. */
export interface Way {
  /** Instead of the API server itself. */
  readonly proxy?: { readonly url: string; readonly caFile: string };
  /** Flags of node itself. */
  readonly node?: readonly string[];
  readonly env?: Readonly<Record<string, string>>;
}

/** Starts `sluice serve` on the cluster, as the ServiceAccount of the manifests; it guards nothing yet. */
export async function startProgram(cluster: Cluster, { certDir, args: further = [], proxy, node = [], env = {} }: { readonly certDir: string; readonly args?: readonly string[] } & Way): Promise<Program> {
  for (const file of ["namespace", "rbac"]) await cluster.apply(manifests(`deploy/base/${file}.yaml`));
  const kubeconfig = await cluster.serviceAccountKubeconfig("sluice-system", "sluice", proxy);
  const [port = 0] = await freePorts();
  const args = [...node, "dist/main.js", "serve", "--cluster", "--port", String(port), "--cert-dir", certDir, ...further];
  const child = spawn(process.execPath, args, { cwd: root, env: { PATH: process.env["PATH"], HOME: certDir, KUBECONFIG: kubeconfig, ...env }, stdio: ["ignore", "pipe", "pipe"] });
  const output: string[] = [];
  child.stdout.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  child.stderr.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const url = `https://127.0.0.1:${port}`;
  const get: RunningSluice["get"] = (path, headers) => fetchText(`${url}${path}`, headers);
  try {
    await waitFor("sluice to be ready", async () => (await get("/readyz")).status === 200, 30_000);
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${error instanceof Error ? error.message : String(error)}\n${output.join("").replace(/^/gm, "| ")}`);
  }
  return { port, url, get, log: () => output.join(""), signal: (name) => void child.kill(name), stop: () => ended(child), kill: () => ended(child, "SIGKILL") };
}

/** Runs the built program to its end. */
export function runSluice(args: readonly string[], env: Readonly<Record<string, string>>, input = ""): Promise<{ readonly code: number; readonly stdout: string; readonly stderr: string }> {
  return new Promise((resolve, reject) => {
    const child = execFile(process.execPath, ["dist/main.js", ...args], { cwd: root, env: { PATH: process.env["PATH"], ...env } }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
    child.stdin?.end(input);
  });
}

/** `args`: further flags of `sluice serve`. */
export async function startSluice(cluster: Cluster, { args = [] }: { readonly args?: readonly string[] } = {}): Promise<RunningSluice> {
  const certDir = newCertDir();
  const program = await startProgram(cluster, { certDir, args });
  const remove = await installPrintedWebhooks(cluster, ["--url", program.url, "--ca-bundle", join(certDir, "ca.crt"), ...packFlags(args)]);
  return {
    ...program,
    caFile: join(certDir, "ca.crt"),
    async stop() {
      await remove();
      await program.stop();
      rmSync(certDir, { recursive: true, force: true });
    },
  };
}

/** Applies what `sluice webhooks` prints. Returns what removes it again. */
export async function installPrintedWebhooks(cluster: Cluster, flags: readonly string[]): Promise<() => Promise<void>> {
  const { stdout, stderr, status } = spawnSync(process.execPath, ["dist/main.js", "webhooks", ...flags], { cwd: root, encoding: "utf8" });
  if (status !== 0) throw new Error(stderr);
  await cluster.apply(stdout);
  return async () => {
    for (const [kind, name] of CONFIGURATIONS) await cluster.kubectl(["delete", kind, name, "--ignore-not-found"]);
  };
}

const CONFIGURATIONS = [["mutatingwebhookconfiguration", "sluice"], ["validatingwebhookconfiguration", "sluice-deny"], ["validatingwebhookconfiguration", "sluice-warn"]] as const;

/** The flags that say which rules are in force, each with its value. */
function packFlags(args: readonly string[]): readonly string[] {
  return args.flatMap((flag, i) => (["--packs", "--profile", "--set", "--mode"].includes(flag) ? [flag, args[i + 1] ?? ""] : []));
}

/** Several replicas with one certificate, behind one address that gives each new connection to the next of them. */
export async function startReplicas(cluster: Cluster, count: number, way: Way = {}): Promise<RunningSluice & { readonly programs: readonly Program[] }> {
  const certDir = newCertDir();
  const programs: Program[] = [];
  // The first one makes the certificate that the others find.
  for (let index = 0; index < count; index++) programs.push(await startProgram(cluster, { certDir, args: ["--own-namespace", "sluice-system"], ...way }));
  const forwarder = await startForwarder(programs.map(({ port }) => port));
  const remove = await installPrintedWebhooks(cluster, ["--url", forwarder.url, "--ca-bundle", join(certDir, "ca.crt")]);
  const [first] = programs;
  if (!first) throw new Error("no replica was asked for");
  return {
    url: forwarder.url,
    caFile: join(certDir, "ca.crt"),
    get: first.get,
    log: () => programs.map((program) => program.log()).join(""),
    programs,
    async stop() {
      await remove();
      await Promise.all(programs.map((program) => program.stop()));
      await forwarder.stop();
      rmSync(certDir, { recursive: true, force: true });
    },
  };
}

function newCertDir(): string {
  return mkdtempSync(join(tmpdir(), "sluice-e2e-"));
}

async function ended(child: ChildProcess, signal: "SIGTERM" | "SIGKILL" = "SIGTERM"): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.kill(signal);
  await exited;
}

function fetchText(url: string, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { rejectUnauthorized: false, headers }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on("error", reject);
    call.end();
  });
}
