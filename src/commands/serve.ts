import { setFlagsFromString } from "node:v8";
import { version, WrongUse, type Config } from "../config.js";
import { createLog, type Log } from "../log.js";
import type { Judged } from "../server/decision-log.js";
import { DecisionRing, decisionRow } from "../server/decision-ring.js";
import { LiveSnapshot } from "../server/live-snapshot.js";
import { ServerMetrics } from "../server/metrics.js";
import { PacksState, type PacksInForce } from "../server/packs-state.js";
import { ContinuousAudit } from "../server/continuous-audit.js";
import { Memory } from "../model/memory.js";
import { readinessOf, type Readiness } from "../model/readiness.js";
import { Recorder } from "../server/recorder.js";
import { serve, type RunningServer } from "../server/serve.js";
import type { Tracing } from "../server/tracing.js";
import { stopSignal } from "../server/stop-signal.js";
import type { Problem, Result } from "../model/result.js";
import type { CompiledPacks } from "../packs/compile.js";
import { countStates } from "../packs/exception.js";
import type { InForce } from "../sources/pack-reload.js";
import { watchPacks, type PacksListener, type PacksWatch } from "../sources/packs-watch.js";
import type { LoadedPacks } from "../sources/packs.js";
import { unwrap, type Command, type Outcome } from "./command.js";
import { greeting } from "./serve-greeting.js";
import type { Crew } from "../workers/crew.js";
import { clientCaOf, openTracing } from "./serve-flags.js";
import { failureModeIn, judgeOf } from "./serve-judge.js";
import type { Leading, LeadingParts } from "./serve-leader.js";
import { checkOwn } from "./serve-own-packs.js";
import { modeOf, type Mode } from "./serve-mode.js";
import { fileSource, type Source } from "./serve-source.js";
import { namedPair, targetAt } from "./target-selector.js";

/** The webhook. */
export const command: Command = {
  name: "serve",
  description:
    "Serves POST /validate (all rules; /validate/deny and /validate/warn for the generated configurations), POST /mutate, GET /livez, /readyz and /metrics, and the console at / over HTTPS.\n" +
    "--state reads the cluster from files and follows changes to them; admitted changes are applied to that state in memory.\n" +
    "Without --state and --cluster it starts with an empty cluster in memory. Logs go to standard error, one JSON line per event.",
  arguments: [],
  options: ["state", "cluster", "packs", "host", "port", "workers", "certDir", "certSecret", "lease", "service", "url", "names", "ownNamespace", "clientCa", "record", "mode", "auditWarnings", "auditInterval", "reports", "otlpEndpoint", "profile", "set"],
  formats: [],
  example: "sluice serve --state manifests/",
  run,
};

