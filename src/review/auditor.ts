import type { AdmissionRequest } from "../model/admission.js";
import { isLive, type Namespace, type Pod } from "../model/endpoint.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { Violation } from "../model/violation.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { CelVariables, Change, Finding, Outcome } from "../rules/rule.js";
import { standingChange } from "./change.js";
import { judgeDerived } from "./derived.js";
import { exceptionsFor } from "./exceptions.js";
import { applyExemptions } from "./exemptions.js";
import { fromEach, fromErrors, fromOutcomes, joinVerdicts, NO_VERDICTS, objectOf, scopeOf, type Excepting, type Verdicts } from "./findings.js";
import { requestOf, requestsFor, templatePath, userInfo } from "./proposed.js";
import { answeredFor, guarded, judgeObject, unreadablePart, withFixes, withoutFixes, withParams, type ReviewContext, type Told } from "./review.js";

/** Fixes are worked out for the first violations; past them, \`sluice fix\` prints one. */
const FIXED = 20;

/** What the asking so far has found. */
export interface Asked extends Told {
  /** Proofs that ended at their budget. */
  readonly unproven: readonly string[];
  /** Something of it asked about the whole cluster: any change may change it. */
  readonly wide: boolean;
}

/** Asks the rules in force about what stands on one snapshot. */
export class Auditor {
  readonly unproven = new Set<string>();
  others = 0;
  readonly protections: readonly CompiledRule[];
  private readonly context: ReviewContext;
  private found: Told[] = [];
  private wide = false;
  private readonly objectRules: readonly CompiledRule[];
  private readonly podRules: readonly CompiledRule[];
  private fixes = 0;

  /** `context.packs` are those of the state (`packsIn`). */
  constructor(context: ReviewContext) {
    this.context = context;
    const { rules } = context.packs;
    this.protections = rules.filter(({ behaviour }) => behaviour.protect);
    this.objectRules = rules.filter(({ behaviour: { judge, derive } }) => judge ?? derive);
    this.podRules = rules.filter(({ entry, behaviour: { judge, mutate } }) => (judge ?? mutate) && (entry.match?.kinds?.includes("Pod") ?? true));
  }

  verdicts(): Told {
    return joinTold(this.found);
  }

  /** What was found since the last time. */
  take(): Asked {
    const taken = { ...this.verdicts(), unproven: [...this.unproven], wide: this.wide };
    [this.found, this.wide] = [[], false];
    this.unproven.clear();
    return taken;
  }

  namespace(namespace: Namespace): void {
    const change = this.changeOf(namespace);
    this.add([...this.protections.map((rule) => this.asked(rule, namespace, change)), ...this.objectVerdicts(this.objectRules, change)], change);
  }

  /** Does what one rule protects hold in a namespace? */
  standing(rule: CompiledRule, namespace: Namespace): void {
    const change = this.changeOf(namespace);
    this.add([this.asked(rule, namespace, change)], change);
  }

  /** The Namespace as an object. */
  namespaceObject(namespace: Namespace): void {
    const change = this.changeOf(namespace);
    this.add(this.objectVerdicts(this.objectRules, change), change);
  }

  private changeOf(namespace: Namespace): Change {
    const object: KubeObject = namespace.object ?? { apiVersion: "v1", kind: "Namespace", metadata: { name: namespace.name, labels: namespace.labels } };
    return this.change(requestOf(object, userInfo(undefined), object));
  }

  private asked(rule: CompiledRule, namespace: Namespace, change: Change): Verdicts {
    const excepting = this.excepting(change);
    return guarded(rule, { change, excepting }, () => this.holds(rule, namespace, { change, excepting }));
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
    const change = this.written(object);
    const { granted, lapsed } = this.excepting(change)("sluice/readable", change.namespace);
    const unread = problems.map((problem): Violation => ({ ...unreadablePart(problem, change), ...answeredFor(granted) }));
    this.add([{ violations: unread, warnings: unread.length > 0 ? lapsed : [], errors: [] }, ...this.objectVerdicts(this.objectRules, change)], change);
  }

