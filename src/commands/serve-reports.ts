import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Config } from "../config.js";
import type { CompiledPacks } from "../packs/compile.js";
import { apiVersionOf } from "../review/api-versions.js";
import type { ContinuousAudit } from "../server/continuous-audit.js";
import { clusterCollection, clusterObjects, connectCluster, ownNamespace } from "../cluster/cluster.js";
import { Leader, leaderTiming } from "../upkeep/leader.js";
import { ReportWriter } from "../upkeep/report-writer.js";
import { unwrap } from "./command.js";
import type { LeadingParts } from "./serve-leader.js";

/** Reports of the audit, written into the cluster by the replica that leads. */
export interface Reporting {
  /** Begins to report what this audit knows, and tells it what reports know. */
  begin(audit: ContinuousAudit): void;
  /** What the leader does, until its signal aborts. */
  lead(leading: AbortSignal): Promise<void>;
  stop(): Promise<void>;
}

/** Undefined where nothing is reported: without a cluster, outside of one, or when told so. */
export async function startReporting(config: Config, { packs, log, metrics }: LeadingParts): Promise<Reporting | undefined> {
  const namespace = config.ownNamespace ?? (await ownNamespace());
  if (!config.cluster || namespace === undefined || config.reports === "off") return undefined;
  const connection = unwrap(await connectCluster(), "the cluster cannot be reached");
  const [store, collection, stopping] = [clusterObjects(connection), clusterCollection(connection), new AbortController()];
  let begun: (writer: ReportWriter) => void = () => undefined;
  const writer = new Promise<ReportWriter>((resolve) => (begun = resolve));
  const lead = async (leading: AbortSignal): Promise<void> => {
    const ended = new Promise<undefined>((resolve) => leading.addEventListener("abort", () => resolve(undefined), { once: true }));
    await (await Promise.race([writer, ended]))?.run(leading);
  };
  // With `--cert-secret` there is a leader already.
  const leader = config.certSecret !== undefined ? undefined : new Leader({ store, at: { apiVersion: "coordination.k8s.io/v1", resource: "leases", namespace, name: "sluice-audit" }, identity: `${hostname()}_${randomUUID()}`, lead, log, registry: metrics.registry, timing: leaderTiming(config.lease * 1_000) });
  const running = leader?.run(stopping.signal);
  return {
    lead,
    begin: (audit) => {
      const made = new ReportWriter({ store, collection, log, registry: metrics.registry, owner: ownerIn(store, namespace), rules: () => rulesOf(packs()), apiVersionOf: (ref) => apiVersionOf(ref, packs()), recall: (known) => audit.recall(known) });
      audit.observe((state) => made.update(state));
      void made.recall(stopping.signal).finally(() => begun(made));
    },
    stop: async () => {
      stopping.abort();
      await running;
      connection.close();
    },
  };
}

/** What belongs to the Namespace of Sluice goes with it. */
function ownerIn(store: ReturnType<typeof clusterObjects>, name: string): (signal: AbortSignal) => Promise<object | undefined> {
  return async (signal) => {
    const uid = (await store.read({ apiVersion: "v1", resource: "namespaces", name }, signal))?.metadata.uid;
    return uid === undefined ? undefined : { apiVersion: "v1", kind: "Namespace", name, uid };
  };
}

function rulesOf({ rules }: CompiledPacks): number {
  return new Set(rules.map(({ id }) => id)).size;
}
