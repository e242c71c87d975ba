import { describeCounterexample, describeEnd, describeEndpoint, endNamespaces } from "../engine/describe.js";
import { fixFlow } from "../engine/fix.js";
import { affectedPods, holds, holdsForPod, regression, type ProofContext } from "../engine/prove.js";
import { blamed, type Counterexample, type Flow, type FlowPeer, type Proof } from "../engine/question.js";
import { isLive, type Pod } from "../model/endpoint.js";
import { nameKey, refOf, type ObjectRef } from "../model/kubernetes.js";
import type { Direction, Policy } from "../model/policy.js";
import type { LabelBox } from "../sets/label-box.js";
import { ok } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { askAlternatives, compileFlows, covers, FLOWS_SCHEMA, joinProtections, outcomeOf, policyNames, questionOf, scopesOfFlow, scopeText, type FlowSpec } from "./flow-selector.js";
import { peersOf } from "./peers-selector.js";
import type { Change, Check, CompileScope, Finding, Outcome, Protection, Scope } from "./rule.js";

const JUDGES = { enum: ["pod", "namespace"], description: "what a pod that is created is held for: a flow of its own (default), or of any pod its namespace could have" } as const;

/** "Every pod of the subject may reach (or be reached by) the endpoint", at both ends, in one of its alternatives in full. */
export const requireFlow = {
  id: "require-flow",
  schema: { type: "object", additionalProperties: false, required: ["flows"], properties: { judges: JUDGES, flows: FLOWS_SCHEMA } },
  compile(spec, scope, path) {
    const flows = compileFlows(spec.flows, scope, `${path}.flows`);
    if (!flows.ok) return flows;
    const protect = joinProtections(flows.value.map((flow) => protection(flow, scope)));
    const forPod: Protection["forPod"] = (snapshot, pod) => protect.standing(snapshot, snapshot.namespace(pod.namespace));
    return ok({ protect: spec.judges === "namespace" ? { ...protect, forPod } : protect });
  },
} satisfies Check;

function protection(flow: FlowSpec, { engine, budget }: CompileScope): Protection {
  const context: ProofContext = { profile: engine, budget };
  return {
    ...scopesOfFlow(flow),
    peers: (snapshot) => [peersOf(flow, snapshot)],
    regression: (change, scope) => (covers(flow, scope) ? regressions(flow, change, { scope, context }) : []),
    standing: (snapshot, scope) => {
      const question = covers(flow, scope) ? required(flow, snapshot, scope) : undefined;
      return question ? [outcome(flow, holds(snapshot, question, context), { snapshot, question, context })] : [];
    },
    forPod: (snapshot, pod) => podOutcome(flow, snapshot, { pod, context }),
    alternatives: (snapshot, scope) => askAlternatives(flow, scope, (alone) => {
      const question = required(alone, snapshot, scope);
      return question && holds(snapshot, question, context);
    }),
  };
}

function required(flow: FlowSpec, snapshot: Snapshot, scope: Scope): Flow | undefined {
  return questionOf(flow, snapshot, { scope, reach: "running" });
}

interface Asked {
  readonly snapshot: Snapshot;
  readonly before?: Snapshot;
  readonly question: Flow;
  readonly context: ProofContext;
}

function regressions(flow: FlowSpec, change: Change, { scope, context }: { readonly scope: Scope; readonly context: ProofContext }): readonly Outcome[] {
  const { before, after } = change;
  const whole = required(flow, after, scope);
  if (!whole) return [];
  const questions = questionsOf(whole, change, scope).filter((question) => isConcerned(flow, question, { change, scope }));
  return questions.flatMap((question): readonly Outcome[] => {
    const proof = regression(before, after, { flow: question, context });
    // No steps: nothing that decides about this flow has changed.
    if (proof.answer === "proven") return proof.steps === 0 ? [] : brokenBefore(flow, { snapshot: after, question, context });
    return [outcome(flow, proof, { snapshot: after, before, question, context })];
  });
}

/** "Endpoints broken before and after are warned about when the change touches an end of that flow." */
function brokenBefore(flow: FlowSpec, asked: Asked): readonly Outcome[] {
  const standing = outcome(flow, holds(asked.snapshot, asked.question, asked.context), asked);
  return standing.outcome === "broken" ? [{ ...standing, outcome: "broken-before" }] : [];
}

/**
 * A flow without alternatives is asked peer by peer, so that "one odd endpoint for which it was broken already must not
 * wave later outages through". For a change in another namespace than the scope's, only its peers there can be concerned.
 */