  /** Pods that run; what a mutation would give them now, they lack. */
  pod({ object, finished, ...pod }: Pod): void {
    if (!object || finished || this.podRules.length === 0) return;
    const change = this.change(requestOf({ ...object, metadata: { ...object.metadata, namespace: pod.namespace } }, CONTROLLER));
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
    const { snapshot } = this.context;
    if (watched) {
      const change = this.written(object);
      this.add(this.objectVerdicts(this.objectRules, change), change);
    }
    const template = this.podRules.length > 0 ? requestsFor(object, snapshot, CONTROLLER).find((proposed) => proposed.template) : undefined;
    const owned = template && hasPods(object, snapshot);
    if (template && !owned) {
      const change = this.change(template.request);
      const about = refOf(object);
      this.add(this.objectVerdicts(this.podRules, change).map((verdicts) => ({ ...verdicts, violations: verdicts.violations.map((violation) => ({ ...violation, object: about, path: templatePath(object) })) })), change);
    }
    if (watched || template) this.others++;
  }

  private written(object: KubeObject): Change {
    return this.change(requestOf(object, userInfo(undefined)));
  }

  private change(request: AdmissionRequest): Change {
    const change = standingChange(request, this.context.snapshot, this.context.packs);
    const cluster = change.cel.cluster && noticed(change.cel.cluster, () => (this.wide = true));
    return { ...change, cel: { ...change.cel, ...(cluster && { cluster }) } };
  }

  private excepting(change: Change): Excepting {
    return exceptionsFor(change, this.context.packs, this.context.now);
  }

  private objectVerdicts(rules: readonly CompiledRule[], change: Change): readonly Verdicts[] {
    const excepting = this.excepting(change);
    const { packs } = this.context;
    const onChange = (): void => void (this.wide = true);
    return rules.map((rule) => {
      const applies = rule.applies(change);
      if (!applies.ok) return fromErrors(rule, applies.problems, { object: objectOf(change), excepting, ...scopeOf(change) });
      if (applies.value && rule.behaviour.looksAround === true) this.wide = true;
      return applies.value ? guarded(rule, { change, excepting }, () => joinVerdicts([judgeObject(rule, change, excepting), judgeDerived(rule, change, { packs, excepting, onChange })])) : NO_VERDICTS;
    });
  }

  private add(verdicts: readonly Verdicts[], change: Change): void {
    const found = verdicts.filter(({ violations, warnings, errors }) => violations.length > 0 || warnings.length > 0 || errors.length > 0);
    if (found.length === 0) return;
    const { packs, fixes = true } = this.context;
    const told = applyExemptions(joinVerdicts(found), change, packs);
    this.found.push(fixes ? withFixes(told, change, packs) : withoutFixes(told));
  }
}

function joinTold(all: readonly Told[]): Told {
  return { violations: all.flatMap(({ violations }) => violations), warnings: all.flatMap(({ warnings }) => warnings), errors: all.flatMap(({ errors }) => errors) };
}

/** The same questions; `notice` is told that one was asked. */
function noticed({ allowed, isolated }: ClusterQuestions, notice: () => void): ClusterQuestions {
  return {
    // The contract of expressions has four.
    // eslint-disable-next-line max-params
    allowed: (src, dst, port, when) => {
      notice();
      return allowed(src, dst, port, when);
    },
    isolated: (pod, direction) => {
      notice();
      return isolated(pod, direction);
    },
  };
}

type ClusterQuestions = NonNullable<CelVariables["cluster"]>;

const CONTROLLER = userInfo("system:serviceaccount:kube-system:replicaset-controller");

/** Does a pod of the state belong to this workload, or to one that it made? */
function hasPods({ metadata: { name = "", namespace = "default" } }: KubeObject, snapshot: Snapshot): boolean {
  const pods = [...(snapshot.namespaces.get(namespace)?.pods.values() ?? [])];
  return pods.some(({ owner }) => owner !== undefined && (owner.name === name || owner.name.startsWith(`${name}-`)));
}
