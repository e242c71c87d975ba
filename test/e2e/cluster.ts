import { generateKeyPairSync } from "node:crypto";
import { mkdirSync, writeFileSync } from "node:fs";
import { mkdtemp, readFile, rm } from "node:fs/promises";
import { request } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import type { Binaries } from "../apiserver/binaries.mjs";
import { caFile, connectCluster, kubeconfigFile, type Cluster } from "./cluster-client.js";
import { apiServerFlags, controllerManagerFlags, etcdFlags } from "./cluster-flags.js";
import { freePorts } from "./free-ports.js";
import { createProcesses, ProcessEnded, type Processes } from "./processes.js";
import { kubeconfigText, newTokens, tokenFile, userNames, type Tokens } from "./users.js";
import { waitFor } from "./wait-for.js";

const readyTimeoutMs = 60_000;
const portAttempts = 3;
const fixtures = fileURLToPath(new URL("fixtures/", import.meta.url));

/** A cluster of one's own: the operations, and its end. */
export interface StartedCluster extends Cluster {
  /** Takes the API server away. A SIGTERM lets it drain, which open watches draw out to the 10 s after which it is killed; SIGKILL is at once. */
  stopApiServer(signal: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Brings it back, on the same port with the same data, and waits until it is ready. */
  startApiServer(): Promise<void>;
  /** Ends all programs and removes all files. */
  stop(): Promise<void>;
}

/** Starts etcd, kube-apiserver and, when there is one, kube-controller-manager; with the users, their rights and the Space CRD in place. */
export async function startCluster(binaries: Binaries, further: FurtherFlags = () => []): Promise<StartedCluster> {
  for (let attempt = 1; ; attempt += 1) {
    try {
      return await startOnFreePorts(binaries, further);
    } catch (error) {
      // A free port may be taken by someone else before the program binds it.
      if (attempt === portAttempts || !(error instanceof ProcessEnded) || !error.message.includes("address already in use")) throw error;
    }
  }
}

/** More flags of the API server, whose files may lie in the cluster's folder. */
export type FurtherFlags = (directory: string) => readonly string[];

async function startOnFreePorts(binaries: Binaries, further: FurtherFlags): Promise<StartedCluster> {
  const directory = await mkdtemp(join(tmpdir(), "sluice-e2e-"));
  const processes = createProcesses(directory);
  const stop = async (): Promise<void> => {
    await processes.stopAll();
    await rm(directory, { recursive: true, force: true });
  };
  try {
    const [etcd, secure] = await freePorts();
    const ports = { etcd, secure };
    const tokens = newTokens();
    const server = `https://127.0.0.1:${ports.secure}`;
    prepareFiles(directory, server, tokens);
    const cluster = connectCluster({ binaries: binaries.dir, directory, server, controllers: binaries.controllerManager });
    const flags = [...apiServerFlags(directory, ports), ...further(directory)];
    const startApiServer = async (): Promise<void> => {
      processes.start("kube-apiserver", join(binaries.dir, "kube-apiserver"), flags);
      await untilReady(processes, directory, server);
    };
    processes.start("etcd", join(binaries.dir, "etcd"), etcdFlags(directory, ports));
    await startApiServer();
    await populate(cluster);
    if (binaries.controllerManager) await startControllers(cluster, processes);
    return { ...cluster, startApiServer, stopApiServer: (signal) => processes.stop("kube-apiserver", signal), stop };
  } catch (error) {
    await stop();
    throw error;
  }
}

function prepareFiles(directory: string, server: string, tokens: Tokens): void {
  const keys = generateKeyPairSync("rsa", {
    modulusLength: 2048,
    publicKeyEncoding: { type: "spki", format: "pem" },
    privateKeyEncoding: { type: "pkcs8", format: "pem" },
  });
  const write = (path: string, text: string): void => writeFileSync(path, text, { mode: 0o600 });
  mkdirSync(join(directory, "certificates"));
  write(join(directory, "service-account.key"), keys.privateKey);
  write(join(directory, "service-account.pub"), keys.publicKey);
  write(join(directory, "tokens.csv"), tokenFile(tokens));
  for (const user of userNames) write(kubeconfigFile(directory, user), kubeconfigText(server, caFile(directory), tokens[user]));
}

async function untilReady(processes: Processes, directory: string, server: string): Promise<void> {
  const probe = async (): Promise<boolean> => {
    for (const name of ["etcd", "kube-apiserver"]) processes.assertRunning(name);
    return (await statusOf(`${server}/readyz`, await readFile(caFile(directory), "utf8"))) === 200;
  };
  await waitFor("kube-apiserver to be ready", probe, readyTimeoutMs).catch((error: unknown) => {
    if (error instanceof ProcessEnded) throw error;
    throw new Error(`${String(error)}; the end of its log:\n${processes.logTail("kube-apiserver")}`);
  });
}

function statusOf(url: string, ca: string): Promise<number | undefined> {
  return new Promise((resolve, reject) => {
    const sent = request(url, { ca, agent: false, timeout: 5000 }, (response) => {
      response.resume();
      resolve(response.statusCode);
    });
    sent.once("timeout", () => sent.destroy(new Error("no answer in 5 s")));
    sent.once("error", reject);
    sent.end();
  });
}

async function populate(cluster: Cluster): Promise<void> {
  await cluster.apply(await readFile(join(fixtures, "rbac.yaml"), "utf8"));
  // Before the controllers start: the garbage collector looks for new kinds only every 30 s.
  await cluster.apply(await readFile(join(fixtures, "space-crd.yaml"), "utf8"));
  const established = await cluster.kubectl(["wait", "--for=condition=Established", "crd/spaces.kf.dev", "--timeout=30s"]);
  if (established.code !== 0) throw new Error(established.stderr);
}

async function startControllers(cluster: Cluster, processes: Processes): Promise<void> {
  processes.start("kube-controller-manager", join(cluster.binaries, "kube-controller-manager"), controllerManagerFlags(cluster.directory));
  // It makes the account of a controller when it starts it.
  await waitFor("kube-controller-manager to start its controllers", () => {
    processes.assertRunning("kube-controller-manager");
    return cluster.get("serviceaccount", "-n", "kube-system", "replicaset-controller");
  }, readyTimeoutMs);
}
