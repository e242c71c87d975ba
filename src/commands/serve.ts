import { readFile } from "node:fs/promises";
import { version, WrongUse, type Config } from "../config.js";
import { createLog, type Log } from "../log.js";
import { provisionFor } from "../review/provision.js";
import { remembering, type Decide } from "../review/remembered.js";
import type { Judge } from "../server/admission-edge.js";
import type { Judged } from "../server/decision-log.js";
import { DecisionRing } from "../server/decision-ring.js";
import { LiveSnapshot } from "../server/live-snapshot.js";
import { makeJudge, type JudgeParts } from "../server/judge.js";
import { ServerMetrics } from "../server/metrics.js";
import { judgeOwn } from "../server/own-objects.js";
import { PacksState, type PacksInForce } from "../server/packs-state.js";
import { waitForProvision } from "../server/provision-wait.js";
import { ContinuousAudit } from "../server/continuous-audit.js";
import { readinessOf, type Readiness } from "../model/readiness.js";
import { Recorder } from "../server/recorder.js";
import { serve, type RunningServer } from "../server/serve.js";
import type { Tracing } from "../server/tracing.js";
import { stopSignal } from "../server/stop-signal.js";
import type { Problem, Result } from "../model/result.js";
import type { Decision } from "../model/decision.js";
import type { CompiledPacks } from "../packs/compile.js";
import { countStates } from "../packs/exception.js";
import type { InForce } from "../sources/pack-reload.js";
import { watchPacks, type PacksListener, type PacksWatch } from "../sources/packs-watch.js";
import type { LoadedPacks } from "../sources/packs.js";
import { unwrap, type Command, type Outcome } from "./command.js";
import { greeting } from "./serve-greeting.js";
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
  options: ["state", "cluster", "packs", "host", "port", "certDir", "certSecret", "lease", "service", "url", "names", "ownNamespace", "clientCa", "record", "mode", "auditWarnings", "auditInterval", "reports", "otlpEndpoint", "profile", "set"],
  formats: [],
  example: "sluice serve --state manifests/",
  run,
};

async function run(config: Config): Promise<Outcome> {
  checkUse(config);
  const [log, live, metrics] = [createLog(), new LiveSnapshot(), new ServerMetrics(version())];
  const follow = new PacksFollow();
  const packs = unwrap(await watchPacks(config, follow), "the rule packs cannot be used");
  const recorder = await openRecorder(config, live, log);
  const state = new PacksState(() => told(packs.inForce), { log, registry: metrics.registry });
  const source = config.cluster ? await (await import("./serve-cluster.js")).clusterSource(live, { packs, log, metrics, config }) : await fileSource(live, config.state, log);
  const shared: LeadingParts = { packs: () => packs.inForce.loaded.packs, log, metrics };
  const reporting = config.cluster ? await (await import("./serve-reports.js")).startReporting(config, shared) : undefined;
  const leading = await startLeadingIn(config, { ...shared, ...(reporting && { also: reporting.lead }) });
  follow.begin({ state, source, ...(leading && { leading }) });
  state.warn();
  const clientCa = await clientCaOf(config);
  const readiness = (): Readiness => readinessOf([state.condition(), ...source.conditions()]);
  const mode = modeOf(config, () => packs.inForce.loaded.packs);
  const audit = auditing(config, { packs, readiness, mode, live, source, log, metrics });
  const decisions = new DecisionRing();
  const record = (judged: Judged): void => {
    decisions.decided(judged, Date.now());
    recorder?.decided(judged);
  };
  const tracing = await openTracing(config);
  const server = await start(config, { packs, readiness, mode, live, source, log, metrics, decisions, audit, record, ...(clientCa !== undefined && { clientCa }), ...(leading && { leading }), ...(tracing && { tracing }) });
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
  return { output: untilStopped(unwrap(server), greeting(config, { packs, live, server: unwrap(server) }), { onStop: () => decisions.close(), stop }), exitCode: 0 };
}

/** Told before anything is connected or written. */
function checkUse(config: Config): void {
  const { cluster, state, certSecret } = config;
  if (cluster && state.length > 0) throw new WrongUse("give `--state` or `--cluster`, not both");
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

/** With `--otlp-endpoint` only: its code is not loaded otherwise. */
async function openTracing({ otlpEndpoint }: Config): Promise<Tracing | undefined> {
  if (otlpEndpoint === undefined) return undefined;
  if (!/^https?:$/.test(URL.canParse(otlpEndpoint) ? new URL(otlpEndpoint).protocol : "")) throw new WrongUse(`\`--otlp-endpoint ${otlpEndpoint}\` is no address such as \`http://collector:4318\``);
  const { Tracing } = await import("../server/tracing.js");
  return new Tracing(otlpEndpoint, version());
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
  }
}

