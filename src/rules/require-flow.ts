import { describeCounterexample } from "../engine/describe.js";
import { affectedRunning, holds, holdsForPod, regression, type ProofContext } from "../engine/prove.js";
import { blamed, type Flow, type Proof } from "../engine/question.js";
import { isLive, type Pod } from "../model/endpoint.js";
import { isRecord, nameKey } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { EnforcementAction } from "../model/violation.js";
import type { LabelBox } from "../sets/label-box.js";
import { ENDPOINT_SCHEMA, type EndpointSelector } from "./endpoint-selector.js";
import { scopesOfSubject } from "./flow-selector.js";
import { NAMESPACE_SCHEMA, type NamespaceSelector } from "./namespace-selector.js";
import type { Change, Check, CompileScope, Finding, Outcome, Protection, Scope } from "./rule.js";

const FLOW_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["what", "subject"],
  oneOf: [{ required: ["egressTo"] }, { required: ["ingressFrom"] }],
  properties: {
    what: { type: "string", description: "the traffic in words, for messages: `DNS`, `the registry`" },
    when: { type: "string", description: "CEL over params and profile; the flow is required only where it is true" },
    subject: {
      type: "object",
      additionalProperties: false,
      required: ["namespaces"],
      properties: { namespaces: { oneOf: [{ type: "string" }, NAMESPACE_SCHEMA] }, matchLabels: { type: "object" }, matchExpressions: { type: "array" } },
    },
    egressTo: { oneOf: [{ type: "string" }, ENDPOINT_SCHEMA] },
    ingressFrom: { oneOf: [{ type: "string" }, ENDPOINT_SCHEMA] },
    enforcementAction: { enum: ["deny", "warn", "dryrun", "off"] },
    protects: { enum: ["AllPods", "ExistingPods"], description: "also pods not created yet (default), or running pods only" },
  },
} as const;

const JUDGES = { enum: ["pod", "namespace"], description: "what a pod that is created is held for: a flow of its own (default), or of any pod its namespace could have" } as const;

/** "Every pod of the subject may reach (or be reached by) the endpoint", at both ends, in one of its alternatives in full. */
export const requireFlow = {
  id: "require-flow",
  schema: { type: "object", additionalProperties: false, required: ["flows"], properties: { judges: JUDGES, flows: { type: "array", minItems: 1, items: FLOW_SCHEMA } } },
  compile(spec, scope, path) {
    const flows = Array.isArray(spec.flows) ? spec.flows : [];
    const compiled = flows.map((flow: unknown, i) => compileFlow(flow, scope, `${path}.flows[${i}]`));
    const problems = compiled.flatMap((flow) => (flow.ok ? [] : flow.problems));
    if (problems.length > 0) return failed(...problems);
    const protect = join(compiled.flatMap((flow) => (flow.ok && flow.value ? [protection(flow.value, scope)] : [])));
    const forPod: Protection["forPod"] = (snapshot, pod) => protect.standing(snapshot, snapshot.namespace(pod.namespace));
    return ok({ protect: spec.judges === "namespace" ? { ...protect, forPod } : protect });
  },
} satisfies Check;