async function run(config: Config): Promise<Outcome> {
  checkUse(config);
  forgetEarlyLives();
  if (config.workers > 1 && (await import("node:cluster")).default.isWorker) return (await import("./serve-worker.js")).runWorker(config);
  // From the first moment: the first process of a container ends by no signal that it does not listen to.
  const stopped = stopSignal();
  const [log, live, metrics] = [createLog(), new LiveSnapshot(), new ServerMetrics(version())];
  const follow = new PacksFollow();
  const packs = unwrap(await watchPacks(config, follow), "the rule packs cannot be used");
  const recorder = await openRecorder(config, live, log);
  const state = new PacksState(() => told(packs.inForce), { log, registry: metrics.registry });
  const source = config.cluster ? await (await import("./serve-cluster.js")).clusterSource(live, { packs, log, metrics, config }) : await fileSource(live, config.state, log);
  const shared: LeadingParts = { packs: () => packs.inForce.loaded.packs, log, metrics };
  const reporting = config.cluster ? await (await import("./serve-reports.js")).startReporting(config, shared) : undefined;
  const leading = await startLeadingIn(config, { ...shared, ...(reporting && { also: reporting.lead }) });
  const readiness = (): Readiness => readinessOf([state.condition(), ...source.conditions()]);
  const decisions = new DecisionRing();
  const crew = config.workers > 1 ? (await import("./serve-crew.js")).crewOf({ config, live, packs, source, readiness, check: checkOwn(packs), decisions, metrics, log }) : undefined;
  follow.begin({ state, source, ...(leading && { leading }), ...(crew && { crew }) });
  state.warn();
  const clientCa = await clientCaOf(config);
  const mode = modeOf(config, () => packs.inForce.loaded.packs);
  const audit = auditing(config, { packs, readiness, mode, live, source, log, metrics });
  const record = (judged: Judged): void => {
    decisions.decided(decisionRow(judged, Date.now()));
    recorder?.decided(judged);
  };
  const tracing = await openTracing(config);
  const server = await start(config, { packs, readiness, mode, live, source, log, metrics, decisions, audit, record, ...(crew && { crew }), ...(clientCa !== undefined && { clientCa }), ...(leading && { leading }), ...(tracing && { tracing }) });
  if (server.ok) audit.start();
  reporting?.begin(audit);
  const stop = async (): Promise<void> => {
    audit.stop();
    packs.close();
    await leading?.stop();
    await reporting?.stop();
    await source.stop();
    await recorder?.close();
    await tracing?.close().catch((error: unknown) => log.warn({ err: error }, "the last traces could not be sent"));
  };
  if (!server.ok) await stop();
  return { output: untilStopped(unwrap(server), greeting(config, { packs, live, server: unwrap(server) }), { stopped, onStop: () => decisions.close(), stop }), exitCode: 0 };
}

/**
 * While a cluster is read everything lives on, and V8 would learn to make all pods among what lives long: those of requests too, which
 * then wait for a full collection with all that they hold.
 */
function forgetEarlyLives(): void {
  setFlagsFromString("--no-allocation-site-pretenuring");
}

/** Told before anything is connected or written. */
function checkUse(config: Config): void {
  const { cluster, state, certSecret, workers, record } = config;
  if (cluster && state.length > 0) throw new WrongUse("give `--state` or `--cluster`, not both");
  if (workers > 1 && !cluster) throw new WrongUse("`--workers` needs `--cluster`: a state of files changes with each admitted request, so one process must own it");
  if (workers > 1 && record !== undefined) throw new WrongUse("`--record` needs `--workers 1`: a record tells the one state that each decision was made on, and every worker has its own");
  if (certSecret === undefined) return;
  if (!cluster) throw new WrongUse("`--cert-secret` needs `--cluster`: the Secret lies there");
  namedPair("--cert-secret", certSecret);
  targetAt(config);
}

/** With `--record` only: from an empty snapshot on, so that the file alone tells every state. */
async function openRecorder({ record }: Config, live: LiveSnapshot, log: Log): Promise<Recorder | undefined> {
  if (record === undefined) return undefined;
  const recorder = await Recorder.open(record, { log, version: version() }).catch((error: unknown) => {
    throw new WrongUse(`\`--record ${record}\` cannot be written: ${error instanceof Error ? error.message : String(error)}`);
  });
  live.observe((changes) => recorder.changed(changes));
  return recorder;
}

/** With `--cert-secret` only. */
async function startLeadingIn(config: Config, parts: LeadingParts): Promise<Leading | undefined> {
  const { certSecret } = config;
  if (certSecret === undefined) return undefined;
  const { startLeading } = await import("./serve-leader.js");
  return startLeading({ ...config, certSecret }, parts);
}

interface Followers {
  readonly state: PacksState;
  readonly source: Source;
  readonly leading?: Leading;
  readonly crew?: Crew;
}

/** Hands changes of the packs to what needs to know of them. */
class PacksFollow implements PacksListener {
  #parts: Followers | undefined;

  begin(parts: Followers): void {
    this.#parts = parts;
    parts.source.begin?.();
  }

  check({ packs }: LoadedPacks): readonly Problem[] {
    return this.#parts?.source.check?.(packs) ?? [];
  }

