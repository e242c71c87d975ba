import type { Flow, Proof } from "../proof/question.js";
import type { ContainerPort } from "../model/endpoint.js";
import { isRecord, nameKey } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import type { Direction, Policy } from "../model/policy.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { EnforcementAction } from "../model/violation.js";
import type { LabelBox } from "../sets/label-box.js";
import type { EndpointSelector } from "./endpoint-selector.js";
import { namespacesIn, type NamespaceSelector } from "./namespace-selector.js";
import type { Seen } from "./pods-selector.js";
import type { AlternativeAnswer, Change, CompileScope, Outcome, Protection, Scope } from "./rule.js";
import { Memory } from "../model/memory.js";

export { FLOWS_SCHEMA } from "./schema-selector.js";

/** Flows as packs write them, for the checks that require or forbid them. */

/** One flow of a pack: who, in which direction, to or from whom. */
export interface FlowSpec {
  readonly what: string;
  readonly namespaces: NamespaceSelector;
  readonly pods: LabelBox;
  readonly direction: Direction;
  readonly endpoint: EndpointSelector;
  readonly action: EnforcementAction | undefined;
  readonly existingOnly: boolean;
}

/** Reads the flows of a rule; those whose `when` is false are left out. Problems carry their path below `path`. */
export function compileFlows(spec: unknown, scope: CompileScope, path: string): Result<readonly FlowSpec[]> {
  const flows = Array.isArray(spec) ? spec : [];
  const compiled = flows.map((flow: unknown, i) => compileFlow(flow, scope, `${path}[${i}]`));
  const problems = compiled.flatMap((flow) => (flow.ok ? [] : flow.problems));
  return problems.length > 0 ? failed(...problems) : ok(compiled.flatMap((flow) => (flow.ok && flow.value ? [flow.value] : [])));
}

function compileFlow(spec: unknown, scope: CompileScope, path: string): Result<FlowSpec | undefined> {
  if (!isRecord(spec) || !isRecord(spec.subject)) return failed({ code: "pack/flow", message: "a flow needs a subject", path });
  const when = scope.when(spec.when, `${path}.when`);
  if (when.ok && !when.value) return ok(undefined);
  const { matchLabels, matchExpressions } = spec.subject;
  const selector = readLabelSelector({ matchLabels, matchExpressions }, `${path}.subject`);
  const namespaces = scope.namespaces(spec.subject.namespaces, `${path}.subject.namespaces`);
  const direction: Direction = spec.egressTo === undefined ? "ingress" : "egress";
  const end = direction === "egress" ? "egressTo" : "ingressFrom";
  const endpoint = scope.endpoint(spec[end], `${path}.${end}`);
  const problems: Problem[] = [when, namespaces, endpoint].flatMap((part) => (part.ok ? [] : part.problems));
  if (!namespaces.ok || !endpoint.ok || problems.length > 0 || selector.problems.length > 0) return failed(...selector.problems, ...problems);
  return ok({
    what: String(spec.what),
    namespaces: namespaces.value,
    pods: selector.box,
    direction,
    endpoint: endpoint.value,
    action: spec.enforcementAction as EnforcementAction | undefined,
    existingOnly: spec.protects === "ExistingPods",
  });
}

/** Does the flow's subject have this scope? */
export function covers({ namespaces }: FlowSpec, scope: Scope): boolean {
  return "future" in scope ? namespaces.future.some((box) => box.key === scope.future.key) : namespaces.includes(scope);
}

const NO_PORTS: readonly ContainerPort[] = [];

/** The flow on a snapshot, as one scope sees it; undefined when its peer is unset there. */
export function questionOf({ endpoint, pods, direction, existingOnly }: FlowSpec, snapshot: Snapshot, seen: Seen): Flow | undefined {
  const anyOf = endpoint.resolve(snapshot, seen);
  if (anyOf.length === 0) return undefined;
  return { subject: { namespace: seen.scope, pods, ports: NO_PORTS }, direction, anyOf, ...(existingOnly ? { runningOnly: true } : {}) };
}

/** Each alternative of the flow as if it were the only one; those whose peers are unset there are left out. */
export function askAlternatives(flow: FlowSpec, { scope, enough }: { readonly scope: Scope; readonly enough: boolean }, answer: (alone: FlowSpec) => Proof | undefined): readonly AlternativeAnswer[] {
  if (!covers(flow, scope)) return [];
  return flow.endpoint.alternatives.flatMap((alternative): readonly AlternativeAnswer[] => {
    const proof = answer({ ...flow, endpoint: { ...flow.endpoint, resolve: alternative.resolve } });
    return proof ? [{ path: alternative.path, holds: proof.answer === "proven", enough }] : [];
  });
}

