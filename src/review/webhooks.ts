import { ok, type Result } from "../model/result.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { CompiledPacks } from "../packs/compile.js";
import { OWN_KINDS } from "../packs/crd.js";
import { CLEANERS } from "./always-admitted.js";
import { exemptOnlyWhereItCounts, isPattern, noCleaner, noExemptPattern, NO_NODE, onlyExemptWhereItCounts, type MatchCondition } from "./webhook-conditions.js";
import { webhookNeeds, type Need, type Resource } from "./webhook-needs.js";

/** Where the API server finds Sluice, and whom it must trust. */
export interface WebhookTarget {
  /** `https://host:port`, or a Service. */
  readonly at: { readonly url: string } | { readonly namespace: string; readonly name: string };
  /** PEM of the CAs; absent: the system's, or somebody else fills it in. */
  readonly caBundle?: string;
  /** audit: nothing that Sluice does or leaves undone keeps anything from changing. */
  readonly mode?: "enforce" | "audit";
}

/** Names of the configurations: what a leader keeps true, and what removing Sluice removes. */
export const CONFIGURATION_NAMES = { mutating: "sluice", deny: "sluice-deny", warn: "sluice-warn" } as const;

/**
 * A pod creation waits for the sum of its mutating webhooks and the slowest validating one (facts/admission.md 5). Sluice answers in
 * milliseconds; 5 s leave room for a consistent read of a denial and for one second of waiting for provision. What only warns waits less.
 */
const TIMEOUTS = { mutate: 3, deny: 5, warn: 3 } as const;

/**
 * The webhook configurations that the packs in force ask for: what may refuse fails closed and leaves exempt namespaces out; what only warns,
 * and exempt namespaces, where an outage of Sluice must never keep anything from changing, fail open. A request that may be refused is
 * told its warnings with the same answer: no request is sent to be judged twice.
 */
export function webhookConfigurations(packs: CompiledPacks, target: WebhookTarget): Result<readonly KubeObject[]> {
  const asked = webhookNeeds(packs);
  if (!asked.ok) return asked;
  const needs = asked.value;
  const denying = needs.filter(({ effect }) => effect === "deny");
  const closed = denying.filter(({ failureMode }) => failureMode === "Deny");
  // Packs that fail open share no request with those that fail closed, or it would be sent twice.
  const open = denying.filter((need) => !isAmong(closed, need));
  const outsideExempt = { namespaceSelector: notIn(packs.exemptNamespaces.filter((name) => !isPattern(name))), matchConditions: [...noExemptPattern(packs.exemptNamespaces), NO_NODE] };
  const told = needs.filter(({ effect }) => effect === "tell");
  const deny = { path: "/validate/deny", sideEffects: "NoneOnDryRun", timeoutSeconds: TIMEOUTS.deny, ...outsideExempt, matchConditions: [...outsideExempt.matchConditions, noCleaner(CLEANERS)] } as const;
  const warn = { path: "/validate/warn", failurePolicy: "Ignore", sideEffects: "NoneOnDryRun", timeoutSeconds: TIMEOUTS.warn, namespaceSelector: {}, matchConditions: [NO_NODE, noCleaner(CLEANERS)] } as const;
  return ok([
    configuration({ kind: "MutatingWebhookConfiguration", name: CONFIGURATION_NAMES.mutating }, target, [
      // A pod without its label escapes policies; `/validate/deny` tells when this one was skipped. Reinvoked, because another webhook may add what the label depends on.
      { ...outsideExempt, name: "label.sluice.dev", path: "/mutate", failurePolicy: "Ignore", sideEffects: "None", timeoutSeconds: TIMEOUTS.mutate, reinvocationPolicy: "IfNeeded", needs: needs.filter(({ effect }) => effect === "mutate") },
    ]),
    configuration({ kind: "ValidatingWebhookConfiguration", name: CONFIGURATION_NAMES.deny }, target, [
      { ...deny, name: "deny.sluice.dev", failurePolicy: "Fail", needs: closed },
      { ...deny, name: "deny-open.sluice.dev", failurePolicy: "Ignore", needs: open },
      // Whoever may change packs while Sluice does not look could weaken what must not be weakened.
      { ...deny, name: "packs.sluice.dev", failurePolicy: "Fail", namespaceSelector: {}, matchConditions: [], needs: OWN_NEEDS },
    ]),
    configuration({ kind: "ValidatingWebhookConfiguration", name: CONFIGURATION_NAMES.warn }, target, [
      { ...warn, name: "warn.sluice.dev", matchConditions: [...exemptOnlyWhereItCounts(packs.exemptNamespaces), ...warn.matchConditions], needs: told.filter((need) => !isAmong(denying, need)) },
      { ...warn, name: "exempt.sluice.dev", matchConditions: [...onlyExemptWhereItCounts(packs.exemptNamespaces), ...warn.matchConditions], needs: packs.exemptNamespaces.length > 0 ? told.filter((need) => isAmong(denying, need) && countsInExempt(need)) : [] },
    ]),
  ]);
}

