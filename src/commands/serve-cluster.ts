import type { Config } from "../config.js";
import type { Log } from "../log.js";
import { kindKey } from "../model/kubernetes.js";
import type { Change } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { OWN_KINDS } from "../packs/crd.js";
import { isAlwaysAdmitted } from "../review/always-admitted.js";
import { mayConcern } from "../review/footprint.js";
import { pendingOf } from "../review/pending-change.js";
import { planProvision } from "../review/provision-plan.js";
import { WRITTEN_BY } from "../review/provision.js";
import { unsendable } from "../review/webhook-needs.js";
import { CONFIGURATION_NAMES } from "../review/webhooks.js";
import { byToken } from "../server/access.js";
import { MemoryLedger, MemoryText, SharedLedger } from "../pending/ledger-store.js";
import type { Pending } from "../server/judge.js";
import type { LiveSnapshot } from "../server/live-snapshot.js";
import type { ServerMetrics } from "../server/metrics.js";
import { PendingChanges, type PendingParts } from "../pending/pending-changes.js";
import { Provisioner } from "../upkeep/provision.js";
import { clusterObjects, connectCluster, followCluster, ownNamespace, policyWriter, sharedConfigMap, tokenReviewer, webhookCalls } from "../cluster/cluster.js";
import type { PacksWatch } from "../sources/packs-watch.js";
import { followedKinds } from "../sources/state.js";
import { unwrap } from "./command.js";
import { OwnPacks } from "./serve-own-packs.js";
import type { Source } from "./serve-source.js";

export interface ClusterSourceParts {
  readonly config: Config;
  readonly packs: PacksWatch;
  readonly log: Log;
  readonly metrics: ServerMetrics;
}

/** The state of the cluster of the current kubeconfig, followed; what replicas share about it; and what Sluice writes there. */
export async function clusterSource(live: LiveSnapshot, { packs, log, metrics, config }: ClusterSourceParts): Promise<Source> {
  const connection = unwrap(await connectCluster(), "the cluster cannot be reached");
  const current = (): CompiledPacks => packs.inForce.loaded.packs;
  const provisioner = new Provisioner({ live, plan: (asked, snapshot) => (config.mode === "audit" ? { plan: "none" } : planProvision(asked, snapshot, current())), write: policyWriter(connection, WRITTEN_BY), registry: metrics.registry, log });
  const shared = config.ownNamespace ?? (await ownNamespace());
  const onChanges = (changes: readonly Change[]): void => {
    const before = live.current;
    live.apply(changes);
    provisioner.observe(changes, before);
    pending.observed();
    own.observe(changes);
  };
  const own = new OwnPacks({ packs, live, store: clusterObjects(connection), log });
  const cluster = followCluster({ connection, kinds: [...followedKinds(current().watches), ...OWN_KINDS], onChanges, log });
  void cluster.synced().then(() => provisioner.start());
  const confirmed = (): ReadonlySet<string> => new Set(cluster.status().map(({ kind }) => kind).filter((kind) => !UNCONFIRMED.has(kind)));
  const list = shared === undefined ? new MemoryText() : sharedConfigMap(connection, { namespace: shared, name: "sluice-pending-changes" });
  const read: PendingParts["read"] = (namespaces, signal) => cluster.consistentRead(namespaces, { signal, kinds: confirmed() });
  const catchUp: PendingParts["catchUp"] = (kinds, signal) => cluster.consistentRead("all", { signal, kinds: new Set(kinds) });
  const isAlone = shared === undefined && config.workers === 1;
  const pending = new PendingChanges({ store: isAlone ? new MemoryLedger() : new SharedLedger(list, log), view: () => ({ snapshot: live.current, versions: cluster.versions() }), read, catchUp, log });
  return {
    confirm: (namespaces, signal) => pending.readFresh(namespaces, signal),
    pending: listOf(pending, current),
    shared: { list, read, catchUp },
    check: (next) => unsendable(next, current()),
    prepare: (next) => cluster.add(followedKinds(next.watches), NEW_KIND_MS),
    openChanges: () => pending.open,
    unread: () => cluster.status().flatMap(({ kind, problem }) => (problem === undefined ? [] : [`${kind} cannot be read: ${problem}`])),
    checks: () => [pending.condition()],
    // Outside of a cluster nobody brings a token that it knows.
    ...(shared !== undefined && { access: byToken(tokenReviewer(connection)) }),
    calledBy: () => webhookCalls(connection, CONFIGURATIONS),
    conditions: () => [...cluster.conditions(), own.condition()],
    begin: () => void cluster.synced().then(() => own.start()),
    kinds: () => cluster.status(),
    versions: () => cluster.versions(),
    provisioner,
    stop: () => {
      provisioner.stop();
      pending.stop();
      own.stop();
      return cluster.stop();
    },
  };
}

/** The list of pending changes, with the questions about a request that it needs. */
export function listOf(changes: PendingChanges, current: () => CompiledPacks): Pending {
  return { changes, changeOf: pendingOf, concerns: (request, other, snapshot) => mayConcern(request, other, { snapshot, packs: current() }), mustPass: isAlwaysAdmitted };
}

/** Nodes are many, change little, and decide only policies that name them; packs and exceptions decide nothing as objects. */
const UNCONFIRMED: ReadonlySet<string> = new Set(["Node", ...OWN_KINDS.map(kindKey)]);

/** A page of a list may take as long (cluster-timing.ts); the packs in force judge on meanwhile. */
const NEW_KIND_MS = 60_000;

const CONFIGURATIONS = [
  { kind: "MutatingWebhookConfiguration", name: CONFIGURATION_NAMES.mutating },
  { kind: "ValidatingWebhookConfiguration", name: CONFIGURATION_NAMES.deny },
  { kind: "ValidatingWebhookConfiguration", name: CONFIGURATION_NAMES.warn },
] as const;