interface FlowSpec {
  readonly what: string;
  readonly namespaces: NamespaceSelector;
  readonly pods: LabelBox;
  readonly direction: Direction;
  readonly endpoint: EndpointSelector;
  readonly action: EnforcementAction | undefined;
  readonly existingOnly: boolean;
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

/** Several flows are one rule: each is asked, each answers. */
function join(parts: readonly Protection[]): Protection {
  return {
    scopes: (change) => uniqueScopes(parts.flatMap((part) => part.scopes(change))),
    allScopes: (snapshot) => uniqueScopes(parts.flatMap((part) => part.allScopes(snapshot))),
    regression: (change, scope) => parts.flatMap((part) => part.regression(change, scope)),
    standing: (snapshot, scope) => parts.flatMap((part) => part.standing(snapshot, scope)),
    forPod: (snapshot, pod) => parts.flatMap((part) => part.forPod(snapshot, pod)),
  };
}

function uniqueScopes(scopes: readonly Scope[]): Scope[] {
  return [...new Map(scopes.map((scope) => ["future" in scope ? `future ${scope.future.key}` : scope.name, scope])).values()];
}

function protection(flow: FlowSpec, { engine, budget }: CompileScope): Protection {
  const context: ProofContext = { profile: engine, budget };
  const covers = (scope: Scope): boolean => ("future" in scope ? flow.namespaces.future.some((box) => box.key === scope.future.key) : flow.namespaces.includes(scope));
  return {
    scopes: (change) => scopesOfSubject(change, flow.namespaces, (namespace) => flow.endpoint.hosts(change.after, namespace) || flow.endpoint.hosts(change.before, namespace)),
    allScopes: (snapshot) => [...snapshot.namespaces.values()].map((state) => state.namespace).filter(covers),
    regression: (change, scope) => (covers(scope) ? regressions(flow, change, { scope, context }) : []),
    standing: (snapshot, scope) => {
      const question = covers(scope) ? questionOf(flow, snapshot, scope) : undefined;
      return question ? [outcome(flow, holds(snapshot, question, context), { snapshot, question, context })] : [];
    },
    forPod: (snapshot, pod) => podOutcome(flow, snapshot, { pod, context }),
  };
}

/** The flow on a snapshot, seen from one scope; undefined when its peer is unset there. */
function questionOf(flow: FlowSpec, snapshot: Snapshot, scope: Scope): Flow | undefined {
  const anyOf = flow.endpoint.resolve(snapshot, scope);
  if (anyOf.length === 0) return undefined;
  return { subject: { namespace: scope, pods: flow.pods, ports: [] }, direction: flow.direction, anyOf };
}

interface Asked {
  readonly snapshot: Snapshot;
  readonly before?: Snapshot;
  readonly question: Flow;
  readonly context: ProofContext;
}

function regressions(flow: FlowSpec, change: Change, { scope, context }: { readonly scope: Scope; readonly context: ProofContext }): readonly Outcome[] {
  const { before, after } = change;
  const question = questionOf(flow, after, scope);
  if (!question) return [];
  return [outcome(flow, regression(before, after, { flow: question, context }), { snapshot: after, before, question, context })];
}

function podOutcome(flow: FlowSpec, snapshot: Snapshot, { pod, context }: { readonly pod: Pod; readonly context: ProofContext }): readonly Outcome[] {
  const namespace = snapshot.namespace(pod.namespace);
  if (!isLive(pod) || !flow.namespaces.includes(namespace) || !flow.pods.matches(pod.labels)) return [];
  const question = questionOf(flow, snapshot, namespace);
  if (!question) return [];
  return [outcome(flow, holdsForPod(snapshot, question, { pod, context }), { snapshot, question, context })];
}

function outcome(flow: FlowSpec, proof: Proof, asked: Asked): Outcome {
  if (proof.answer === "proven") return { outcome: "holds" };
  const { namespace } = asked.question.subject;
  const where = "future" in namespace ? "namespaces that do not exist yet" : `namespace \`${namespace.name}\``;
  if (proof.answer === "not-proven") return { outcome: "unproven", message: `${flow.what} of ${where} could not be proven within the step budget` };
  return { outcome: "broken", finding: finding(flow, proof, { ...asked, where }) };
}

function finding(flow: FlowSpec, proof: Extract<Proof, { answer: "counterexample" }>, { snapshot, before, question, context, where }: Asked & { readonly where: string }): Finding {
  const { counterexample } = proof;
  const verdict = counterexample.connection?.verdict;
  const runningPods = affectedRunning(before, snapshot, { flow: question, context });
  const broken = before ? "breaks" : "does not hold";
  return {
    message: `${flow.what} ${broken} for pods of ${where}`,
    counterexample: describeCounterexample(counterexample),
    policies: verdict ? [...new Set(blamed(verdict).map((policy) => nameKey(policy.ref)))] : [],
    ...(runningPods === undefined ? {} : { runningPods }),
    ...(flow.action ? { action: flow.action } : {}),
  };
}
