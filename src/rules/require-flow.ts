import { describeCounterexample, describeEnd, describeEndpoint, endNamespaces } from "../proof/describe.js";
import { fixFlow } from "../fix/fix.js";
import { affectedPods, holds, holdsForPod, regression, type ProofContext } from "../proof/prove.js";
import { likenessOf } from "../proof/likeness.js";
import { isNoLoss, lossesOf, mayLose, type Losses } from "../proof/losses.js";
import { StandingFlow } from "../proof/standing.js";
import { blamed, type Counterexample, type Flow, type FlowPeer, type Proof } from "../proof/question.js";
import { isLive, type Namespace, type Pod } from "../model/endpoint.js";
import { refOf, type ObjectRef } from "../model/kubernetes.js";
import type { Direction, Policy } from "../model/policy.js";
import type { LabelBox } from "../sets/label-box.js";
import { ok } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { askAlternatives, compileFlows, covers, FLOWS_SCHEMA, isUntouched, joinProtections, outcomeOf, policyNames, questionOf, scopesOfFlow, scopeText, type FlowSpec } from "./flow-selector.js";
import { peersOf } from "./peers-selector.js";
import type { Change, Check, CompileScope, Finding, Outcome, Protection, Scope } from "./rule.js";
import { Memory } from "../model/memory.js";

const JUDGES = { enum: ["pod", "namespace"], description: "what a pod that is created is held for: a flow of its own (default), or of any pod its namespace could have" } as const;

/** "Every pod of the subject may reach (or be reached by) the endpoint", at both ends, in one of its alternatives in full. */
export const requireFlow = {
  id: "require-flow",
  description: "every pod of the subject, running or not created yet, can reach (or be reached by) the endpoint, allowed at both ends",
  schema: { type: "object", additionalProperties: false, required: ["flows"], properties: { judges: JUDGES, flows: FLOWS_SCHEMA } },
  compile(spec, scope, path) {
    const flows = compileFlows(spec.flows, scope, `${path}.flows`);
    if (!flows.ok) return flows;
    const protect = joinProtections(flows.value.map((flow) => protection(flow, scope, spec.judges === "namespace")));
    const forPod: Protection["forPod"] = (snapshot, pod) => protect.standing(snapshot, snapshot.namespace(pod.namespace));
    return ok({ protect: spec.judges === "namespace" ? { ...protect, forPod } : protect });
  },
} satisfies Check;

/** `ofNamespace`: a pod is held for what is asked of any pod of its namespace. */
function protection(flow: FlowSpec, { engine, budget }: CompileScope, ofNamespace: boolean): Protection {
  const context: ProofContext = { profile: engine, budget };
  const at: Regarding = { context, known: new StandingFlow(context), foreseen: new Memory<Snapshot, Map<string, boolean>>(), held: new Memory<Snapshot, Held>(), whole: new Memory<Snapshot, Map<string, boolean>>(), kept: new Memory<Change, Map<number, boolean>>() };
  const which = scopesOfFlow(flow);
  return {
    ...which,
    askedScopes: (change) => unlike(lossless(flow, which.scopes(change), { change, at }), change, (scope) => regressions(flow, change, { scope, ...at })),
    spared: isSpared,
    unharmed: (change) => isUnharmed(flow, change, { at, scopes: () => which.scopes(change) }),
    peers: (snapshot) => [peersOf(flow, snapshot)],
    regression: (change, scope) => (covers(flow, scope) ? regressions(flow, change, { scope, ...at }) : []),
    standing: (snapshot, scope) => {
      if (!covers(flow, scope)) return [];
      if (isProven(flow, snapshot, { scope, ...at })) return [HOLDS];
      const question = required(flow, snapshot, { scope });
      return question === undefined ? [] : [outcome(flow, holds(snapshot, question, context), { snapshot, question, context })];
    },
    keeps: (change, scope) => keeps(flow, change, { scope, ...at }),
    foreseen: (change, pod) => isForeseen(flow, change, { pod, ofNamespace, at }),
    forPod: (snapshot, pod) => podOutcome(flow, snapshot, { pod, ...at }),
    alternatives: (snapshot, scope) => askAlternatives(flow, { scope, enough: true }, (alone) => {
      const question = required(alone, snapshot, { scope });
      return question && holds(snapshot, question, context);
    }),
  };
}

