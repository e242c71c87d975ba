import { setTimeout as sleep } from "node:timers/promises";
import { policyKinds } from "../dialects/index.js";
import { failed, ok, type Result } from "../model/result.js";
import { Snapshot } from "../model/snapshot.js";
import type { FollowedCluster, KindStatus, WatchedKind } from "../cluster/cluster.js";
import { loadState, type LoadedState } from "./files.js";

export interface StateOf {
  readonly files: readonly string[];
  readonly cluster: boolean;
  /** Kinds to read beside the built-in ones. */
  readonly kinds?: readonly WatchedKind[];
  /** A cluster of which some kinds cannot be read is read as far as it can be; a warning (`cluster/unreadable`) names each of them. */
  readonly partly?: boolean;
  /** Without the names of workloads, which only reports need. */
  readonly workloads?: false;
}

/** The state of the cluster that a verb is asked about: from files, or read once from the cluster of the current kubeconfig. */
export async function openState({ files, cluster, kinds = [], partly = false, workloads }: StateOf): Promise<Result<LoadedState>> {
  if (files.length > 0 && cluster) return failed({ code: "use/both", message: "give files or `--cluster`, not both", path: "" });
  if (files.length === 0 && !cluster) return failed({ code: "use/nothing", message: "nothing to read: give files, folders, `-` or `--cluster`", path: "" });
  return cluster ? readCluster([...followedKinds(kinds), ...(workloads === false ? [] : WORKLOADS)], partly) : loadState(files);
}

const CORE: readonly WatchedKind[] = [
  { group: "", version: "v1", resource: "namespaces", kind: "Namespace", namespaced: false },
  { group: "", version: "v1", resource: "pods", kind: "Pod", namespaced: true },
  { group: "", version: "v1", resource: "nodes", kind: "Node", namespaced: false },
  { group: "", version: "v1", resource: "services", kind: "Service", namespaced: true },
  { group: "", version: "v1", resource: "endpoints", kind: "Endpoints", namespaced: true },
  { group: "discovery.k8s.io", version: "v1", resource: "endpointslices", kind: "EndpointSlice", namespaced: true },
];

/** What reports need beside what admission asks: the names of workloads, and what is reached from outside. */
const WORKLOADS: readonly WatchedKind[] = [
  { group: "apps", version: "v1", resource: "deployments", kind: "Deployment", namespaced: true },
  { group: "apps", version: "v1", resource: "replicasets", kind: "ReplicaSet", namespaced: true },
  { group: "apps", version: "v1", resource: "statefulsets", kind: "StatefulSet", namespaced: true },
  { group: "apps", version: "v1", resource: "daemonsets", kind: "DaemonSet", namespaced: true },
  { group: "batch", version: "v1", resource: "jobs", kind: "Job", namespaced: true },
  { group: "batch", version: "v1", resource: "cronjobs", kind: "CronJob", namespaced: true },
  { group: "networking.k8s.io", version: "v1", resource: "ingresses", kind: "Ingress", namespaced: true },
];

/** The kinds that decisions are made on: built-in ones, every kind of policy, and what the packs ask for; each once. */
export function followedKinds(kinds: readonly WatchedKind[]): readonly WatchedKind[] {
  const all = [...CORE, ...policyKinds, ...kinds];
  return [...new Map(all.map((kind) => [`${kind.resource}.${kind.group}`, kind])).values()];
}

/** A cluster that is silent for this long is not there; a large one keeps answering, page by page. */
const GIVE_UP_SECONDS = 15;

async function readCluster(kinds: readonly WatchedKind[], partly: boolean): Promise<Result<LoadedState>> {
  const [{ connectCluster, followCluster }, { createLog }] = await Promise.all([import("../cluster/cluster.js"), import("../log.js")]);
  const connection = await connectCluster();
  if (!connection.ok) return connection;
  const read = { snapshot: Snapshot.EMPTY };
  const onChanges: Parameters<typeof followCluster>[0]["onChanges"] = (changes) => {
    read.snapshot = read.snapshot.with(changes);
  };
  const cluster = followCluster({ connection: connection.value, kinds, onChanges, log: createLog({ level: "silent" }) });
  await withinReason(cluster, partly ? "every" : "any");
  const problems = problemsOf(cluster, connection.value.server);
  const isNothing = cluster.status().every(({ synced }) => !synced);
  await cluster.stop();
  if (problems.length > 0 && (!partly || isNothing)) return failed(...problems);
  return ok({ snapshot: read.snapshot, objects: [], warnings: problems, locate: () => undefined });
}

/** Until every kind was listed, or any (every one that is left) is refused or was not heard of for too long. */
async function withinReason(cluster: FollowedCluster, which: "any" | "every"): Promise<void> {
  const listed = new AbortController();
  const isHopeless = ({ refused, ageSeconds }: KindStatus): boolean => refused || ageSeconds > GIVE_UP_SECONDS;
  const givenUp = (async () => {
    const isOver = (): boolean => {
      const open = cluster.status().filter(({ synced }) => !synced);
      return which === "any" ? open.some(isHopeless) : open.every(isHopeless);
    };
    while (!isOver()) await sleep(100, undefined, { signal: listed.signal });
  })().catch(() => undefined);
  await Promise.race([cluster.synced(), givenUp]);
  listed.abort();
}

function problemsOf(cluster: FollowedCluster, server: string): { code: string; message: string; path: string }[] {
  const late = cluster.status().filter(({ synced }) => !synced);
  return late.map(({ kind, problem }) => ({ code: "cluster/unreadable", message: `${kind} cannot be read from ${server}: ${problem ?? "no answer"}`, path: "" }));
}
