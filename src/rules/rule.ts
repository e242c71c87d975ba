import type { CelVariables } from "../cel/expression.js";
import type { Budget } from "../proof/question.js";
import type { EngineProfile } from "../engine/verdict.js";
import type { AdmissionRequest, PatchOperation } from "../model/admission.js";
import type { Pod } from "../model/endpoint.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { Result } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import type { EnforcementAction, VerifiedFix } from "../model/violation.js";
import type { NamespaceSelector, Scope } from "./namespace-selector.js";
import type { EndpointSelector } from "./endpoint-selector.js";

export type { Scope } from "./namespace-selector.js";
export type { CelVariables, Controller } from "../cel/expression.js";

/** The contract between checks (code, one per file) and packs (data). */

/** What one request changes. `before` and `after` are equal for requests that change no fact. */
export interface Change {
  readonly request: AdmissionRequest;
  readonly before: Snapshot;
  readonly after: Snapshot;
  /** What the request is about. */
  readonly touches: "pod" | "namespace" | "policy" | "other";
  /** The namespace it lies in (for a Namespace: itself); absent for cluster-scoped objects. */
  readonly namespace?: string;
  readonly cel: CelVariables;
}

/** What a check found. The pack adds the rule's identity, action, remediation and link. */
export interface Finding {
  readonly message: string;
  readonly counterexample?: string;
  readonly policies: readonly string[];
  /** Namespaces that the counterexample's ends lie in. */
  readonly namespaces?: readonly string[];
  /** Running pods that are affected, all of one snapshot. They are counted: tens of thousands are given no names. */
  readonly affected?: readonly Pod[];
  /** What to do, where it is known better than the rule's own text. */
  readonly remediation?: string;
  /** A change after which it is proven to hold; worked out only for refusals. */
  readonly fix?: () => VerifiedFix | undefined;
  readonly path?: string;
  /** Where one part of a rule is enforced otherwise than the rule. */
  readonly action?: EnforcementAction;
  /** The namespace whose property is broken, which exceptions name; review knows it. */
  readonly scope?: string;
}

/** The answer of a protection for one scope. */
export type Outcome =
  | { readonly outcome: "holds" }
  | { readonly outcome: "broken"; readonly finding: Finding }
  /** It does not hold, and the change, which touches it, is not the reason. */
  | { readonly outcome: "broken-before"; readonly finding: Finding }
  /** The proof ended at its budget; the pack's `unproven` says what that means. */
  | { readonly outcome: "unproven"; readonly message: string };

/** What one flow of a rule is about on a snapshot. */
export interface FlowPeers {
  readonly what: string;
  /** Its alternatives in words; none: the peer is unset, and the flow is not checked. */
  readonly peers: readonly string[];
}

/** Whether one alternative of a flow is enough by itself (required), or alone keeps what it must (forbidden). */
export interface AlternativeAnswer {
  /** In its pack: `spec.rules[3].with.flows[0].egressTo.anyOf[1]`. */
  readonly path: string;
  readonly holds: boolean;
  /** One alternative that holds is enough for the flow (required); else all must (forbidden). */
  readonly enough: boolean;
}

/** A property of the cluster that must stay true. */
export interface Protection {
  /** Its flows' alternatives for every pod of the scope, each alone: what the tests of a pack cover. */
  alternatives?(snapshot: Snapshot, scope: Scope): readonly AlternativeAnswer[];
  /** The peers of its flows, as the snapshot and the profile tell them. */
  peers?(snapshot: Snapshot): readonly FlowPeers[];
  /** Could a change in a namespace of this name alter it at all? Fixed when it is compiled; absent: it could. */
  couldConcern?(namespace: string): boolean;
  /** The scopes whose property this change could alter. */
  scopes(change: Change): readonly Scope[];
  /** Those of them that need asking, where some answer for others too; absent: all. */
  askedScopes?(change: Change): readonly Scope[];
  /** Can the change take nothing from it, whatever held before? Told by looking at what changed alone; absent, or false: ask. */
  spared?(change: Change): boolean;
  /** Is nothing of it broken before the change, and can the change take nothing from it? Told by looking at what changed alone; absent, or false: ask. */
  unharmed?(change: Change): boolean;
  /** Every scope that the property is asked of, for reports. */
  allScopes(snapshot: Snapshot): readonly Scope[];
  /** Is there a pod for which it held before and does not hold after? Where the change touches it, also whether it was broken already. */
  regression(change: Change, scope: Scope): readonly Outcome[];
  /** Does it hold for every pod of the scope? */
  standing(snapshot: Snapshot, scope: Scope): readonly Outcome[];
  /** Is its standing in a scope surely what it was before a change in another namespace? Told by looking at what changed alone; absent, or false: ask. */
  keeps?(change: Change, scope: Scope): boolean;
  /** Does it read this object, other than pods, namespaces and policies? Absent: none of them. */
  reads?(object: KubeObject): boolean;
  /** Does it hold for the namespace of a new pod and so for this pod, as it does for others of its sort? Absent, or false: ask. */
  foreseen?(change: Change, pod: Pod): boolean;
  /** Does it hold for this very pod? */
  forPod(snapshot: Snapshot, pod: Pod): readonly Outcome[];
}

/** A check made ready by one pack entry. Each part is optional; a check has the parts that fit what it is about. */
export interface Behaviour {
  /** Judges the request's object alone. */
  judge?(change: Change): Result<readonly Finding[]>;
  /** What `judge` looks at where the rule's `match` names no kinds; all that Sluice is sent by default. */
  readonly about?: readonly Change["touches"][];
  /** `judge` reads more of the cluster than the object and its namespace. */
  readonly looksAround?: true;
  /** Changes the object; must be idempotent and give only operations that apply (A10). */
  mutate?(change: Change): Result<readonly PatchOperation[]>;
  readonly protect?: Protection;
  /** The objects that a controller will make of the request's object. */
  derive?(change: Change): Result<readonly KubeObject[]>;
}

/** What a check may use of its pack when it is compiled. Unknown names are problems. */
export interface CompileScope {
  readonly params: Readonly<Record<string, unknown>>;
  readonly profile: Readonly<Record<string, unknown>>;
  readonly engine: EngineProfile;
  readonly budget: Budget;
  namespaces(spec: unknown, path: string): Result<NamespaceSelector>;
  endpoint(spec: unknown, path: string): Result<EndpointSelector>;
  /** Is a `when` condition (CEL over params and profile) true? An absent one is. */
  when(condition: unknown, path: string): Result<boolean>;
  readonly baselines: ReadonlySet<string>;
}

/** One check: its id is its file name; `schema` describes the `with` of a pack's rule (JSON Schema). */
export interface Check {
  readonly id: string;
  /** What must be true, in one line, for the reference and for editors. */
  readonly description: string;
  /** It judges what is written: no deletion breaks it. */
  readonly ofWritten?: true;
  /** It changes objects and refuses none. */
  readonly onlyMutates?: true;
  readonly schema: Readonly<Record<string, unknown>>;
  compile(spec: Readonly<Record<string, unknown>>, scope: CompileScope, path: string): Result<Behaviour>;
}
