import { describeCounterexample, endNamespaces } from "../proof/describe.js";
import { closeFlow } from "../fix/narrow.js";
import { affectedPods, excludes, excludesForPod, exclusionRegression, type ProofContext } from "../proof/prove.js";
import type { Flow, FlowPeer, FlowTarget, Proof } from "../proof/question.js";
import type { EndVerdict } from "../engine/verdict.js";
import { isLive, type Namespace, type Pod } from "../model/endpoint.js";
import { ok } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_TRAFFIC } from "../model/traffic.js";
import { runningPods, type Reach } from "./pods-selector.js";
import { askAlternatives, compileFlows, covers, FLOWS_SCHEMA, joinProtections, outcomeOf, policyNames, questionOf, scopesOfFlow, scopeText, type FlowSpec } from "./flow-selector.js";
import { withPortNames } from "./port-name-selector.js";
import type { Change, Check, CompileScope, Finding, Outcome, Protection, Scope } from "./rule.js";

/**
 * "No pod of the subject may reach (or be reached by) any peer, on any of the traffic", whoever of them runs or could be
 * created. A change is refused for what it makes possible; what was possible before is reported. An endpoint that names
 * no ports means all traffic.
 */
export const forbidFlow = {
  id: "forbid-flow",
  description: "no pod of the subject can reach, or be reached by, any peer on any of the traffic, whoever of them runs or could be created",
  schema: { type: "object", additionalProperties: false, required: ["flows"], properties: { flows: FLOWS_SCHEMA } },
  compile(spec, scope, path) {
    const flows = compileFlows(spec.flows, scope, `${path}.flows`);
    return flows.ok ? ok({ protect: joinProtections(flows.value.map((flow) => protection(flow, scope))) }) : flows;
  },
} satisfies Check;

function protection(flow: FlowSpec, { engine, budget }: CompileScope): Protection {
  const context: ProofContext = { profile: engine, budget };
  return {
    ...scopesOfFlow(flow),
    regression: (change, scope) => (covers(flow, scope) ? regressions(flow, change, { scope, context }) : []),
    standing: (snapshot, scope) => {
      const question = covers(flow, scope) ? forbidden(flow, snapshot, { scope, reach: "possible" }) : undefined;
      return question ? [outcome(flow, { snapshot, question, context })] : [];
    },
    alternatives: (snapshot, scope) => askAlternatives(flow, { scope, enough: false }, (alone) => {
      const question = forbidden(alone, snapshot, { scope, reach: "possible" });
      return question && excludes(snapshot, question, context);
    }),
    forPod: (snapshot, pod) => (isLive(pod) ? firstBroken(endOutcomes(flow, snapshot, { pod, context })) : []),
  };
}

function forbidden(flow: FlowSpec, snapshot: Snapshot, { scope, reach }: { readonly scope: Scope; readonly reach: Reach }): Flow | undefined {
  const question = questionOf(flow, snapshot, { scope, reach: flow.existingOnly ? "running" : reach });
  return question && withPortNames({ ...question, anyOf: question.anyOf.map(withTraffic) }, snapshot);
}

function withTraffic(target: FlowTarget): FlowTarget {
  return typeof target.traffic !== "function" && target.traffic.isEmpty ? { ...target, traffic: ALL_TRAFFIC } : target;
}

interface Asked {
  readonly snapshot: Snapshot;
  /** Only what was not possible then counts. */
  readonly before?: Snapshot;
  /** Only this pod of the subject is asked about. */
  readonly pod?: Pod;
  readonly question: Flow;
  readonly context: ProofContext;
}

interface At {
  readonly scope: Scope;
  readonly context: ProofContext;
}

/** "Is anything possible that was not?" A pod or namespace that becomes an end of the flow has no past as one: what is possible counts. */
function regressions(flow: FlowSpec, change: Change, { scope, context }: At): readonly Outcome[] {
  const { before, after } = change;
  const becoming = becomesEnd(flow, change, { scope, context });
  const question = concerned(forbidden(flow, after, { scope, reach: "future" }), change, scope);
  if (!question) return firstBroken(becoming);
  const asked: Asked = { snapshot: after, before, question, context };
  const proof = prove(asked);
  const outcomes = firstBroken([outcomeFor(flow, proof, asked), ...becoming]);
  // No steps: nothing that decides about this flow has changed.
  const isTouched = proof.answer === "proven" && proof.steps > 0 && !("future" in scope);
  return isTouched && outcomes.every(({ outcome: kind }) => kind === "holds") ? possibleBefore(flow, change, { scope, context }) : outcomes;
}

