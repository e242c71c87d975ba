import { join } from "node:path";
import { version, WrongUse, type Config } from "../config.js";
import { createLog, type Log } from "../log.js";
import { planProvision } from "../review/provision-plan.js";
import { provisionFor, WRITTEN_BY } from "../review/provision.js";
import { reviewMutation, reviewValidation } from "../review/review.js";
import type { FollowedCluster } from "../sources/cluster.js";
import type { Judge } from "../server/admission-edge.js";
import { LiveSnapshot } from "../server/live-snapshot.js";
import { makeJudge, type JudgeParts } from "../server/judge.js";
import { ServerMetrics, type KindState } from "../server/metrics.js";
import { Provisioner } from "../server/provision.js";
import { waitForProvision } from "../server/provision-wait.js";
import { readinessOf, type Condition } from "../server/readiness.js";
import { serve, type RunningServer } from "../server/serve.js";
import { stopSignal } from "../server/stop-signal.js";
import { formatProblem, type Result } from "../model/result.js";
import type { Change } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { factsOf } from "../sources/files.js";
import { loadPacks, type LoadedPacks } from "../sources/packs.js";
import { followedKinds } from "../sources/state.js";

import { unwrap, type Command, type Outcome } from "./command.js";

/** The webhook. */
export const command: Command = {
  name: "serve",
  description:
    "Serves POST /validate (all rules; /validate/deny and /validate/warn for the generated configurations), POST /mutate, GET /livez, /readyz and /metrics over HTTPS.\n" +
    "--state reads the cluster from files and follows changes to them; admitted changes are applied to that state in memory.\n" +
    "Without --state and --cluster it starts with an empty cluster in memory. Logs go to standard error, one JSON line per event.",
  arguments: [],
  options: ["state", "cluster", "packs", "host", "port", "certDir", "names", "profile", "set"],
  formats: [],
  example: "sluice serve --state manifests/",
  run,
};

async function run(config: Config): Promise<Outcome> {
  if (config.cluster && config.state.length > 0) throw new WrongUse("give `--state` or `--cluster`, not both");
  const loaded = unwrap(await loadPacks(config), "the rule packs cannot be used");
  const [log, live, metrics] = [createLog(), new LiveSnapshot(), new ServerMetrics(version())];
  const source = config.cluster ? await clusterSource(live, loaded.packs, { log, metrics }) : await fileSource(live, config.state, log);
  const server = await start(config, { loaded, live, source, log, metrics });
  if (!server.ok) await source.stop();
  return { output: untilStopped(unwrap(server), greeting(config, { loaded, live, server: unwrap(server) }), source), exitCode: 0 };
}

async function* untilStopped(server: RunningServer, hello: string, source: Source): AsyncGenerator<string> {
  yield hello;
  await stopSignal();
  await server.close();
  await source.stop();
}

/** Where the state comes from, and what that means for decisions. */
interface Source extends Pick<JudgeParts, "facts" | "confirm"> {
  /** What must hold before anything is judged on this state. */
  conditions(): readonly Condition[];
  kinds(): readonly KindState[];
  versions(): Readonly<Record<string, string>>;
  /** Writes the policies of baselines to the cluster. */
  readonly provisioner?: Provisioner;
  stop(): Promise<void>;
}

interface Parts {
  readonly loaded: LoadedPacks;
  readonly live: LiveSnapshot;
  readonly source: Source;
  readonly log: Log;
  readonly metrics: ServerMetrics;
}

async function start(config: Config, { loaded, live, source, log, metrics }: Parts): Promise<Result<RunningServer>> {
  const { packs, digest } = loaded;
  return serve({
    judge: provisioning({ loaded, live, source, log, metrics }, makeJudge({
      live,
      validate: (request, snapshot) => reviewValidation(request, { snapshot, packs }),
      mutate: (request, snapshot) => reviewMutation(request, { snapshot, packs }),
      isExempt: packs.isExempt,
      metrics,
      log,
      ...(source.facts ? { facts: source.facts } : {}),
      ...(source.confirm ? { confirm: source.confirm } : {}),
    })),
    ready: () => readinessOf([{ name: "packs", ok: true, detail: packs.names.join(", ") }, ...source.conditions()]),
    log,
    metrics,
    failureMode: packs.rules.every(({ failureMode }) => failureMode === "Allow") ? "Allow" : "Deny",
    annotations: () => ({ packs: digest }),
    versions: () => source.versions(),
    kinds: () => source.kinds(),
    host: config.host,
    port: config.port,
    certDir: config.certDir,
    names: config.names,
  });
}