/** Which scopes a change could alter the flow for, and which a report asks about. */
export function scopesOfFlow(flow: FlowSpec): Pick<Protection, "scopes" | "allScopes" | "couldConcern" | "reads" | "keeps"> {
  const { endpoint, namespaces } = flow;
  return {
    scopes: (change) => scopesOfSubject(change, namespaces, (namespace) => endpoint.hosts(change.after, namespace) || endpoint.hosts(change.before, namespace)),
    allScopes: (snapshot) => namespacesIn(snapshot, namespaces).map((state) => state.namespace),
    couldConcern: (namespace) => namespaces.couldInclude(namespace) || endpoint.couldHost(namespace),
    reads: (object) => endpoint.reads(object),
    keeps: (change, scope) => isUntouched(flow, change, scope),
  };
}

/** Neither the scope itself nor a namespace of its peers changed; or the flow is not about it. */
export function isUntouched(flow: FlowSpec, change: Change, scope: Scope): boolean {
  const { before, after, namespace } = change;
  if (!covers(flow, scope)) return true;
  if (namespace === undefined || "future" in scope || scope.name === namespace) return false;
  let known = hosted.get(change);
  if (!known) hosted.set(change, (known = new Memory<FlowSpec, boolean>()));
  let isHost = known.get(flow);
  if (isHost === undefined) known.set(flow, (isHost = flow.endpoint.hosts(before, namespace) || flow.endpoint.hosts(after, namespace)));
  return !isHost;
}

/** Did the namespace of a change hold peers of a flow, or does it? Asked for each of many scopes. */
const hosted = new Memory<Change, Memory<FlowSpec, boolean>>();

/** The scopes of a subject that a change could alter. `hosts`: does this namespace hold peers of the subject's flows? */
export function scopesOfSubject(change: Change, subject: NamespaceSelector, hosts: (namespace: string) => boolean): readonly Scope[] {
  const { after, namespace } = change;
  const everywhere = namespace === undefined || hosts(namespace);
  if (!everywhere) {
    const own = after.namespace(namespace);
    return subject.includes(own) ? [own] : [];
  }
  const existing = namespacesIn(after, subject).map((state) => state.namespace).filter((own) => !own.terminating);
  return [...existing, ...subject.future.map((future) => ({ future }))];
}

/** Several flows are one rule: each is asked, each answers. */
export function joinProtections(parts: readonly Protection[]): Protection {
  return {
    scopes: (change) => uniqueScopes(parts.flatMap((part) => part.scopes(change))),
    askedScopes: (change) => uniqueScopes(parts.flatMap((part) => part.askedScopes?.(change) ?? part.scopes(change))),
    spared: (change) => parts.every((part) => part.spared?.(change) ?? false),
    unharmed: (change) => parts.every((part) => part.unharmed?.(change) ?? false),
    allScopes: (snapshot) => uniqueScopes(parts.flatMap((part) => part.allScopes(snapshot))),
    regression: (change, scope) => parts.flatMap((part) => part.regression(change, scope)),
    standing: (snapshot, scope) => parts.flatMap((part) => part.standing(snapshot, scope)),
    alternatives: (snapshot, scope) => parts.flatMap((part) => part.alternatives?.(snapshot, scope) ?? []),
    foreseen: (change, pod) => parts.every((part) => part.foreseen?.(change, pod) ?? false),
    forPod: (snapshot, pod) => parts.flatMap((part) => part.forPod(snapshot, pod)),
    peers: (snapshot) => parts.flatMap((part) => part.peers?.(snapshot) ?? []),
    couldConcern: (namespace) => parts.some((part) => part.couldConcern?.(namespace) ?? true),
    reads: (object) => parts.some((part) => part.reads?.(object) ?? false),
    keeps: (change, scope) => parts.every((part) => part.keeps?.(change, scope) ?? false),
  };
}

function uniqueScopes(scopes: readonly Scope[]): Scope[] {
  return [...new Map(scopes.map((scope) => ["future" in scope ? `future ${scope.future.key}` : scope.name, scope])).values()];
}

/** `namespace x`, for messages. */
export function scopeText(scope: Scope): string {
  return "future" in scope ? "namespaces that do not exist yet" : `namespace \`${scope.name}\``;
}

/** A proof as the outcome of a protection; `broken` puts a counterexample into words. */
export function outcomeOf(flow: FlowSpec, proof: Proof, { scope, broken }: { readonly scope: Scope; readonly broken: (found: Extract<Proof, { answer: "counterexample" }>) => Extract<Outcome, { outcome: "broken" }>["finding"] }): Outcome {
  if (proof.answer === "proven") return { outcome: "holds" };
  if (proof.answer === "not-proven") return { outcome: "unproven", message: `${flow.what} of ${scopeText(scope)} could not be proven within the step budget` };
  return { outcome: "broken", finding: broken(proof) };
}

/** Names of policies, each once. */
export function policyNames(policies: readonly Policy[]): string[] {
  return [...new Set(policies.map((policy) => nameKey(policy.ref)))];
}
