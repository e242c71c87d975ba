import { randomUUID } from "node:crypto";
import { hostname } from "node:os";
import type { Config } from "../config.js";
import type { Log } from "../log.js";
import type { KubeObject } from "../model/kubernetes.js";
import { formatProblem } from "../model/result.js";
import type { CompiledPacks } from "../packs/compile.js";
import { webhookConfigurations, type WebhookTarget } from "../review/webhooks.js";
import { CertificateKeeper, keeperTiming } from "../upkeep/certificate-keeper.js";
import { SecretCertificate } from "../upkeep/certificate-secret.js";
import { Leader, leaderTiming } from "../upkeep/leader.js";
import { Suspension } from "../upkeep/suspension.js";
import type { Condition } from "../model/readiness.js";
import { suspensionOf } from "../model/suspension.js";
import type { ServerMetrics } from "../server/metrics.js";
import type { ObjectAt } from "../model/object-store.js";
import { clusterObjects } from "../cluster/objects.js";
import { connectCluster } from "../cluster/cluster.js";
import { unwrap } from "./command.js";
import { namedPair, targetAt } from "./target-selector.js";

export interface LeadingParts {
  readonly packs: () => CompiledPacks;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  /** What else the leader does. */
  readonly also?: (leading: AbortSignal) => Promise<void>;
}

/** What replicas share with `--cert-secret`: one certificate, and a leader that renews it and keeps the webhook configurations true. */
export interface Leading {
  readonly certificates: SecretCertificate;
  /** Other packs are in force, which may ask for other configurations. */
  packsChanged(): void;
  /** Are the webhook configurations kept? */
  condition(): Condition;
  stop(): Promise<void>;
}

/** Starts to take part; over a connection of its own, so that renewals wait for nothing else. */
export async function startLeading(config: Config & { readonly certSecret: string }, { packs, log, metrics, also }: LeadingParts): Promise<Leading> {
  const { namespace, name } = namedPair("--cert-secret", config.certSecret);
  const leaseMs = config.lease * 1_000;
  const target: WebhookTarget = { at: targetAt(config), mode: config.mode };
  const connection = unwrap(await connectCluster(), "the cluster cannot be reached");
  const store = clusterObjects(connection);
  const secret: ObjectAt = { apiVersion: "v1", resource: "secrets", namespace, name };
  const certificates = await SecretCertificate.open({ store, at: secret, log, pollMs: leaseMs });
  // Of the same name: replicas that share a certificate share a leader.
  const at: ObjectAt = { apiVersion: "coordination.k8s.io/v1", resource: "leases", namespace, name };
  const suspension = new Suspension(metrics.registry);
  const isSuspended = async (signal: AbortSignal): Promise<boolean> => suspensionOf(await store.read(at, signal)) !== undefined;
  const told = { problem: "" };
  const configurations = (caBundle: string): readonly KubeObject[] | undefined => {
    const made = webhookConfigurations(packs(), { ...target, caBundle });
    const problem = made.ok ? "" : made.problems.map(formatProblem).join("; ");
    if (problem !== told.problem && problem !== "") log.error({ reason: problem }, "the webhook configurations cannot be told; they stay as they are");
    told.problem = problem;
    return made.ok ? made.value : undefined;
  };
  const keeper = new CertificateKeeper({ store, secret, names: [...namesOf(target), ...config.names], owner: namespace, configurations, isSuspended, changed: (held) => certificates.take(held), log, timing: keeperTiming(leaseMs) });
  const leader = new Leader({
    store,
    at,
    identity: `${hostname()}_${randomUUID()}`,
    lead: async (leading) => void (await Promise.all([keeper.run(leading), also?.(leading)])),
    log,
    registry: metrics.registry,
    seen: (lease) => suspension.see(lease),
    timing: leaderTiming(leaseMs),
  });
  const stopping = new AbortController();
  const running = leader.run(stopping.signal);
  return {
    certificates,
    packsChanged: () => keeper.nudge(),
    condition: () => suspension.condition(),
    stop: async () => {
      stopping.abort();
      await running;
      connection.close();
    },
  };
}

/** Under what names the API server calls: "the server name is `<svc>.<ns>.svc`" (admissionregistration.k8s.io/v1, ServiceReference). */
function namesOf({ at }: WebhookTarget): readonly string[] {
  if ("url" in at) return [new URL(at.url).hostname.replace(/^\[|\]$/g, "")];
  return [`${at.name}.${at.namespace}.svc`, `${at.name}.${at.namespace}.svc.cluster.local`];
}