/** A change in another namespace than the scope's concerns only the peers there. */
function concerned(whole: Flow | undefined, { namespace }: Change, scope: Scope): Flow | undefined {
  const elsewhere = namespace !== undefined && ("future" in scope || scope.name !== namespace);
  return whole && elsewhere ? narrowed(whole, (peer) => (isOf(peer, namespace) ? peer : undefined)) : whole;
}

/** What was possible before the change and still is, where the change touches it. */
function possibleBefore(flow: FlowSpec, change: Change, { scope, context }: At): readonly Outcome[] {
  const question = concerned(forbidden(flow, change.after, { scope, reach: "possible" }), change, scope);
  const standing = question && outcome(flow, { snapshot: change.after, question, context });
  return standing?.outcome === "broken" ? [{ ...standing, outcome: "broken-before" }] : [];
}

function becomesEnd(flow: FlowSpec, change: Change, at: At): readonly Outcome[] {
  if (change.namespace === undefined || change.request.operation !== "UPDATE") return [];
  if (change.touches === "namespace") return becomesNamespaceOfEnd(flow, change.namespace, { ...at, change });
  const { name = "" } = change.request.object?.metadata ?? {};
  const [was, is] = [change.before.pod(change.namespace, name), change.after.pod(change.namespace, name)];
  return change.touches === "pod" && is ? becomesPodOfEnd(flow, { was, is }, { ...at, change }) : [];
}

interface Becoming extends At {
  readonly change: Change;
}

function becomesNamespaceOfEnd(flow: FlowSpec, name: string, { change: { before, after }, scope, context }: Becoming): readonly Outcome[] {
  const isSubject = !("future" in scope) && scope.name === name && !covers(flow, before.namespace(name));
  const isPeer = flow.endpoint.hosts(after, name) && !flow.endpoint.hosts(before, name);
  if (!isSubject && !isPeer) return [];
  const whole = forbidden(flow, after, { scope, reach: "possible" });
  const question = whole && (isSubject ? whole : narrowed(whole, (peer) => (isOf(peer, name) ? peer : undefined)));
  return question ? [outcome(flow, { snapshot: after, question, context })] : [];
}

function isOf(peer: FlowPeer, namespace: string): boolean {
  if (peer.kind === "addresses") return false;
  return peer.kind === "pod" ? peer.pod.namespace === namespace : "name" in peer.namespace && peer.namespace.name === namespace;
}

function becomesPodOfEnd(flow: FlowSpec, { was, is }: { readonly was: Pod | undefined; readonly is: Pod }, { change: { before, after }, scope, context }: Becoming): readonly Outcome[] {
  if ("future" in scope) return [];
  const own = scope.name === is.namespace && flow.pods.matches(is.labels) && !(was && flow.pods.matches(was.labels));
  const asPeer = asPeerOf(flow, after, { pod: is, scope });
  const newPeer = asPeer && !(was && asPeerOf(flow, before, { pod: was, scope })) ? asPeer : undefined;
  return [
    ...(own ? asSubject(flow, after, { pod: is, context }) : []),
    ...(newPeer ? [outcome(flow, { snapshot: after, question: newPeer, context })] : []),
  ];
}

/** What a pod that is created would make possible: as a subject, and as a peer of every subject there is. */
function endOutcomes(flow: FlowSpec, snapshot: Snapshot, { pod, context }: { readonly pod: Pod; readonly context: ProofContext }): readonly Outcome[] {
  const scopes = scopesOfFlow(flow).allScopes(snapshot);
  const asPeer = flow.endpoint.hosts(snapshot, pod.namespace) || flow.endpoint.local ? scopes : [];
  return [
    ...asSubject(flow, snapshot, { pod, context }),
    ...asPeer.flatMap((scope) => {
      const question = asPeerOf(flow, snapshot, { pod, scope });
      return question ? [outcome(flow, { snapshot, question, context })] : [];
    }),
  ];
}