function questionsOf(whole: Flow, { namespace }: Change, scope: Scope): readonly Flow[] {
  const [target, ...others] = whole.anyOf;
  if (!target || others.length > 0) return [whole];
  const elsewhere = namespace !== undefined && ("future" in scope || scope.name !== namespace);
  const peers = elsewhere ? target.peers.filter((peer) => namespaceOf(peer) === namespace) : target.peers;
  return peers.map((peer) => ({ ...whole, anyOf: [{ ...target, peers: [peer] }] }));
}

/** A namespaced policy decides only about the pods it selects, in the directions it speaks of: does it select an end of this flow, before or after? */
function isConcerned({ pods, direction }: FlowSpec, { anyOf }: Flow, { change, scope }: { readonly change: Change; readonly scope: Scope }): boolean {
  const { touches, namespace, request, before, after } = change;
  const written = request.object ?? request.oldObject;
  if (touches !== "policy" || namespace === undefined || !written || !isPolicyOf(change, refOf(written))) return true;
  const policies = [before, after].flatMap((snapshot) => snapshot.policy(refOf(written)) ?? []);
  const other = direction === "egress" ? "ingress" : "egress";
  const selects = (end: Direction, box: LabelBox): boolean => policies.some((policy) => speaksOf(policy, end) && !policy.subject.pods.intersect(box).isEmpty);
  if (!("future" in scope) && scope.name === namespace && selects(direction, pods)) return true;
  const peers = anyOf.flatMap((target) => target.peers).filter((peer) => namespaceOf(peer) === namespace);
  return peers.some((peer) => (peer.kind === "pod" ? policies.some((policy) => speaksOf(policy, other) && policy.subject.pods.matches(peer.pod.labels)) : peer.kind === "space" && selects(other, peer.pods)));
}

/** Is the request's own object the only policy that changes? Policies derived from another object are several. */
function isPolicyOf({ before, after }: Change, ref: ObjectRef): boolean {
  return before.policy(ref) !== undefined || after.policy(ref) !== undefined;
}

function speaksOf(policy: Policy, direction: Direction): boolean {
  return policy.isolates[direction] || policy.rules[direction].length > 0;
}

function namespaceOf(peer: FlowPeer): string | undefined {
  if (peer.kind === "addresses") return undefined;
  if (peer.kind === "pod") return peer.pod.namespace;
  return "future" in peer.namespace ? undefined : peer.namespace.name;
}

function podOutcome(flow: FlowSpec, snapshot: Snapshot, { pod, context }: { readonly pod: Pod; readonly context: ProofContext }): readonly Outcome[] {
  const namespace = snapshot.namespace(pod.namespace);
  if (!isLive(pod) || !flow.namespaces.includes(namespace) || !flow.pods.matches(pod.labels)) return [];
  const question = required(flow, snapshot, namespace);
  if (!question) return [];
  return [outcome(flow, holdsForPod(snapshot, question, { pod, context }), { snapshot, question, context })];
}

function outcome(flow: FlowSpec, proof: Proof, asked: Asked): Outcome {
  return outcomeOf(flow, proof, { scope: asked.question.subject.namespace, broken: (found) => finding(flow, found, asked) });
}

function finding(flow: FlowSpec, { counterexample }: Extract<Proof, { answer: "counterexample" }>, { snapshot, before, question, context }: Asked): Finding {
  const verdict = counterexample.connection?.verdict;
  const affected = affectedPods(before, snapshot, { flow: question, context });
  const broken = before ? "breaks" : "does not hold";
  return {
    message: `${flow.what} ${broken} for pods of ${scopeText(question.subject.namespace)}`,
    counterexample: describeCounterexample(counterexample),
    namespaces: endNamespaces(counterexample),
    policies: verdict ? policyNames(blamed(verdict)) : [],
    ...atOtherEnd(flow, counterexample),
    fix: () => fixFlow(snapshot, question, { name: slug(flow.what), context }),
    ...(affected && { affected: affected.map(nameKey) }),
    ...(flow.action ? { action: flow.action } : {}),
  };
}

/** When only the peer's end denies, an allowance at the subject's end would not help. */
function atOtherEnd({ direction }: FlowSpec, { connection }: Counterexample): Pick<Finding, "remediation"> {
  if (!connection || !connection.verdict[direction].allowed) return {};
  const other = direction === "egress" ? "ingress" : "egress";
  const [end, verdict] = other === "ingress" ? [connection.dst, connection.verdict.ingress] : [connection.src, connection.verdict.egress];
  return { remediation: `allow this traffic at the other end too: ${other} of ${describeEndpoint(end)} is denied by ${describeEnd(verdict, other)}` };
}

/** The words of a flow as part of a policy's name: `DNS of apps` as `dns-of-apps`. */
function slug(text: string): string {
  return text.toLowerCase().replace(/[^a-z0-9]+/g, "-").replace(/^-|-$/g, "");
}