/** What can lie in an exempt namespace, or be one: of pods and namespaces only new labels can matter elsewhere. */
function countsInExempt({ resource: { group, kind, namespaced }, operation }: Need): boolean {
  if (group === "" && (kind === "Pod" || kind === "Namespace")) return operation === "UPDATE";
  return namespaced;
}

/** Packs and exceptions are judged by whether they can come into force. */
const OWN_NEEDS: readonly Need[] = OWN_KINDS.flatMap(({ version, ...kind }) => (["CREATE", "UPDATE", "DELETE"] as const).map((operation) => ({ resource: { ...kind, versions: [version] }, operation, effect: "deny", failureMode: "Deny" })));

interface Webhook {
  readonly name: string;
  readonly path: string;
  readonly failurePolicy: "Fail" | "Ignore";
  readonly sideEffects: "None" | "NoneOnDryRun";
  readonly timeoutSeconds: number;
  readonly reinvocationPolicy?: "IfNeeded";
  readonly namespaceSelector: object;
  readonly matchConditions: readonly MatchCondition[];
  readonly needs: readonly Need[];
}

function configuration({ kind, name }: { readonly kind: string; readonly name: string }, target: WebhookTarget, webhooks: readonly Webhook[]): KubeObject {
  return {
    apiVersion: "admissionregistration.k8s.io/v1",
    kind,
    metadata: { name, labels: { "app.kubernetes.io/name": "sluice" } },
    webhooks: webhooks.filter(({ needs }) => needs.length > 0).map((webhook) => written(target.mode === "audit" ? { ...webhook, failurePolicy: "Ignore" } : webhook, target)),
  };
}

/** Every field that the API server would fill in is written, so that what is stored can be compared with what is wanted. */
function written({ path, needs, name, failurePolicy, sideEffects, timeoutSeconds, namespaceSelector, matchConditions, reinvocationPolicy }: Webhook, target: WebhookTarget): object {
  return {
    name,
    clientConfig: clientConfig(path, target),
    admissionReviewVersions: ["v1"],
    failurePolicy,
    sideEffects,
    timeoutSeconds,
    matchPolicy: "Equivalent",
    ...(reinvocationPolicy && { reinvocationPolicy }),
    rules: rulesOf(needs),
    namespaceSelector,
    objectSelector: {},
    // An empty list is not stored.
    ...(matchConditions.length > 0 && { matchConditions }),
  };
}

function clientConfig(path: string, { at, caBundle }: WebhookTarget): object {
  const trust = caBundle === undefined ? {} : { caBundle: Buffer.from(caBundle).toString("base64") };
  return "url" in at ? { url: `${at.url.replace(/\/$/, "")}${path}`, ...trust } : { service: { namespace: at.namespace, name: at.name, path, port: 443 }, ...trust };
}

/** The label that the API server forces onto every Namespace (S8): nobody can take it away to slip past, or claim it (A11). */
function notIn(names: readonly string[]): object {
  return names.length === 0 ? {} : { matchExpressions: [{ key: "kubernetes.io/metadata.name", operator: "NotIn", values: names }] };
}

interface WebhookRule {
  readonly apiGroups: readonly string[];
  readonly apiVersions: readonly string[];
  readonly resources: string[];
  readonly operations: readonly string[];
  readonly scope: "Namespaced" | "Cluster";
}

const ORDER = ["CREATE", "UPDATE", "DELETE"];

/** One rule per group, versions, scope and set of operations: subresources are named apart, so none is sent. */
function rulesOf(needs: readonly Need[]): readonly WebhookRule[] {
  const rules = new Map<string, WebhookRule>();
  for (const resource of new Map(needs.map((need) => [resourceKey(need.resource), need.resource])).values()) {
    const operations = ORDER.filter((operation) => needs.some((need) => need.operation === operation && resourceKey(need.resource) === resourceKey(resource)));
    const { group, versions, namespaced } = resource;
    const key = JSON.stringify([group, versions, namespaced, operations]);
    const rule = rules.get(key) ?? { apiGroups: [group], apiVersions: versions, resources: [], operations, scope: namespaced ? "Namespaced" : "Cluster" };
    rule.resources.push(resource.resource);
    rules.set(key, rule);
  }
  return [...rules.values()];
}

function resourceKey({ group, resource }: Resource): string {
  return `${resource}.${group}`;
}

/** Is the same operation on the same kind asked for? */
function isAmong(needs: readonly Need[], need: Need): boolean {
  return needs.some((other) => keyOf(other) === keyOf(need));
}

function keyOf({ resource, operation }: Need): string {
  return `${operation} ${resourceKey(resource)}`;
}
