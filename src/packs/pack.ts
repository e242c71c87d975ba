import type { EnforcementAction, Severity } from "../model/violation.js";
import type { Operation } from "../model/admission.js";
import type { KubeObject } from "../model/kubernetes.js";

/** Who asks: admission (`serve`, `review`), a report on what is there (`audit`), or `check`. */
export type EnforcementPoint = "webhook" | "audit" | "check";

/** `kind: RulePack` after its schema was checked and its parameters were put in. */
export interface RulePack {
  readonly name: string;
  readonly spec: RulePackSpec;
}

export interface RulePackSpec {
  /** false: only there for other packs to extend. */
  readonly inForce: boolean;
  readonly description?: string;
  readonly failureMode: "Deny" | "Allow";
  readonly unproven: "warn" | "deny";
  readonly link?: string;
  /** monotonic: a change that takes something away is refused unless it is approved. */
  readonly rollout: "free" | "monotonic";
  readonly parameters: Readonly<Record<string, Parameter>>;
  readonly exemptNamespaces: readonly string[];
  readonly namespaces: Readonly<Record<string, unknown>>;
  readonly endpoints: Readonly<Record<string, unknown>>;
  readonly baselines: Readonly<Record<string, Baseline>>;
  readonly watches: readonly WatchedKind[];
  readonly detects: readonly Detection[];
  readonly rules: readonly RuleEntry[];
  readonly exemptions: readonly ExemptionEntry[];
  readonly provisions: readonly ProvisionEntry[];
}

/** A typed parameter: JSON Schema keywords, a default, a sentence. */
export interface Parameter {
  readonly type: "string" | "boolean" | "integer" | "array";
  readonly default: unknown;
  readonly description: string;
  readonly [keyword: string]: unknown;
}

export interface Baseline {
  readonly description: string;
  /** In the order in which they are to be written: allowances first. */
  readonly policies: readonly KubeObject[];
}

export interface WatchedKind {
  readonly group: string;
  readonly version: string;
  readonly kind: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly namespaced: boolean;
}

/** What an object of the cluster tells of the profile: a switch that nobody set has this value while the object exists. */
export interface Detection {
  readonly switch: string;
  readonly value: unknown;
  readonly exists: { readonly group: string; readonly kind: string; readonly namespace?: string; readonly name: string };
}

export interface Match {
  readonly kinds?: readonly string[];
  readonly operations?: readonly Operation[];
  readonly namespaces?: unknown;
  /** CEL over the request; all must be true. */
  readonly conditions?: readonly string[];
}

export interface RuleEntry {
  readonly id: string;
  readonly check: string;
  readonly description?: string;
  readonly enforcementAction: EnforcementAction;
  /** What it does instead where it is asked otherwise. */
  readonly enforcement?: Readonly<Partial<Record<EnforcementPoint, EnforcementAction>>>;
  readonly severity?: Severity;
  /** Said before what was found. */
  readonly message?: string;
  /** CEL over params and profile: the rule is in force only where it is true. */
  readonly when?: string;
  readonly match?: Match;
  /** What happens to a pod that is created while the rule does not hold for it (or for its namespace). Absent: nothing. */
  readonly hold?: EnforcementAction;
  /** The rule is part of what makes a namespace's baseline: while one of them does not hold and no pod runs, it is being set up. */
  readonly baseline?: boolean;
  /** A namespace that is being set up gets a warning instead (admission.md, network policies). */
  readonly lenientWhileSettingUp?: boolean;
  readonly remediation?: string;
  readonly link?: string;
  readonly with: Readonly<Record<string, unknown>>;
}

export interface ExemptionEntry {
  /** Rule ids `pack/rule`; `*` stands for any text. */
  readonly rules: readonly string[];
  /** off: the rule is not asked; warn: a violation becomes a warning; note: only the note is added. */
  readonly becomes: "off" | "warn" | "note";
  readonly match: Match;
  readonly note?: string;
}

/** Namespaces that are given the policies of a baseline when they are created, instead of only being held to it. */
export interface ProvisionEntry {
  readonly baseline: string;
  /** CEL over params and profile: in force only where it is true. */
  readonly when?: string;
  readonly match: Match;
  /** Namespaces that are older than Sluice too, unless a running pod would be cut off. They are matched as if nobody in particular had made them. */
  readonly existing: boolean;
  /** What is deleted of the policies that Sluice wrote is written again. */
  readonly restore: boolean;
}
