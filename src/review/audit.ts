import { isLive, type Namespace, type Pod } from "../model/endpoint.js";
import { kindKey, refOf, type KubeObject } from "../model/kubernetes.js";
import { formatProblem, type Problem } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Violation } from "../model/violation.js";
import { packsIn, type CompiledRule } from "../packs/compile.js";
import type { Change, Finding, Outcome } from "../rules/rule.js";
import { standingChange } from "./change.js";
import { judgeDerived } from "./derived.js";
import { exceptionsFor } from "./exceptions.js";
import { applyExemptions } from "./exemptions.js";
import { fromEach, fromErrors, fromOutcomes, joinVerdicts, NO_VERDICTS, objectOf, scopeOf, type Excepting, type Verdicts } from "./findings.js";
import { requestOf, requestsFor, userInfo } from "./proposed.js";
import { answeredFor, guarded, inOrder, judgeObject, unreadablePart, withFixes, withParams, type ReviewContext } from "./review.js";

/** What a whole cluster breaks. */
export interface Audit {
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  /** Why something could not be looked at; none: the audit is complete. */
  readonly reasons: readonly string[];
  /** Objects that were looked at. */
  readonly checked: number;
}

export interface AuditOptions {
  progress?(done: number, total: number): void;
  /** Only these, and nothing cluster-scoped. */
  readonly namespaces?: ReadonlySet<string>;
}

/**
 * Every rule on everything that stands, by the evaluator, the exceptions and the texts of admission. What must always hold is asked
 * of each namespace, for every pod it has or could have. Objects are asked about as if they were written now, by nobody in
 * particular: policies, pods (and the template of a workload that has none) and custom resources as if created, namespaces as if
 * written again.
 */
export function audit({ snapshot, packs: inForce, now }: ReviewContext, { progress, namespaces: only }: AuditOptions = {}): Audit {
  const packs = packsIn(inForce, snapshot);
  const context: ReviewContext = { snapshot, packs, now };
  const auditor = new Auditor(context);
  const namespaces = [...snapshot.namespaces.values()].filter(({ namespace }) => only?.has(namespace.name) ?? true);
  let pods = 0;
  for (const [i, state] of namespaces.entries()) {
    progress?.(i, namespaces.length);
    if (state.namespace.terminating) continue;
    auditor.namespace(state.namespace);
    for (const { object, problems } of state.policies.values()) auditor.policy(object, problems);
    for (const pod of state.pods.values()) auditor.pod(pod);
    pods += state.pods.size + state.policies.size;
  }
  for (const { object, problems } of only ? [] : snapshot.clusterPolicies.values()) auditor.policy(object, problems);
  const others = only ? [] : [...snapshot.objects].flatMap(([kind, objects]) => [...objects.values()].map((object) => ({ kind, object })));
  const watched = new Set(packs.watches.map(kindKey));
  for (const { kind, object } of others) auditor.other(object, watched.has(kind));
  const { violations, warnings, errors } = auditor.verdicts();
  return {
    violations: inOrder(violations),
    warnings: [...new Set(warnings.filter((text) => !auditor.unproven.has(text)))],
    reasons: [...new Set([...unsetPeers(context), ...auditor.unproven, ...errors.map(formatProblem)])],
    checked: namespaces.length + pods + snapshot.clusterPolicies.size + auditor.others,
  };
}

/** "A flow whose peer is unset is not checked; every report says so." Where no namespace is a subject there is nothing to check. */
function unsetPeers({ snapshot, packs }: ReviewContext): readonly string[] {
  const asked = packs.rules.filter(({ behaviour: { protect } }) => protect?.peers && protect.allScopes(snapshot).length > 0);
  return asked.flatMap(({ id, behaviour }) => (behaviour.protect?.peers?.(snapshot) ?? []).filter(({ peers }) => peers.length === 0).map(({ what }) => `[${id}] ${what}: not checked, no peer is known`));
}

/** Fixes are worked out for the first violations; past them, \`sluice fix\` prints one. */
const FIXED = 20;

class Auditor {
  readonly unproven = new Set<string>();
  others = 0;
  private readonly context: ReviewContext;
  private readonly found: Verdicts[] = [];
  private readonly protections: readonly CompiledRule[];
  private readonly objectRules: readonly CompiledRule[];
  private readonly podRules: readonly CompiledRule[];
  private fixes = 0;

  constructor(context: ReviewContext) {
    this.context = context;
    const { rules } = context.packs;
    this.protections = rules.filter(({ behaviour }) => behaviour.protect);
    this.objectRules = rules.filter(({ behaviour: { judge, derive } }) => judge ?? derive);
    this.podRules = rules.filter(({ entry, behaviour: { judge, mutate } }) => (judge ?? mutate) && (entry.match?.kinds?.includes("Pod") ?? true));
  }

  verdicts(): Verdicts {
    return joinVerdicts(this.found);
  }

