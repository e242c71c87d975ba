import { execFileSync, spawn, type ChildProcess } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, symlinkSync } from "node:fs";
import { request } from "node:https";
import { setTimeout as sleep } from "node:timers/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { apiOf } from "./api.js";
import type { Cluster } from "./cluster-client.js";
import { freePorts } from "./free-ports.js";
import { namespace, policy } from "./kf-world.js";
import { waitFor } from "./wait-for.js";

/** Sluice as it is deployed: the bundle of the image with the arguments of the stored Deployment, under the token of its ServiceAccount. */

const root = fileURLToPath(new URL("../../", import.meta.url));
const SOURCES = ["src", "scripts", "policies", "package.json", "tsconfig.json", "LICENSE"];

/** How long a replica waits for a leader that is silent: less than in a cluster, where nobody waits for it. */
export const LEASE_MS = 6_000;

/** One version to install: its manifests and its program. */
export interface Release {
  /** Folder of `deploy/`. */
  readonly manifests: string;
  /** Folder of the bundle. */
  readonly program: string;
}

/** The version of these files, and the one before it: of the newest tag, or of the commit before this one. Without a history both are the same. */
export function buildReleases(): { readonly folder: string; readonly before: Release; readonly now: Release } {
  const folder = mkdtempSync(join(tmpdir(), "sluice-releases-"));
  const sources = join(folder, "before-sources");
  mkdirSync(sources);
  if (!checkedOut(sources)) for (const name of [...SOURCES, "deploy"]) cpSync(join(root, name), join(sources, name), { recursive: true });
  symlinkSync(join(root, "node_modules"), join(sources, "node_modules"));
  return { folder, before: built(sources, join(folder, "before")), now: built(root, join(folder, "now")) };
}

function checkedOut(into: string): boolean {
  const git = (...args: string[]): string => execFileSync("git", args, { cwd: root, encoding: "utf8", stdio: ["ignore", "pipe", "ignore"] }).trim();
  try {
    const commit = ((): string => {
      try {
        return git("describe", "--tags", "--abbrev=0", "--match=v*", "HEAD~1");
      } catch {
        return git("rev-parse", "HEAD~1");
      }
    })();
    // Older than the manifests that are installed here: nobody can have installed them.
    if (git("ls-tree", commit, "deploy/overlays/kf-gke-dataplane-v1") === "") return false;
    execFileSync("tar", ["-x", "-C", into], { input: execFileSync("git", ["archive", commit, ...SOURCES, "deploy"], { cwd: root, maxBuffer: 256 * 1024 * 1024, stdio: ["ignore", "pipe", "ignore"] }) });
    return true;
  } catch {
    return false;
  }
}

function built(sources: string, program: string): Release {
  execFileSync(process.execPath, ["scripts/bundle.mjs", program], { cwd: sources, stdio: ["ignore", "ignore", "inherit"] });
  return { manifests: join(sources, "deploy"), program };
}

/** A running pod of the Deployment, as far as there is one without a kubelet. */
export interface Replica {
  readonly port: number;
  get(path: string, headers?: Readonly<Record<string, string>>): Promise<{ readonly status: number; readonly text: string }>;
  log(): string;
  /** As a kubelet stops a pod: resolves with its exit code. */
  stop(signal?: NodeJS.Signals): Promise<number | null>;
}

export interface ReplicaOptions {
  readonly release: Release;
  /** Where the API server is to call. */
  readonly url: string;
  readonly directory: string;
  /** What must answer before it counts as started. */
  readonly until?: "/readyz" | "/livez";
  /** Arguments after those of the Deployment. */
  readonly args?: readonly string[];
}

interface StoredDeployment {
  readonly spec: { readonly template: { readonly spec: { readonly serviceAccountName: string; readonly containers: readonly [{ readonly args: readonly string[]; readonly env: readonly { readonly name: string; readonly value: string }[] }] } } };
}