/** With a state of our own, a namespace that is to be provisioned gets its policies in the same turn of the loop; with a cluster, when the watch shows it. */
function provisioning({ loaded: { packs }, live, source: { facts, provisioner }, log }: Parts, judge: Judge): Judge {
  if (provisioner) return waitForProvision(judge, provisioner);
  if (!facts) return judge;
  return async (request, route, deadline) => {
    const before = live.current;
    const decision = await judge(request, route, deadline);
    const policies = decision.allowed && route !== "mutate" && !request.dryRun ? provisionFor(request, before, packs) : [];
    if (policies.length === 0) return decision;
    live.apply(policies.flatMap(facts).map((put) => ({ put })));
    log.info({ namespace: request.name, policies: policies.map(({ metadata }) => metadata.name) }, "baseline provided");
    return decision;
  };
}

async function fileSource(live: LiveSnapshot, paths: readonly string[], log: Log): Promise<Source> {
  const { watchState } = await import("../sources/watch-files.js");
  const watching = await watchState(paths, {
    changed: (changes) => {
      live.apply(changes);
      log.info({ changes: changes.length }, "the state's files changed");
    },
    broken: (problems) => {
      for (const problem of problems) log.warn({ reason: formatProblem(problem) }, "a file of the state cannot be used");
    },
  });
  if (watching.errors.length > 0) {
    watching.close();
    throw new WrongUse("the state cannot be read", watching.errors);
  }
  live.apply(watching.changes);
  return {
    facts: factsOf,
    conditions: () => [{ name: "state", ok: true, detail: paths.join(", ") }],
    kinds: () => [],
    versions: () => ({}),
    stop: async () => watching.close(),
  };
}

async function clusterSource(live: LiveSnapshot, packs: CompiledPacks, { log, metrics }: Pick<Parts, "log" | "metrics">): Promise<Source> {
  const { connectCluster, followCluster, policyWriter } = await import("../sources/cluster.js");
  const connection = unwrap(await connectCluster(), "the cluster cannot be reached");
  const provisioner = new Provisioner({ live, plan: (asked, snapshot) => planProvision(asked, snapshot, packs), write: policyWriter(connection, WRITTEN_BY), registry: metrics.registry, log });
  const onChanges = (changes: readonly Change[]): void => {
    const before = live.current;
    live.apply(changes);
    provisioner.observe(changes, before);
  };
  const cluster = followCluster({ connection, kinds: followedKinds(packs.watches), onChanges, log });
  void cluster.synced().then(() => provisioner.start());
  // Nodes are many, change little, and decide only policies that name them.
  const confirmed = new Set(cluster.status().map(({ kind }) => kind).filter((kind) => kind !== "Node"));
  return {
    confirm: (namespaces, signal) => cluster.consistentRead(namespaces, { signal, kinds: confirmed }),
    conditions: () => syncConditions(cluster),
    kinds: () => cluster.status(),
    versions: () => cluster.versions(),
    provisioner,
    stop: () => {
      provisioner.stop();
      return cluster.stop();
    },
  };
}

function syncConditions(cluster: FollowedCluster): readonly Condition[] {
  return cluster.status().map(({ kind, synced, problem, absent }) => ({ name: `sync ${kind}`, ok: synced, detail: problem ?? (absent ? "not installed" : "") }));
}

interface Greeted {
  readonly loaded: LoadedPacks;
  readonly live: LiveSnapshot;
  readonly server: RunningServer;
}

/** What is guarded, where, and one line to try. */
function greeting(config: Config, { loaded: { packs }, live, server }: Greeted): string {
  const { namespaces } = live.current;
  const count = (each: Iterable<unknown>): number => [...each].length;
  const what = config.cluster
    ? "the cluster of the current kubeconfig"
    : `${namespaces.size} namespaces, ${count(live.current.pods())} pods and ${count(live.current.policies())} policies${config.state.length === 0 ? " (an empty cluster in memory)" : ` of ${config.state.join(", ")}`}`;
  const url = `https://${server.host.includes(":") ? `[${server.host}]` : server.host}:${server.port}`;
  const lines = [
    `sluice ${version()} guards ${what}`,
    `with the packs ${packs.names.join(", ")} (${packs.rules.length} rules)`,
    `at ${url}: POST /validate, /mutate; GET /livez, /readyz, /metrics`,
    "try:",
    `  curl --silent --cacert ${join(config.certDir, "ca.crt")} ${url}/validate --data '${EXAMPLE}'`,
  ];
  return `${lines.join("\n")}\n`;
}

/** A namespace without a baseline, as a dry run: it is refused, and nothing changes. */
const EXAMPLE = JSON.stringify({
  apiVersion: "admission.k8s.io/v1",
  kind: "AdmissionReview",
  request: {
    uid: "try-1",
    kind: { group: "", version: "v1", kind: "Namespace" },
    resource: { group: "", version: "v1", resource: "namespaces" },
    name: "demo",
    namespace: "demo",
    operation: "CREATE",
    userInfo: { username: "you" },
    object: { apiVersion: "v1", kind: "Namespace", metadata: { name: "demo" } },
    dryRun: true,
  },
});