  namespace(namespace: Namespace): void {
    const object: KubeObject = namespace.object ?? { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace.name, labels: namespace.labels } };
    const change = this.standing(object, object);
    const excepting = this.excepting(change);
    const standing = this.protections.map((rule) => guarded(rule, { change, excepting }, () => this.holds(rule, namespace, { change, excepting })));
    this.add([...standing, ...this.objectVerdicts(this.objectRules, change)], change);
  }

  private holds(rule: CompiledRule, namespace: Namespace, { change, excepting }: { readonly change: Change; readonly excepting: Excepting }): Verdicts {
    const outcomes = rule.behaviour.protect?.standing(this.context.snapshot, namespace) ?? [];
    for (const outcome of outcomes) if (outcome.outcome === "unproven") this.unproven.add(`[${rule.id}] ${outcome.message}`);
    const as = { object: objectOf(change), action: rule.entry.enforcementAction, excepting };
    return fromOutcomes(rule, outcomes.map((outcome) => ({ ...this.sparing(outcome), scope: namespace.name })), as);
  }

  private sparing(outcome: Outcome): Outcome {
    if (outcome.outcome !== "broken" || this.fixes++ < FIXED) return outcome;
    const { fix: _none, ...finding } = outcome.finding;
    return { ...outcome, finding };
  }

  policy(object: KubeObject, problems: readonly Problem[]): void {
    const change = this.standing(object);
    const { granted, lapsed } = this.excepting(change)("sluice/readable", change.namespace);
    const unread = problems.map((problem): Violation => ({ ...unreadablePart(problem, change), ...answeredFor(granted) }));
    this.add([{ violations: unread, warnings: unread.length > 0 ? lapsed : [], errors: [] }, ...this.objectVerdicts(this.objectRules, change)], change);
  }

  /** Pods that run; what a mutation would give them now, they lack. */
  pod({ object, finished, ...pod }: Pod): void {
    if (!object || finished || this.podRules.length === 0) return;
    const change = standingChange(requestOf({ ...object, metadata: { ...object.metadata, namespace: pod.namespace } }, CONTROLLER), this.context.snapshot, this.context.packs);
    this.add(this.objectVerdicts(this.podRules, change), change);
    if (isLive({ ...pod, finished })) this.add(this.podRules.map((rule) => this.lacking(rule, change)), change);
  }

  private lacking(rule: CompiledRule, change: Change): Verdicts {
    const applies = rule.behaviour.mutate ? rule.applies(change) : undefined;
    const operations = applies?.ok && applies.value ? rule.behaviour.mutate?.(withParams(change, rule)) : undefined;
    if (!operations?.ok || operations.value.length === 0) return NO_VERDICTS;
    const findings = operations.value.map(({ path, value }): Finding => ({ message: `the pod runs without \`${path}\`, which it would be given today (${JSON.stringify(value)})`, policies: [], ...scopeOf(change) }));
    return fromEach(rule, findings, { object: objectOf(change), action: rule.entry.enforcementAction, excepting: this.excepting(change) });
  }

  /** Custom resources that the packs ask for; of a workload without pods, the pod of its template. */
  other(object: KubeObject, watched: boolean): void {
    const { snapshot, packs } = this.context;
    if (watched) {
      const change = this.standing(object);
      this.add(this.objectVerdicts(this.objectRules, change), change);
    }
    const template = this.podRules.length > 0 ? requestsFor(object, snapshot, CONTROLLER).find((proposed) => proposed.template) : undefined;
    const owned = template && hasPods(object, snapshot);
    if (template && !owned) {
      const change = standingChange(template.request, snapshot, packs);
      const about = refOf(object);
      this.add(this.objectVerdicts(this.podRules, change).map((verdicts) => ({ ...verdicts, violations: verdicts.violations.map((violation) => ({ ...violation, object: about, path: "spec.template" })) })), change);
    }
    if (watched || template) this.others++;
  }

  private standing(object: KubeObject, oldObject?: KubeObject): Change {
    return standingChange(requestOf(object, userInfo(undefined), oldObject), this.context.snapshot, this.context.packs);
  }

  private excepting(change: Change): Excepting {
    return exceptionsFor(change, this.context.packs, this.context.now);
  }

  private objectVerdicts(rules: readonly CompiledRule[], change: Change): readonly Verdicts[] {
    const excepting = this.excepting(change);
    const { packs } = this.context;
    return rules.map((rule) => {
      const applies = rule.applies(change);
      if (!applies.ok) return fromErrors(rule, applies.problems, { object: objectOf(change), excepting, ...scopeOf(change) });
      return applies.value ? guarded(rule, { change, excepting }, () => joinVerdicts([judgeObject(rule, change, excepting), judgeDerived(rule, change, { packs, excepting })])) : NO_VERDICTS;
    });
  }

  private add(verdicts: readonly Verdicts[], change: Change): void {
    const found = verdicts.filter(({ violations, warnings, errors }) => violations.length > 0 || warnings.length > 0 || errors.length > 0);
    if (found.length > 0) this.found.push(withFixes(applyExemptions(joinVerdicts(found), change, this.context.packs), change, this.context.packs));
  }
}

const CONTROLLER = userInfo("system:serviceaccount:kube-system:replicaset-controller");

/** Does a pod of the state belong to this workload, or to one that it made? */
function hasPods({ metadata: { name = "", namespace = "default" } }: KubeObject, snapshot: Snapshot): boolean {
  const pods = [...(snapshot.namespaces.get(namespace)?.pods.values() ?? [])];
  return pods.some(({ owner }) => owner !== undefined && (owner.name === name || owner.name.startsWith(`${name}-`)));
}