const HOLDS: Outcome = { outcome: "holds" };

interface At {
  readonly context: ProofContext;
  /** Where the flow is known to hold. */
  readonly known: StandingFlow;
}

interface Regarding extends At {
  /** By the state before a pod comes, then by its namespace and the likeness that this has with it. */
  readonly foreseen: Memory<Snapshot, Map<string, boolean>>;
  /** By change, then by the likeness of a scope: does what the change does elsewhere leave it as it was? */
  readonly kept: Memory<Change, Map<number, boolean>>;
  readonly held: Memory<Snapshot, Held>;
  /** By the state before a change, then by the namespace that it is made in: does the flow hold wherever the change could alter it? */
  readonly whole: Memory<Snapshot, Map<string, boolean>>;
}

function required(flow: FlowSpec, snapshot: Snapshot, seen: { readonly scope: Scope; readonly within?: string }): Flow | undefined {
  return questionOf(flow, snapshot, { reach: "running", ...seen });
}

interface Asked {
  readonly snapshot: Snapshot;
  readonly before?: Snapshot;
  readonly question: Flow;
  readonly context: ProofContext;
}

/** What nothing is taken from still holds for whatever it held for. */
function isSpared(change: Change): boolean {
  const losses = lossesIn(change);
  return losses !== undefined && isNoLoss(losses);
}

/** What held wherever a change of policies could alter it still does if the change takes nothing away. Which scopes these are is not a matter of policies. */
function isUnharmed(flow: FlowSpec, change: Change, { at, scopes }: { readonly at: Regarding; readonly scopes: () => readonly Scope[] }): boolean {
  if (!isSpared(change)) return false;
  const known = entry(at.whole, change.before, () => new Map<string, boolean>());
  return entry(known, change.namespace ?? "", () => scopes().every((scope) => isHeldBefore(flow, change.before, seenFrom(flow, change, { scope, ...at }))));
}

/** Without those elsewhere that the change takes nothing from, and that lacked nothing before it. */
function lossless(flow: FlowSpec, scopes: readonly Scope[], { change, at }: { readonly change: Change; readonly at: Regarding }): readonly Scope[] {
  if (!isSpared(change)) return scopes;
  return scopes.filter((scope) => "future" in scope || scope.name === change.namespace || !isHeldBefore(flow, change.before, seenFrom(flow, change, { scope, ...at })));
}

/**
 * Namespaces alike answer alike: what a change of policies in another namespace does to a flow of one, it does to all of
 * its likeness. Where it breaks nothing, the first of them stands for the others, and none is needed where nothing is to be told.
 */
function unlike(scopes: readonly Scope[], change: Change, outcomesOf: (scope: Scope) => readonly Outcome[]): readonly Scope[] {
  const { namespace, before, after } = change;
  if (namespace === undefined || !lossesIn(change) || scopes.every((scope) => "future" in scope || scope.name === namespace)) return scopes;
  const ends = [before, after].map((snapshot) => likenessOf(snapshot, namespace).mentions);
  const known = new Map<number, boolean>();
  return scopes.filter((scope) => {
    if ("future" in scope || scope.name === namespace) return true;
    const { number, mentions } = likenessOf(after, scope.name);
    if (number === 0 || mentions.has(namespace) || ends.some((names) => names.has(scope.name))) return true;
    const breaks = known.get(number);
    if (breaks !== undefined) return breaks;
    const outcomes = outcomesOf(scope).map(({ outcome }) => outcome);
    known.set(number, outcomes.includes("broken"));
    return outcomes.some((outcome) => outcome !== "holds");
  });
}

/** Usually the flow holds, and this is known. Without a peer nothing is demanded. */
function isProven(flow: FlowSpec, snapshot: Snapshot, { known, ...seen }: At & { readonly scope: Scope; readonly within?: string }): boolean {
  const question = required(flow, snapshot, seen);
  return question === undefined || known.isProven(snapshot, question);
}

