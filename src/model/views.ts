import type { AuditPoint, AuditState, StandingViolation } from "./audit.js";
import type { KubeObject, ObjectRef } from "./kubernetes.js";
import type { Direction } from "./policy.js";
import type { Violation } from "./violation.js";

/** What the console shows, as plain JSON: answers of its API, made by `views/`. */

/** How many of the pods behind a node some policy isolates in a direction. */
export type Isolation = "all" | "some" | "none";

/** Something that traffic comes from or goes to. */
export interface GraphNode {
  /** Unique in its graph. */
  readonly id: string;
  readonly kind: "namespace" | "workload" | "external" | "ingress-controller";
  readonly label: string;
  /** The namespace that a workload lies in. */
  readonly namespace?: string;
  readonly pods: number;
  /** More than one: a namespace, or workloads that are the same to every policy. */
  readonly workloads: number;
  readonly isolated: Readonly<Record<Direction, Isolation>>;
  /** Names behind it, for a node that stands for several: workloads, ranges of addresses. */
  readonly members: readonly string[];
}

/** Traffic that can pass from one node to another. */
export interface GraphEdge {
  readonly from: string;
  readonly to: string;
  /** `All Connections`, or protocols with their ports. */
  readonly ports: string;
  /** No policy isolates either end against it: it passes because nobody said anything. */
  readonly open: boolean;
}

export interface GraphView {
  readonly nodes: readonly GraphNode[];
  readonly edges: readonly GraphEdge[];
  readonly total: { readonly namespaces: number; readonly workloads: number; readonly pods: number; readonly policies: number };
  /** Namespaces, workloads of unfolded ones, and groups of addresses that are not among the nodes. */
  readonly left: number;
}

/** One line of the list of namespaces. */
export interface NamespaceRow {
  readonly name: string;
  readonly pods: number;
  readonly workloads: number;
  readonly policies: number;
  readonly isolated: Readonly<Record<Direction, Isolation>>;
  readonly exempt: boolean;
}

/** `sluice explain`, in parts and as it prints it. */
export interface ExplanationView {
  readonly src: string;
  readonly dst: string;
  /** `TCP 5432`. */
  readonly traffic: string;
  readonly allowed: boolean;
  readonly ends: readonly EndView[];
  readonly text: string;
}

/** Whether one end can reach another, on what, and why or why not. */
export interface ReachView {
  readonly src: string;
  readonly dst: string;
  /** All that passes. */
  readonly ports: string;
  readonly answers: readonly ExplanationView[];
}

/** One end of a connection: egress at the source, ingress at the destination. */
export interface EndView {
  readonly direction: Direction;
  readonly who: string;
  readonly allowed: boolean;
  readonly reason: string;
  /** Further sentences: the specification leaves it open, or more than addresses and ports decides. */
  readonly remarks: readonly string[];
  readonly policies: readonly PolicyNoteView[];
}

/** A policy that has a say at an end. */
export interface PolicyNoteView {
  readonly policy: ObjectRef;
  /** The rule that decided, by path. */
  readonly rule?: string;
  /** Why each rule that did not decide did not. */
  readonly notes: readonly string[];
}

/** A policy in words. */
export interface PolicyView {
  readonly policy: ObjectRef;
  readonly subject: string;
  readonly sentences: readonly string[];
  /** Parts that could not be read. */
  readonly problems: readonly string[];
}

/** Whether something that rules ask for holds. */
export interface StandingView {
  readonly rule: string;
  readonly description: string;
  readonly baseline: boolean;
  readonly action: string;
  readonly outcome: "holds" | "broken" | "unproven";
  readonly messages: readonly string[];
  /** What it asks for and of whom, for required and forbidden flows. */
  readonly flows: readonly { readonly what: string; readonly peers: readonly string[] }[];
}

/** Who reaches a workload from outside of its namespace, or whom it reaches there, on the same ports. */
export interface ExposureRow {
  readonly workload: string;
  readonly ports: string;
  /** Namespaces, and addresses of nobody in the cluster: the first of them. */
  readonly peers: readonly string[];
  readonly more: number;
}

export interface NamespaceView {
  readonly name: string;
  readonly labels: Readonly<Record<string, string>>;
  readonly exempt: boolean;
  readonly pods: number;
  readonly workloads: readonly string[];
  readonly isolated: Readonly<Record<Direction, Isolation>>;
  readonly standing: readonly StandingView[];
  readonly policies: readonly PolicyView[];
  readonly incoming: Cut<ExposureRow>;
  readonly outgoing: Cut<ExposureRow>;
  readonly exceptions: readonly ExceptionView[];
}

/** The first rows of a list that may be long. */
export interface Cut<T> {
  readonly rows: readonly T[];
  readonly total: number;
}

export interface RuleView {
  readonly id: string;
  readonly pack: string;
  readonly check: string;
  readonly action: string;
  readonly severity: string;
  readonly description: string;
}

export interface ExceptionView {
  readonly name: string;
  readonly state: string;
  readonly owner: string;
  readonly reason: string;
  readonly expires: string;
  readonly covers: string;
  readonly problems: readonly string[];
}

export interface PacksView {
  readonly digest: string;
  readonly rules: readonly RuleView[];
  readonly exceptions: readonly ExceptionView[];
  readonly profile: readonly { readonly name: string; readonly value: string }[];
  readonly parameters: readonly { readonly pack: string; readonly name: string; readonly value: string }[];
  /** Parts whose last good state is in force, and what is ignored. */
  readonly problems: readonly string[];
}

/** A decision, without anything of the objects' content. */
export interface DecisionRow {
  /** Counts from 1 since the server started. */
  readonly number: number;
  /** ISO 8601. */
  readonly time: string;
  readonly allowed: boolean;
  readonly route: string;
  readonly operation: string;
  readonly kind: string;
  readonly name: string;
  readonly user: string;
  readonly dryRun: boolean;
  /** `pack/rule=action`. */
  readonly rules: readonly string[];
  readonly messages: readonly string[];
  readonly milliseconds: number;
}

export interface DecisionsView {
  readonly rows: readonly DecisionRow[];
  /** The number of the newest. */
  readonly last: number;
}

/** Changes to try: objects that are written, and objects that are deleted. */
export interface Trial {
  readonly apply: readonly KubeObject[];
  readonly remove: readonly ObjectRef[];
}

/** Traffic that a trial opens, closes or changes. */
export interface TrafficChange {
  readonly type: "added" | "removed" | "changed";
  readonly src: string;
  readonly dst: string;
  readonly old: string;
  readonly new: string;
}

export interface TrialView {
  readonly allowed: boolean;
  readonly violations: readonly Violation[];
  readonly warnings: readonly string[];
  readonly changes: Cut<TrafficChange>;
  readonly policies: readonly PolicyView[];
  /** What makes it pass, as YAML; absent where nothing is refused or nothing is known to help. */
  readonly fix?: string;
}

/** What continuous audit found, the first of it, and how it was over time. */
export interface AuditPage {
  /** Absent until everything was looked at once. */
  readonly current?: Omit<AuditState, "violations" | "newlyBroken" | "wouldDeny"> & {
    readonly violations: Cut<StandingViolation>;
    readonly newlyBroken: Cut<StandingViolation>;
    readonly wouldDeny: number;
  };
  readonly history: readonly AuditPoint[];
}

/** What is guarded. */
export interface AboutView {
  readonly version: string;
  readonly source: string;
  /** Counts the changes of the state and of the packs: pages ask again when it is another one. */
  readonly state: string;
  readonly ready: boolean;
}