function asSubject(flow: FlowSpec, snapshot: Snapshot, { pod, context }: { readonly pod: Pod; readonly context: ProofContext }): readonly Outcome[] {
  const scope: Namespace = snapshot.namespace(pod.namespace);
  const question = covers(flow, scope) && flow.pods.matches(pod.labels) ? forbidden(flow, snapshot, { scope, reach: "possible" }) : undefined;
  return question ? [outcome(flow, { snapshot, pod, question, context })] : [];
}

/** The flow with this pod as its only peer; undefined where it is none. */
function asPeerOf(flow: FlowSpec, snapshot: Snapshot, { pod, scope }: { readonly pod: Pod; readonly scope: Scope }): Flow | undefined {
  const whole = forbidden(flow, snapshot, { scope, reach: "possible" });
  return whole && narrowed(whole, (peer) => (isPeer(peer, pod) ? { kind: "pod", pod } : undefined));
}

function isPeer(peer: FlowPeer, pod: Pod): boolean {
  if (!isOf(peer, pod.namespace)) return false;
  return peer.kind === "pod" ? peer.pod.name === pod.name : peer.kind === "space" && peer.pods.matches(pod.labels);
}

function narrowed(flow: Flow, pick: (peer: FlowPeer) => FlowPeer | undefined): Flow | undefined {
  const anyOf = flow.anyOf.map((target) => ({ ...target, peers: target.peers.flatMap((peer) => pick(peer) ?? []) })).filter(({ peers }) => peers.length > 0);
  return anyOf.length > 0 ? { ...flow, anyOf } : undefined;
}

/** One thing said once: the first that is broken, else everything. */
function firstBroken(outcomes: readonly Outcome[]): readonly Outcome[] {
  const broken = outcomes.find(({ outcome: kind }) => kind === "broken");
  return broken ? [broken] : outcomes;
}

function outcome(flow: FlowSpec, asked: Asked): Outcome {
  return outcomeFor(flow, prove(asked), asked);
}

function outcomeFor(flow: FlowSpec, proof: Proof, asked: Asked): Outcome {
  return outcomeOf(flow, proof, { scope: asked.question.subject.namespace, broken: (found) => finding(flow, concrete(asked) ?? found, asked) });
}

function prove({ snapshot, before, pod, question, context }: Asked): Proof {
  if (pod) return excludesForPod(snapshot, question, { pod, context });
  return before ? exclusionRegression(before, snapshot, { flow: question, context }) : excludes(snapshot, question, context);
}

type Refuted = Extract<Proof, { answer: "counterexample" }>;

/** "A running pod is the best counterexample", at the other end too: asked again of the peers that run. */
function concrete(asked: Asked): Refuted | undefined {
  const { snapshot, question } = asked;
  const running = (peer: FlowPeer): readonly FlowPeer[] => {
    if (peer.kind !== "space") return [peer];
    return "name" in peer.namespace ? runningPods(snapshot.namespaces.get(peer.namespace.name), peer.pods).map((pod) => ({ kind: "pod", pod })) : [];
  };
  const anyOf = question.anyOf.map((target) => ({ ...target, peers: target.peers.flatMap(running) }));
  const proof = prove({ ...asked, question: { ...question, anyOf } });
  return proof.answer === "counterexample" && proof.counterexample.subject.origin !== "hypothetical" ? proof : undefined;
}

function finding(flow: FlowSpec, { counterexample }: Refuted, { snapshot, before, question, context }: Asked): Finding {
  const verdict = counterexample.connection?.verdict;
  const affected = affectedPods(before, snapshot, { flow: question, context, mode: "excludes" });
  return {
    message: `${flow.what} ${before ? "becomes" : "is"} possible for pods of ${scopeText(question.subject.namespace)}`,
    counterexample: describeCounterexample(counterexample),
    namespaces: endNamespaces(counterexample),
    policies: verdict ? policyNames([verdict.egress, verdict.ingress].flatMap(allowing)) : [],
    ...(affected && { affected }),
    fix: () => closeFlow(snapshot, question, { name: flow.what, context, namespaces: flow.namespaces.future }),
    ...(flow.action ? { action: flow.action } : {}),
  };
}

function allowing({ decidedBy }: EndVerdict) {
  return decidedBy ? [decidedBy.policy] : [];
}