/** Every peer counts for itself: those outside of the namespace that changed are as they were, and those in it are no reason before or after. */
function keeps(flow: FlowSpec, change: Change, at: Regarding & { readonly scope: Scope }): boolean {
  if (isUntouched(flow, change, at.scope)) return true;
  const { namespace, before, after } = change;
  if (namespace === undefined || "future" in at.scope || at.scope.name === namespace || !flow.endpoint.splits) return false;
  const ask = (): boolean => [after, before].every((snapshot) => isProven(flow, snapshot, { ...at, within: namespace }));
  const like = likeOthers(at.scope.name, change);
  if (like === undefined) return ask();
  const answers = at.kept.get(change) ?? new Map<number, boolean>();
  at.kept.set(change, answers);
  const known = answers.get(like) ?? ask();
  answers.set(like, known);
  return known;
}

/** The number of those that a change in another namespace means the same for; undefined where names matter. */
function likeOthers(name: string, { namespace = "", before, after }: Change): number | undefined {
  const { number, mentions } = likenessOf(after, name);
  if (number === 0 || mentions.has(namespace) || likenessOf(before, name).number !== number) return undefined;
  return [before, after].some((snapshot) => likenessOf(snapshot, namespace).mentions.has(name)) ? undefined : number;
}

/** Where a flow holds on one snapshot: by scope, then by the namespace that alone is asked about. */
type Held = Map<Namespace | string, Map<string, boolean>>;

/** The same of the state before a change: changes are judged against one state until it is another one. */
function isHeldBefore(flow: FlowSpec, snapshot: Snapshot, at: Regarding & { readonly scope: Scope; readonly within?: string }): boolean {
  const { scope, within = "" } = at;
  const held = entry(at.held, snapshot, () => new Map() as Held);
  const known = entry(held, "future" in scope ? scope.future.key : scope, () => new Map<string, boolean>());
  return entry(known, within, () => isProven(flow, snapshot, at));
}

function entry<K, V>(map: { get(key: K): V | undefined; set(key: K, value: V): unknown }, key: K, make: () => V): V {
  let value = map.get(key);
  if (value === undefined) map.set(key, (value = make()));
  return value;
}

function isElsewhereThan(scope: Scope, namespace: string | undefined): namespace is string {
  return namespace !== undefined && ("future" in scope || scope.name !== namespace);
}

/** A change in another namespace concerns the peers there alone, where what they are does not depend on others. */
function seenFrom<T extends { readonly scope: Scope }>({ endpoint }: FlowSpec, { namespace }: Change, at: T): T & { readonly within?: string } {
  return isElsewhereThan(at.scope, namespace) && endpoint.splits ? { ...at, within: namespace } : at;
}

function regressions(flow: FlowSpec, change: Change, at: Regarding & { readonly scope: Scope }): readonly Outcome[] {
  const { before, after, namespace } = change;
  const { scope } = at;
  const isElsewhere = isElsewhereThan(scope, namespace);
  if (isElsewhere && flow.endpoint.local) return [];
  const seen = seenFrom(flow, change, at);
  const isHeld = isHeldBefore(flow, before, seen);
  if (isHeld && isSpared(change)) return [HOLDS];
  const whole = required(flow, after, seen);
  if (!whole) return [];
  const questions = (): readonly Flow[] => questionsOf(whole, isElsewhere ? namespace : undefined).filter((question) => isConcerned(flow, question, { change, scope }));
  return isHeld ? lost(flow, change, { questions, ...at, whole }) : eachRegression(flow, change, { questions, ...at });
}

interface Asking extends At {
  readonly questions: () => readonly Flow[];
}

/** What held for every pod is broken by a change of policies iff it does not hold after it; it need not be asked where the change can take nothing from it. */
function lost(flow: FlowSpec, change: Change, { whole, ...asking }: Asking & { readonly whole: Flow }): readonly Outcome[] {
  const losses = lossesIn(change);
  if (losses && (!mayLose(losses, whole) || asking.known.isProven(change.after, whole))) return [HOLDS];
  return eachRegression(flow, change, asking);
}