  async prepare({ packs }: LoadedPacks): Promise<readonly Problem[]> {
    return (await this.#parts?.source.prepare?.(packs)) ?? [];
  }

  changed(_: InForce, before: InForce): void {
    this.#parts?.state.changed(before.loaded.digest);
    this.#parts?.source.provisioner?.start();
    this.#parts?.leading?.packsChanged();
    this.#parts?.crew?.packsChanged();
  }
}

const tolds = new Memory<InForce, PacksInForce>();

function told(inForce: InForce): PacksInForce {
  const known = tolds.get(inForce);
  if (known) return known;
  const { loaded: { packs, digest, warnings }, refused } = inForce;
  const made = { names: packs.names, digest, rules: packs.rules.length, refused, warnings };
  tolds.set(inForce, made);
  return made;
}

interface Stopping {
  /** Resolves when somebody wants it to stop. */
  readonly stopped: Promise<unknown>;
  /** Lets go of whoever waits. */
  onStop(): void;
  stop(): Promise<void>;
}

async function* untilStopped(server: RunningServer, hello: string, { stopped, onStop, stop }: Stopping): AsyncGenerator<string> {
  yield hello;
  await stopped;
  onStop();
  await server.close();
  await stop();
}

interface Parts {
  readonly packs: PacksWatch;
  readonly mode: Mode;
  /** Of the packs and of the cluster. */
  readonly readiness: () => Readiness;
  readonly live: LiveSnapshot;
  readonly source: Source;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  readonly leading?: Leading;
  readonly crew?: Crew;
  readonly decisions: DecisionRing;
  readonly audit: ContinuousAudit;
  readonly record: (judged: Judged) => void;
  readonly tracing?: Tracing;
  /** PEM. */
  readonly clientCa?: string;
}

async function start(config: Config, parts: Parts): Promise<Result<RunningServer>> {
  const { packs, mode, readiness, live, source, log, metrics, leading, crew, tracing } = parts;
  const current = (): CompiledPacks => packs.inForce.loaded.packs;
  return serve({
    judge: judgeOf(config, { mode, live, loaded: () => packs.inForce.loaded, check: checkOwn(packs), source, log, metrics }),
    ready: readiness,
    log,
    metrics,
    failureMode: () => failureModeIn(config, current()),
    versions: () => source.versions(),
    kinds: () => source.kinds(),
    exceptions: () => countStates(current().exceptions, Date.now()),
    ...(source.openChanges ? { pending: source.openChanges } : {}),
    ...(source.access ? { access: source.access } : {}),
    ...(parts.clientCa !== undefined ? { clientCa: parts.clientCa } : {}),
    checks: () => [{ name: "version", ok: true, detail: version() }, ...(source.checks?.() ?? []), ...(leading ? [leading.condition()] : []), ...(crew ? [crew.condition()] : [])],
    ...(source.calledBy ? { calledBy: source.calledBy } : {}),
    host: config.host,
    port: config.port,
    certDir: config.certDir,
    names: config.names,
    ...(leading && { certificates: leading.certificates }),
    record: parts.record,
    ...crew?.served(source.access),
    ...(tracing && { traced: (answered) => tracing.answered(answered) }),
    console: async () => (await import("./serve-console.js")).consoleOf({ config, live, packs, decisions: parts.decisions, audit: parts.audit, ready: () => readiness().ready }),
  });
}

/** The audit of what is served; it begins when reviews do. */
function auditing(config: Config, { packs, mode, readiness, live, source, log, metrics }: Pick<Parts, "packs" | "mode" | "readiness" | "live" | "source" | "log" | "metrics">): ContinuousAudit {
  return new ContinuousAudit({
    snapshot: () => live.current,
    packs: () => (readiness().ready ? packs.inForce.loaded : undefined),
    reasons: () => source.unread?.() ?? [],
    letsPass: mode.letsPass,
    everyMs: config.auditInterval * 1_000,
    log,
    registry: metrics.registry,
  });
}