/** Starts what the stored Deployment says; only addresses are those of this machine. */
export async function startReplica(cluster: Cluster, { release, url, directory, until = "/readyz", args: further = [] }: ReplicaOptions): Promise<Replica> {
  const stored = await cluster.get<StoredDeployment>("deployment", "-n", "sluice-system", "sluice");
  if (!stored) throw new Error("there is no Deployment");
  const { serviceAccountName, containers: [{ args, env }] } = stored.spec.template.spec;
  const [port = 0] = await freePorts();
  const here = ["--host=127.0.0.1", `--port=${port}`, `--url=${url}`, "--own-namespace=sluice-system", `--lease=${LEASE_MS / 1_000}`, ...further];
  const kubeconfig = await cluster.serviceAccountKubeconfig("sluice-system", serviceAccountName);
  const child = spawn(process.execPath, [join(release.program, "dist/sluice.mjs"), ...args, ...here], {
    cwd: directory,
    env: { PATH: process.env["PATH"], HOME: directory, KUBECONFIG: kubeconfig, ...Object.fromEntries(env.map(({ name, value }) => [name, value])) },
    stdio: ["ignore", "pipe", "pipe"],
  });
  const output: string[] = [];
  for (const stream of [child.stdout, child.stderr]) stream.on("data", (chunk: Buffer) => output.push(chunk.toString()));
  const get: Replica["get"] = (path, headers) => fetchText(`https://127.0.0.1:${port}${path}`, headers);
  try {
    await waitFor("a replica to start", async () => child.exitCode !== null || (await get(until)).status === 200, 40_000);
    if (child.exitCode !== null) throw new Error("it ended");
  } catch (error) {
    child.kill("SIGKILL");
    throw new Error(`${String(error)}\n${output.join("").replace(/^/gm, "| ")}`);
  }
  return { port, get, log: () => output.join(""), stop: (signal = "SIGTERM") => ended(child, signal) };
}

function ended(child: ChildProcess, signal: NodeJS.Signals): Promise<number | null> {
  if (child.exitCode !== null || child.signalCode !== null) return Promise.resolve(child.exitCode);
  return new Promise((resolve) => {
    child.once("exit", (code) => resolve(code));
    child.kill(signal);
  });
}

function fetchText(url: string, headers: Readonly<Record<string, string>> = {}): Promise<{ status: number; text: string }> {
  return new Promise((resolve, reject) => {
    const call = request(url, { rejectUnauthorized: false, headers, agent: false }, (response) => {
      let text = "";
      response.on("data", (chunk: Buffer) => (text += chunk.toString()));
      response.on("end", () => resolve({ status: response.statusCode ?? 0, text }));
    });
    call.on("error", reject);
    call.end();
  });
}

/** Requests of four clients over kept connections, a few hundred a second, until told to stop. */
export interface Load {
  stop(): Promise<{ readonly admitted: number; readonly refused: number; readonly wrong: readonly string[] }>;
}

/** Half of what is sent must be admitted and half refused; `mayPass`: nobody refuses any more once the webhooks are gone. */
export function startLoad(cluster: Cluster, { mayPass = false } = {}): Load {
  const api = apiOf(cluster, "developer");
  const ask = (path: string, body: object): ReturnType<typeof api> => api("POST", path, body).catch((error: unknown) => ({ status: 0, body: { message: String(error) } }));
  const counts = { on: true, admitted: 0, refused: 0, wrong: [] as string[] };
  const fine = policy("default", "load", { podSelector: { matchLabels: { app: "nobody" } }, policyTypes: ["Ingress"], ingress: [{}] });
  const client = async (): Promise<void> => {
    while (counts.on) {
      const good = await ask("/apis/networking.k8s.io/v1/namespaces/default/networkpolicies?dryRun=All", fine);
      if (good.status === 201) counts.admitted += 1;
      else counts.wrong.push(good.body.message ?? String(good.status));
      const bad = await ask("/api/v1/namespaces?dryRun=All", namespace("undeclared"));
      if (bad.status === 403) counts.refused += 1;
      else if (bad.status !== 201 || !mayPass) counts.wrong.push(`${bad.status} ${bad.body.message ?? ""}`);
      // The machine has other work: the replicas start meanwhile.
      await sleep(20);
    }
  };
  const clients = [0, 1, 2, 3].map(client);
  return {
    async stop() {
      counts.on = false;
      await Promise.all(clients);
      return counts;
    },
  };
}
