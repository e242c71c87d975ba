import { version, type Config } from "../config.js";
import { createLog, type Log } from "../log.js";
import { isOwnKind } from "../packs/crd.js";
import { SharedLedger } from "../pending/ledger-store.js";
import { PendingChanges, type PendingParts } from "../pending/pending-changes.js";
import { decisionRow, type KeptRow } from "../server/decision-ring.js";
import { LiveSnapshot } from "../server/live-snapshot.js";
import { ServerMetrics } from "../server/metrics.js";
import { serve } from "../server/serve.js";
import { Channel } from "../workers/channel.js";
import { forwarding } from "../workers/forward.js";
import type { PrimaryAnswers, ToPrimary, ToWorker, WorkerAnswers } from "../workers/messages.js";
import { Mirror } from "../workers/mirror.js";
import { Tunnels } from "../workers/tunnel.js";
import { changesOf } from "../workers/told.js";
import type { Outcome } from "./command.js";
import { clientCaOf, openTracing } from "./serve-flags.js";
import { listOf } from "./serve-cluster.js";
import { failureModeIn, judgeOf } from "./serve-judge.js";
import { modeOf } from "./serve-mode.js";

/** Rows of decisions are told together. */
const TELL_MS = 100;
/** A question whose answer no review could wait for. */
const ASK_MS = 30_000;

type ToThePrimary = Channel<PrimaryAnswers, WorkerAnswers, ToPrimary, ToWorker>;

/** One of the processes of `--workers`: answers reviews on a copy of the state that the primary tells of. It ends with the primary, or when that says so. */
export async function runWorker(config: Config): Promise<Outcome> {
  const [log, live, metrics] = [createLog(), new LiveSnapshot(), new ServerMetrics(version())];
  // The primary is told to stop, and tells.
  for (const signal of ["SIGTERM", "SIGINT"] as const) process.on(signal, () => undefined);
  const { mirror, channel, tunnels, pending } = toldByPrimary({ live, log, metrics });
  const mode = modeOf(config, () => mirror.loaded.packs);
  await channel.tell({ up: true });
  await mirror.whole;
  const [tracing, clientCa] = [await openTracing(config), await clientCaOf(config)];
  const rows = new Rows((decided) => void channel.tell({ decided }));
  const server = await serve({
    host: config.host,
    port: config.port,
    certDir: config.certDir,
    ...(clientCa !== undefined && { clientCa }),
    judge: judgeOf(config, {
      mode, live, metrics, log,
      loaded: () => mirror.loaded,
      check: (request) => (isOwnKind(request.kind) ? channel.ask("check", request, ASK_MS) : undefined),
      source: { confirm: (namespaces, signal) => pending.readFresh(namespaces, signal), pending: listOf(pending, () => mirror.loaded.packs), provisioner: provisionBy(channel) },
    }),
    ready: () => mirror.readiness(),
    log,
    metrics,
    failureMode: () => failureModeIn(config, mirror.loaded.packs),
    versions: () => mirror.versions(),
    pending: () => pending.open,
    certificates: mirror,
    record: (judged) => rows.add(decisionRow(judged, Date.now())),
    rest: forwarding(() => tunnels.connect()),
    ...(tracing && { traced: (answered) => tracing.answered(answered) }),
  });
  if (!server.ok) {
    await channel.tell({ failed: server.problems });
    process.exit(1);
  }
  await mirror.drained;
  await server.value.close();
  rows.tell();
  pending.stop();
  await tracing?.close().catch((error: unknown) => log.warn({ err: error }, "the last traces could not be sent"));
  process.disconnect?.();
  return { output: "", exitCode: 0 };
}

/** What the primary tells, and what it is asked. */
function toldByPrimary({ live, log, metrics }: { readonly live: LiveSnapshot; readonly log: Log; readonly metrics: ServerMetrics }) {
  const mirror = new Mirror(live, () => pending.observed());
  const channel: ToThePrimary = new Channel({
    send: (message, sent) => void process.send?.(message, undefined, undefined, sent),
    answers: { metrics: () => metrics.registry.getMetricsAsJSON() },
    hear: (told: ToWorker) => (told.tunnel ? tunnels.take(told.tunnel) : mirror.hear(told)),
  });
  const tunnels = new Tunnels((tunnel) => channel.tell({ tunnel }));
  const pending = new PendingChanges({ ...sharedBy(channel), store: new SharedLedger(listBy(channel), log), view: () => ({ snapshot: live.current, versions: mirror.versions() }), log });
  process.on("message", (message) => channel.receive(message));
  return { mirror, channel, tunnels, pending };
}

function sharedBy(channel: ToThePrimary): Pick<PendingParts, "read" | "catchUp"> {
  return {
    read: async (namespaces, signal) => changesOf(await unlessAborted(channel.ask("read", namespaces, ASK_MS), signal)),
    catchUp: async (kinds, signal) => changesOf(await unlessAborted(channel.ask("catchUp", kinds, ASK_MS), signal)),
  };
}

function listBy(channel: ToThePrimary): ConstructorParameters<typeof SharedLedger>[0] {
  return {
    read: (signal) => unlessAborted(channel.ask("readList", undefined, ASK_MS), signal),
    swap: (from, text, signal) => unlessAborted(channel.ask("swapList", { version: from, text }, ASK_MS), signal),
  };
}

/** The primary knows whether policies are about to be written; it is asked when a pod would be refused. */
function provisionBy(channel: ToThePrimary) {
  return {
    isPending: () => true,
    // Without an answer it may have been: the pod is judged again.
    settled: async (namespace: string, ms: number, ago: number): Promise<void | false> => ((await channel.ask("provided", { namespace, ms, ago }, ms).catch(() => true)) ? undefined : false),
  };
}

function unlessAborted<T>(answer: Promise<T>, signal: AbortSignal): Promise<T> {
  return new Promise((resolve, reject) => {
    const onAbort = (): void => reject(signal.reason as Error);
    if (signal.aborted) onAbort();
    signal.addEventListener("abort", onAbort, { once: true });
    answer.then(resolve, reject).finally(() => signal.removeEventListener("abort", onAbort));
  });
}

/** Rows for the console, told some at a time. */
class Rows {
  readonly #tell: (rows: readonly KeptRow[]) => void;
  #rows: KeptRow[] = [];
  #timer: NodeJS.Timeout | undefined;

  constructor(tell: (rows: readonly KeptRow[]) => void) {
    this.#tell = tell;
  }

  add(row: KeptRow): void {
    this.#rows.push(row);
    this.#timer ??= setTimeout(() => this.tell(), TELL_MS).unref();
  }

  tell(): void {
    clearTimeout(this.#timer);
    this.#timer = undefined;
    if (this.#rows.length > 0) this.#tell(this.#rows.splice(0));
  }
}