function told({ loaded: { packs, digest, warnings }, refused }: InForce): PacksInForce {
  return { names: packs.names, digest, rules: packs.rules.length, refused, warnings };
}

interface Stopping {
  /** Lets go of whoever waits. */
  onStop(): void;
  stop(): Promise<void>;
}

async function* untilStopped(server: RunningServer, hello: string, { onStop, stop }: Stopping): AsyncGenerator<string> {
  // Before anybody is told that it serves: who waits for the greeting may stop it at once.
  const stopped = stopSignal();
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
  readonly decisions: DecisionRing;
  readonly audit: ContinuousAudit;
  readonly record: (judged: Judged) => void;
  readonly tracing?: Tracing;
  /** PEM. */
  readonly clientCa?: string;
}

async function clientCaOf({ clientCa }: Config): Promise<string | undefined> {
  if (clientCa === undefined) return undefined;
  const pem = await readFile(clientCa, "utf8").catch((error: Error) => {
    throw new WrongUse(`\`--client-ca ${clientCa}\` cannot be read: ${error.message}`);
  });
  if (!pem.includes("-----BEGIN CERTIFICATE-----")) throw new WrongUse(`\`--client-ca ${clientCa}\` holds no certificate`);
  return pem;
}

async function start(config: Config, parts: Parts): Promise<Result<RunningServer>> {
  const { packs, mode, readiness, live, source, log, metrics, leading, tracing } = parts;
  const current = (): CompiledPacks => packs.inForce.loaded.packs;
  /** A decision names the packs that it was made by, also when others come into force while it waits for a consistent read. */
  const stamped = (decide: Decide): JudgeParts["validate"] => {
    const known = remembering((request, asked) => ({ ...decide(request, asked), packs: packs.inForce.loaded.digest }));
    return (request, snapshot, fixes = true) => known(request, { snapshot, packs: current(), now: Date.now(), fixes });
  };
  return serve({
    judge: mode.passing(judgeOwn(provisioning({ ...parts, config }, makeJudge({
      live,
      validate: stamped(mode.validate),
      mutate: stamped(mode.mutate),
      isExempt: (namespace) => current().isExempt(namespace),
      metrics,
      log,
      ...(source.facts ? { facts: source.facts } : {}),
      ...(source.confirm ? { confirm: source.confirm } : {}),
      ...(source.pending ? { pending: source.pending } : {}),
    })), checkOwn(packs))),
    ready: readiness,
    log,
    metrics,
    failureMode: () => (config.mode === "audit" || current().rules.every(({ failureMode }) => failureMode === "Allow") ? "Allow" : "Deny"),
    versions: () => source.versions(),
    kinds: () => source.kinds(),
    exceptions: () => countStates(current().exceptions, Date.now()),
    ...(source.openChanges ? { pending: source.openChanges } : {}),
    ...(source.access ? { access: source.access } : {}),
    ...(parts.clientCa !== undefined ? { clientCa: parts.clientCa } : {}),
    checks: () => [...(source.checks?.() ?? []), ...(leading ? [leading.condition()] : [])],
    ...(source.calledBy ? { calledBy: source.calledBy } : {}),
    host: config.host,
    port: config.port,
    certDir: config.certDir,
    names: config.names,
    ...(leading && { certificates: leading.certificates }),
    record: parts.record,
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

/** With a state of our own, a namespace that is to be provisioned gets its policies in the same turn of the loop; with a cluster, when the watch shows it. */
function provisioning({ config, packs, live, source: { facts, provisioner }, log }: Parts & { readonly config: Config }, judge: Judge): Judge {
  // Mode `audit` writes nothing: a default deny would cut off what is not allowed yet.
  if (config.mode === "audit") return judge;
  if (provisioner) return waitForProvision(judge, provisioner);
  if (!facts) return judge;
  return (request, route, deadline) => {
    const before = live.current;
    const provided = (decision: Decision): Decision => {
      const policies = decision.allowed && route !== "mutate" && !request.dryRun ? provisionFor(request, before, packs.inForce.loaded.packs) : [];
      if (policies.length === 0) return decision;
      live.apply(policies.flatMap(facts).map((put) => ({ put })));
      log.info({ namespace: request.name, policies: policies.map(({ metadata }) => metadata.name) }, "baseline provided");
      return decision;
    };
    const judging = judge(request, route, deadline);
    return judging instanceof Promise ? judging.then(provided) : provided(judging);
  };
}
