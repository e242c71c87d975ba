import type { KubeObject, ObjectRef } from "./kubernetes.js";

/** What happens when a rule is broken: refuse, admit with a warning, only count, or nothing. */
export type EnforcementAction = "deny" | "warn" | "dryrun" | "off";

/** How much a violation matters, for reports; what it does is its action. */
export type Severity = "low" | "medium" | "high" | "critical";

const STRENGTH: readonly EnforcementAction[] = ["off", "dryrun", "warn", "deny"];

/** The one of two that does less. */
export function milder(a: EnforcementAction, b: EnforcementAction): EnforcementAction {
  return STRENGTH.indexOf(a) < STRENGTH.indexOf(b) ? a : b;
}

/** What a violation that an exception covers still does. */
export function exceptedAction({ becomes }: GrantedException, action: EnforcementAction): EnforcementAction {
  return milder(becomes ?? "warn", action);
}

/** A change that makes a violated rule hold again, proven by the same engine. */
export interface VerifiedFix {
  /** Objects to apply, as a person would write them. */
  readonly apply: readonly KubeObject[];
  /** Objects to delete. */
  readonly remove: readonly ObjectRef[];
}

/** One broken rule, with what was confirmed about it. Texts follow the wording rules (lower case, no full stop, user input in backticks). */
export interface Violation {
  readonly pack: string;
  readonly rule: string;
  readonly action: Exclude<EnforcementAction, "off">;
  readonly severity?: Severity;
  /** What breaks, in one line. */
  readonly message: string;
  /** The object the violation is reported on. */
  readonly object: ObjectRef;
  /** JSON path in that object, when one part is to blame. */
  readonly path?: string;
  /** The confirmed counterexample in words: who, to whom, on which port. */
  readonly counterexample?: string;
  /** Policies that decide the denial, as `namespace/name`. */
  readonly policies: readonly string[];
  /** Namespaces that the counterexample's ends lie in: what a consistent read has to look at. */
  readonly namespaces?: readonly string[];
  /** How many running pods are affected; absent when the rule is not about pods. */
  readonly runningPods?: number;
  readonly fix?: VerifiedFix;
  /** What the fix is for: the state after the object was written, or deleted. */
  readonly fixAfter?: "write" | "delete";
  readonly remediation?: string;
  readonly link?: string;
  /** Why it is no refusal: somebody answers for it until then. */
  readonly exception?: GrantedException;
  /** It is no refusal only because mode `audit` lets it pass. */
  readonly wouldDeny?: true;
}

/** What a violation tells of the exception that covers it. */
export interface GrantedException {
  readonly name: string;
  readonly owner: string;
  /** Its last day or its end, as written. */
  readonly expires: string;
  /** The most that the violation does; `warn` when absent. */
  readonly becomes?: "dryrun";
}

/** `excepted by \`x\` of owner until 2027-01-31`. */
export function exceptionText({ name, owner, expires }: GrantedException): string {
  return `excepted by \`${name}\` of ${owner} until ${expires}`;
}

/** `pack/rule`, as messages, exceptions and metrics name it. */
export function ruleId(violation: Pick<Violation, "pack" | "rule">): string {
  return `${violation.pack}/${violation.rule}`;
}

/** The namespace that a violation belongs to: that of its object, or the object itself; undefined for none. */
export function placeOf({ object }: Pick<Violation, "object">): string | undefined {
  return object.group === "" && object.kind === "Namespace" ? object.name : object.namespace;
}
