import { join } from "node:path";
import { version, WrongUse, type Config } from "../config.js";
import { createLog, type Log } from "../log.js";
import { isAlwaysAdmitted } from "../review/always-admitted.js";
import { mayConcern } from "../review/footprint.js";
import { pendingOf } from "../review/pending-change.js";
import { planProvision } from "../review/provision-plan.js";
import { provisionFor, WRITTEN_BY } from "../review/provision.js";
import { reviewMutation, reviewValidation } from "../review/review.js";
import type { FollowedCluster } from "../sources/cluster.js";
import type { Judge } from "../server/admission-edge.js";
import { MemoryLedger, SharedLedger } from "../server/ledger-store.js";
import { LiveSnapshot } from "../server/live-snapshot.js";
import { makeJudge, type JudgeParts } from "../server/judge.js";
import { ServerMetrics, type KindState } from "../server/metrics.js";
import { PacksState, type PacksInForce } from "../server/packs-state.js";
import { PendingChanges } from "../server/pending.js";
import { Provisioner } from "../server/provision.js";
import { waitForProvision } from "../server/provision-wait.js";
import { readinessOf, type Condition } from "../server/readiness.js";
import { serve, type Certificates, type RunningServer } from "../server/serve.js";
import { stopSignal } from "../server/stop-signal.js";
import { formatProblem, type Problem, type Result } from "../model/result.js";
import type { Change } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { countStates } from "../packs/exception.js";
import { factsOf } from "../sources/files.js";
import type { InForce } from "../sources/pack-reload.js";
import { watchPacks, type PacksListener, type PacksWatch } from "../sources/packs-watch.js";
import type { LoadedPacks } from "../sources/packs.js";
import { followedKinds } from "../sources/state.js";

import { unwrap, type Command, type Outcome } from "./command.js";
import type { Leading, LeadingParts } from "./serve-leader.js";

/** The webhook. */
export const command: Command = {
  name: "serve",
  description:
    "Serves POST /validate (all rules; /validate/deny and /validate/warn for the generated configurations), POST /mutate, GET /livez, /readyz and /metrics over HTTPS.\n" +
    "--state reads the cluster from files and follows changes to them; admitted changes are applied to that state in memory.\n" +
    "Without --state and --cluster it starts with an empty cluster in memory. Logs go to standard error, one JSON line per event.",
  arguments: [],
  options: ["state", "cluster", "packs", "host", "port", "certDir", "certSecret", "service", "url", "names", "ownNamespace", "profile", "set"],
  formats: [],
  example: "sluice serve --state manifests/",
  run,
};

async function run(config: Config): Promise<Outcome> {
  if (config.cluster && config.state.length > 0) throw new WrongUse("give `--state` or `--cluster`, not both");
  const [log, live, metrics] = [createLog(), new LiveSnapshot(), new ServerMetrics(version())];
  const follow = new PacksFollow();
  const packs = unwrap(await watchPacks(config, follow), "the rule packs cannot be used");
  const state = new PacksState(() => told(packs.inForce), { log, registry: metrics.registry });
  const source = config.cluster ? await clusterSource(live, packs, { log, metrics, config }) : await fileSource(live, config.state, log);
  const leading = await startLeadingIn(config, { packs: () => packs.inForce.loaded.packs, log, metrics });
  follow.begin({ state, source, ...(leading && { leading }) });
  state.warn();
  const server = await start(config, { packs, state, live, source, log, metrics, ...(leading && { certificates: leading.certificates }) });
  const stop = async (): Promise<void> => {
    packs.close();
    await leading?.stop();
    await source.stop();
  };
  if (!server.ok) await stop();
  return { output: untilStopped(unwrap(server), greeting(config, { packs, live, server: unwrap(server) }), stop), exitCode: 0 };
}

/** With `--cert-secret` only. */
async function startLeadingIn(config: Config, parts: LeadingParts): Promise<Leading | undefined> {
  const { certSecret, cluster } = config;
  if (certSecret === undefined) return undefined;
  if (!cluster) throw new WrongUse("`--cert-secret` needs `--cluster`: the Secret lies there");
  const { startLeading } = await import("./serve-leader.js");
  return startLeading({ ...config, certSecret }, parts);
}

