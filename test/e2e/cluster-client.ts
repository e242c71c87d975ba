import { execFile } from "node:child_process";
import { randomBytes } from "node:crypto";
import { readFileSync, writeFileSync } from "node:fs";
import { join } from "node:path";
import { kubeconfigText, type UserName } from "./users.js";
import { waitFor } from "./wait-for.js";

/** Where a running API server is: plain data, so that it can be handed to the workers of vitest. */
export interface ClusterAddress {
  /** Folder of kubectl. */
  readonly binaries: string;
  /** Folder of kubeconfigs and logs. */
  readonly directory: string;
  /** `https://127.0.0.1:PORT` */
  readonly server: string;
  /** Whether kube-controller-manager runs: without it Deployments, garbage collection and namespace deletion do nothing. */
  readonly controllers: boolean;
}

/** What a command did; a code other than 0 is an answer, not an error. */
export interface KubectlResult {
  readonly code: number;
  readonly stdout: string;
  readonly stderr: string;
}

/** Who runs a command (default `admin`), and its standard input. */
export interface KubectlOptions {
  readonly as?: UserName | { readonly kubeconfig: string };
  readonly input?: string;
}

/** The operations of a test on the API server. */
export interface Cluster extends ClusterAddress {
  /** The server's CA certificate, PEM. */
  readonly ca: string;
  kubectl(args: readonly string[], options?: KubectlOptions): Promise<KubectlResult>;
  /** Path of a user's kubeconfig. */
  kubeconfig(user: UserName): string;
  /** Path of a kubeconfig with a real token of a ServiceAccount, as a program in its pod would have; by way of a proxy where one is named. */
  serviceAccountKubeconfig(namespace: string, name: string, proxy?: { readonly url: string; readonly caFile: string }): Promise<string>;
  /** `kubectl apply` of YAML text, one object or several; throws what kubectl printed. */
  apply(manifest: string | object | readonly object[], as?: KubectlOptions["as"]): Promise<void>;
  /** `kubectl get ... -o json`; undefined when there is no such object, throws otherwise. */
  get<T = unknown>(...args: readonly string[]): Promise<T | undefined>;
  /** Writes the status of a Pod, as its kubelet would. */
  patchPodStatus(namespace: string, pod: string, status: object): Promise<void>;
  /** Creates a namespace with a name of its own and returns the name. */
  freshNamespace(prefix?: string, labels?: Readonly<Record<string, string>>): Promise<string>;
  waitFor: typeof waitFor;
  /** The last lines of a program's log: `kube-apiserver`, `kube-controller-manager` or `etcd`. */
  log(program: string, lines?: number): string;
}

/** The operations on the API server at an address; nothing is read or sent before the first of them. */
export function connectCluster(address: ClusterAddress): Cluster {
  const kubectl: Cluster["kubectl"] = (args, options = {}) => runKubectl(address, args, options);
  const must = async (args: readonly string[], options: KubectlOptions = {}): Promise<string> => {
    const result = await kubectl(args, options);
    if (result.code !== 0) throw new Error(`kubectl ${args.join(" ")}: ${result.stderr.trim()}`);
    return result.stdout;
  };
  const apply: Cluster["apply"] = async (manifest, as = "admin") => void (await must(["apply", "-f", "-"], { as, input: manifestText(manifest) }));

  return {
    ...address,
    get ca() {
      return readFileSync(caFile(address.directory), "utf8");
    },
    kubectl,
    kubeconfig: (user) => kubeconfigFile(address.directory, user),
    async serviceAccountKubeconfig(namespace, name, { url, caFile: ca } = { url: address.server, caFile: caFile(address.directory) }) {
      const token = (await must(["create", "token", "-n", namespace, name, "--duration", "1h"])).trim();
      const path = kubeconfigFile(address.directory, `${namespace}-${name}-${randomBytes(4).toString("hex")}`);
      writeFileSync(path, kubeconfigText(url, ca, token), { mode: 0o600 });
      return path;
    },
    apply,
    async get<T>(...args: readonly string[]) {
      const text = await must(["get", ...args, "-o", "json", "--ignore-not-found"]);
      return text === "" ? undefined : (JSON.parse(text) as T);
    },
    async patchPodStatus(namespace, pod, status) {
      await must(["patch", "pod", "-n", namespace, pod, "--subresource", "status", "--type", "merge", "-p", JSON.stringify({ status })]);
    },
    async freshNamespace(prefix = "test", labels = {}) {
      const name = `${prefix}-${randomBytes(4).toString("hex")}`;
      await apply({ apiVersion: "v1", kind: "Namespace", metadata: { name, labels } });
      return name;
    },
    waitFor,
    log: (program, lines = 50) => readFileSync(join(address.directory, `${program}.log`), "utf8").trimEnd().split("\n").slice(-lines).join("\n"),
  };
}

/** Path of a kubeconfig in a cluster's folder. */
export function kubeconfigFile(directory: string, name: string): string {
  return join(directory, `${name}.kubeconfig`);
}

/** The certificate that the API server makes for itself, followed by the CA that signed it. */
export function caFile(directory: string): string {
  return join(directory, "certificates", "apiserver.crt");
}

function manifestText(manifest: string | object | readonly object[]): string {
  if (typeof manifest === "string") return manifest;
  const objects: readonly object[] = Array.isArray(manifest) ? manifest : [manifest];
  return objects.map((object) => JSON.stringify(object)).join("\n---\n");
}

function runKubectl(address: ClusterAddress, args: readonly string[], options: KubectlOptions): Promise<KubectlResult> {
  const as = options.as ?? "admin";
  const KUBECONFIG = typeof as === "string" ? kubeconfigFile(address.directory, as) : as.kubeconfig;
  // HOME: no settings and no discovery cache of the person who runs the tests.
  const env = { PATH: process.env["PATH"], HOME: address.directory, KUBECONFIG };
  return new Promise((resolve, reject) => {
    const child = execFile(join(address.binaries, "kubectl"), [...args], { env, maxBuffer: 64 * 1024 * 1024 }, (error, stdout, stderr) => {
      if (error && typeof error.code !== "number") reject(error);
      else resolve({ code: typeof error?.code === "number" ? error.code : 0, stdout, stderr });
    });
    child.stdin?.on("error", () => undefined);
    child.stdin?.end(options.input ?? "");
  });
}
