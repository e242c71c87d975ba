import type { Config } from "../config.js";
import type { Log } from "../log.js";
import { isOwnKind } from "../packs/crd.js";
import type { CheckOwn } from "../server/own-objects.js";
import type { DecisionRing } from "../server/decision-ring.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { ServerMetrics } from "../server/metrics.js";
import type { Readiness } from "../model/readiness.js";
import type { PacksWatch } from "../sources/packs-watch.js";
import { Crew } from "../workers/crew.js";
import type { PrimaryAnswers } from "../workers/messages.js";
import { toldOf } from "../workers/told.js";
import type { Source } from "./serve-source.js";

export interface CrewSubject {
  readonly config: Config;
  readonly live: LiveSnapshot;
  readonly packs: PacksWatch;
  readonly source: Source;
  readonly readiness: () => Readiness;
  readonly check: CheckOwn;
  readonly decisions: DecisionRing;
  readonly metrics: ServerMetrics;
  readonly log: Log;
}

/** The workers of `--workers`, told of all that this process knows. */
export function crewOf({ config, live, packs, source, readiness, check, decisions, metrics, log }: CrewSubject): Crew {
  const { shared, provisioner } = source;
  if (!shared) throw new Error("internal: workers need a source that can be shared");
  const answers: PrimaryAnswers = {
    read: async (namespaces) => toldOf(await shared.read(namespaces, limit())),
    catchUp: async (kinds) => toldOf(await shared.catchUp(kinds, limit())),
    readList: () => shared.list.read(limit()),
    swapList: ({ version, text }) => shared.list.swap(version, text, limit()),
    check: async (request) => (isOwnKind(request.kind) ? (check(request) ?? []) : []),
    provided: async ({ namespace, ms, ago }) => {
      if (!provisioner?.wasPending(namespace, ago + LATE_MS)) return false;
      if (provisioner.isPending(namespace)) await provisioner.settled(namespace, ms);
      return true;
    },
  };
  const crew = new Crew({
    count: config.workers,
    live,
    versions: () => source.versions(),
    conditions: () => readiness().conditions,
    packs: () => ({ ...packs.inForce.loaded.source, digest: packs.inForce.loaded.digest }),
    answers,
    decisions,
    metrics,
    log,
  });
  live.observe((changes) => crew.changed(changes));
  return crew;
}

/** No review lasts longer. */
const ASKED_MS = 30_000;
/** For the way of the question: to judge once more is no harm. */
const LATE_MS = 1_000;

function limit(): AbortSignal {
  return AbortSignal.timeout(ASKED_MS);
}