function eachRegression(flow: FlowSpec, change: Change, { context, known, questions }: Asking): readonly Outcome[] {
  const { before, after } = change;
  const losses = lossesIn(change);
  const kept: Flow[] = [];
  const lost = questions().flatMap((question): readonly Outcome[] => {
    const proof = losses && !mayLose(losses, question) ? "kept" : regression(before, after, { flow: question, context });
    // No steps: nothing that decides about this flow has changed.
    if (proof !== "kept" && proof.answer === "proven" && proof.steps === 0) return [];
    if (proof !== "kept" && proof.answer !== "proven") return [outcome(flow, proof, { snapshot: after, before, question, context })];
    kept.push(question);
    return [];
  });
  return [...lost, ...brokenBefore(flow, kept, { snapshot: after, context, known })];
}

const losses = new Memory<Change, Losses | "unknown">();

/** What the policies of the change may take away, worked out once for all flows. */
function lossesIn(change: Change): Losses | undefined {
  let known = losses.get(change);
  if (known === undefined) losses.set(change, (known = (change.touches === "policy" && change.namespace !== undefined ? lossesOf(change.before, change.after, change.namespace) : undefined) ?? "unknown"));
  return known === "unknown" ? undefined : known;
}

/** "Endpoints broken before and after are warned about when the change touches an end of that flow": by the first of them. */
function brokenBefore(flow: FlowSpec, questions: readonly Flow[], { snapshot, context, known }: At & Pick<Asked, "snapshot">): readonly Outcome[] {
  for (const question of questions) {
    if (known.isProven(snapshot, question)) continue;
    const standing = outcome(flow, holds(snapshot, question, context), { snapshot, question, context });
    if (standing.outcome === "broken") return [{ ...standing, outcome: "broken-before" }];
  }
  return [];
}

/**
 * A flow without alternatives is asked peer by peer, so that "one odd endpoint for which it was broken already must not
 * wave later outages through". `only`: a change in another namespace than the scope's concerns only the peers there.
 */
function questionsOf(whole: Flow, only: string | undefined): readonly Flow[] {
  const [target, ...others] = whole.anyOf;
  if (!target || others.length > 0) return [whole];
  return target.peers.filter((peer) => only === undefined || namespaceOf(peer) === only).map((peer) => ({ ...whole, anyOf: [{ ...target, peers: [peer] }] }));
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

function podOutcome(flow: FlowSpec, snapshot: Snapshot, { pod, context, known }: At & { readonly pod: Pod }): readonly Outcome[] {
  const namespace = snapshot.namespace(pod.namespace);
  if (!isLive(pod) || !flow.namespaces.includes(namespace) || !flow.pods.matches(pod.labels)) return [];
  if (snapshot.pod(pod.namespace, pod.name) === pod && isProven(flow, snapshot, { context, known, scope: namespace })) return [HOLDS];
  const question = required(flow, snapshot, { scope: namespace });
  if (!question) return [];
  return [outcome(flow, holdsForPod(snapshot, question, { pod, context }), { snapshot, question, context })];
}

/**
 * Where pods of its namespace are nobody's peers, a pod that comes changes nothing that a proof rests on but the likeness of its namespace
 * (`StandingFlow`): one of each sort is asked about for each state.
 */
function isForeseen(flow: FlowSpec, { before, after }: Change, { pod, ofNamespace, at }: { readonly pod: Pod; readonly ofNamespace: boolean; readonly at: Regarding }): boolean {
  const { endpoint, namespaces, pods, existingOnly } = flow;
  const scope = after.namespace(pod.namespace);
  if (!namespaces.includes(scope) || (!ofNamespace && !pods.matches(pod.labels))) return true;
  if (existingOnly || before.clusterPolicies.size > 0 || endpoint.local || endpoint.hosts(before, scope.name)) return false;
  const known = entry(at.foreseen, before, () => new Map<string, boolean>());
  if (known.size > MAX_SORTS) known.clear();
  return entry(known, `${scope.name} ${likenessOf(after, scope.name).number}`, () => isProven(flow, after, { scope, ...at }));
}

/** Whoever makes up ports must not fill the memory. */
const MAX_SORTS = 1_000;

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
    fix: () => fixFlow(snapshot, question, { name: flow.what, context }),
    ...(affected && { affected }),
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