interface Followers {
  readonly state: PacksState;
  readonly source: Source;
  readonly leading?: Leading;
}

/** Hands changes of the packs to what needs to know of them. */
class PacksFollow implements PacksListener {
  #parts: Followers | undefined;

  begin(parts: Followers): void {
    this.#parts = parts;
  }

  async prepare({ packs }: LoadedPacks): Promise<readonly Problem[]> {
    return (await this.#parts?.source.prepare?.(packs)) ?? [];
  }

  changed(_: InForce, before: InForce): void {
    this.#parts?.state.changed(before.loaded.digest);
    this.#parts?.source.provisioner?.start();
    this.#parts?.leading?.packsChanged();
  }
}

function told({ loaded: { packs, digest, warnings }, refused }: InForce): PacksInForce {
  return { names: packs.names, digest, rules: packs.rules.length, refused, warnings };
}

async function* untilStopped(server: RunningServer, hello: string, stop: () => Promise<void>): AsyncGenerator<string> {
  yield hello;
  await stopSignal();
  await server.close();
  await stop();
}

/** Where the state comes from, and what that means for decisions. */
interface Source extends Pick<JudgeParts, "facts" | "confirm" | "pending"> {
  /** What must hold before anything is judged on this state. */
  conditions(): readonly Condition[];
  kinds(): readonly KindState[];
  versions(): Readonly<Record<string, string>>;
  /** Admitted changes that no watch has shown yet. */
  readonly openChanges?: () => number;
  /** Writes the policies of baselines to the cluster. */
  readonly provisioner?: Provisioner;
  /** Gets ready for other packs; resolves with what keeps them from being asked. */
  prepare?(next: CompiledPacks): Promise<readonly Problem[]>;
  stop(): Promise<void>;
}

interface Parts {
  readonly packs: PacksWatch;
  readonly state: PacksState;
  readonly live: LiveSnapshot;
  readonly source: Source;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  readonly certificates?: Certificates;
}

async function start(config: Config, parts: Parts): Promise<Result<RunningServer>> {
  const { packs, state, live, source, log, metrics } = parts;
  const current = (): CompiledPacks => packs.inForce.loaded.packs;
  /** A decision names the packs that it was made by, also when others come into force while it waits for a consistent read. */
  const stamped = (decide: typeof reviewValidation): JudgeParts["validate"] => (request, snapshot) => {
    const { packs: compiled, digest } = packs.inForce.loaded;
    return { ...decide(request, { snapshot, packs: compiled, now: Date.now() }), packs: digest };
  };
  return serve({
    judge: provisioning(parts, makeJudge({
      live,
      validate: stamped(reviewValidation),
      mutate: stamped(reviewMutation),
      isExempt: (namespace) => current().isExempt(namespace),
      metrics,
      log,
      ...(source.facts ? { facts: source.facts } : {}),
      ...(source.confirm ? { confirm: source.confirm } : {}),
      ...(source.pending ? { pending: source.pending } : {}),
    })),
    ready: () => readinessOf([state.condition(), ...source.conditions()]),
    log,
    metrics,
    failureMode: () => (current().rules.every(({ failureMode }) => failureMode === "Allow") ? "Allow" : "Deny"),
    versions: () => source.versions(),
    kinds: () => source.kinds(),
    exceptions: () => countStates(current().exceptions, Date.now()),
    ...(source.openChanges ? { pending: source.openChanges } : {}),
    host: config.host,
    port: config.port,
    certDir: config.certDir,
    names: config.names,
    ...(parts.certificates && { certificates: parts.certificates }),
  });
}

/** With a state of our own, a namespace that is to be provisioned gets its policies in the same turn of the loop; with a cluster, when the watch shows it. */
function provisioning({ packs, live, source: { facts, provisioner }, log }: Parts, judge: Judge): Judge {
  if (provisioner) return waitForProvision(judge, provisioner);
  if (!facts) return judge;
  return async (request, route, deadline) => {
    const before = live.current;
    const decision = await judge(request, route, deadline);
    const policies = decision.allowed && route !== "mutate" && !request.dryRun ? provisionFor(request, before, packs.inForce.loaded.packs) : [];
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

async function clusterSource(live: LiveSnapshot, packs: PacksWatch, { log, metrics, config }: Pick<Parts, "log" | "metrics"> & { readonly config: Config }): Promise<Source> {
  const { connectCluster, followCluster, ownNamespace, policyWriter, sharedConfigMap } = await import("../sources/cluster.js");
  const connection = unwrap(await connectCluster(), "the cluster cannot be reached");
  const current = (): CompiledPacks => packs.inForce.loaded.packs;
  const provisioner = new Provisioner({ live, plan: (asked, snapshot) => planProvision(asked, snapshot, current()), write: policyWriter(connection, WRITTEN_BY), registry: metrics.registry, log });
  const shared = config.ownNamespace ?? (await ownNamespace());
  const onChanges = (changes: readonly Change[]): void => {
    const before = live.current;
    live.apply(changes);
    provisioner.observe(changes, before);
    pending.observed();
  };
  const cluster = followCluster({ connection, kinds: followedKinds(current().watches), onChanges, log });
  void cluster.synced().then(() => provisioner.start());
  // Nodes are many, change little, and decide only policies that name them.
  const confirmed = (): ReadonlySet<string> => new Set(cluster.status().map(({ kind }) => kind).filter((kind) => kind !== "Node"));
  const pending = new PendingChanges({
    store: shared === undefined ? new MemoryLedger() : new SharedLedger(sharedConfigMap(connection, { namespace: shared, name: "sluice-pending-changes" }), log),
    view: () => ({ snapshot: live.current, versions: cluster.versions() }),
    read: (namespaces, signal) => cluster.consistentRead(namespaces, { signal, kinds: confirmed() }),
    catchUp: (kinds, signal) => cluster.consistentRead("all", { signal, kinds: new Set(kinds) }),
    log,
  });
  return {
    confirm: (namespaces, signal) => pending.readFresh(namespaces, signal),
    pending: {
      changes: pending,
      changeOf: pendingOf,
      concerns: (request, other, snapshot) => mayConcern(request, other, { snapshot, packs: current() }),
      mustPass: isAlwaysAdmitted,
    },
    prepare: (next) => cluster.add(followedKinds(next.watches), NEW_KIND_MS),
    openChanges: () => pending.open,
    conditions: () => syncConditions(cluster),
    kinds: () => cluster.status(),
    versions: () => cluster.versions(),
    provisioner,
    stop: () => {
      provisioner.stop();
      pending.stop();
      return cluster.stop();
    },
  };
}

/** A page of a list may take as long (cluster-timing.ts); the packs in force judge on meanwhile. */
const NEW_KIND_MS = 60_000;

function syncConditions(cluster: FollowedCluster): readonly Condition[] {
  return cluster.status().map(({ kind, synced, problem, absent }) => ({ name: `sync ${kind}`, ok: synced, detail: problem ?? (absent ? "not installed" : "") }));
}

interface Greeted {
  readonly packs: PacksWatch;
  readonly live: LiveSnapshot;
  readonly server: RunningServer;
}

/** What is guarded, where, and one line to try. */
function greeting(config: Config, { packs: { inForce }, live, server }: Greeted): string {
  const { packs } = inForce.loaded;
  const { namespaces } = live.current;
  const count = (each: Iterable<unknown>): number => [...each].length;
  const what = config.cluster
    ? "the cluster of the current kubeconfig"
    : `${namespaces.size} namespaces, ${count(live.current.pods())} pods and ${count(live.current.policies())} policies${config.state.length === 0 ? " (an empty cluster in memory)" : ` of ${config.state.join(", ")}`}`;
  const url = `https://${server.host.includes(":") ? `[${server.host}]` : server.host}:${server.port}`;
  const [namespace, name] = config.certSecret?.split("/") ?? [];
  const ca = name === undefined ? join(config.certDir, "ca.crt") : `<(kubectl get secret -n ${namespace} ${name} -o jsonpath='{.data.ca\\.crt}' | base64 -d)`;
  const lines = [
    `sluice ${version()} guards ${what}`,
    `with the packs ${packs.names.join(", ")} (${packs.rules.length} rules)`,
    `at ${url}: POST /validate, /mutate; GET /livez, /readyz, /metrics`,
    "try:",
    `  curl --silent --cacert ${ca} ${url}/validate --data '${EXAMPLE}'`,
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

