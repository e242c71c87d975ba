import { NAME_LABEL } from "../model/endpoint.js";
import type { ObjectRef } from "../model/kubernetes.js";
import { DIRECTIONS, type Direction, type Peer, type PodClass, type Policy, type PolicyRule } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { LabelBox } from "../sets/label-box.js";
import { addBit, emptyBits, meetBits } from "./bitset.js";
import { classCovers, ruleCovers } from "./covers.js";
import { danglingNamespaceLabels } from "./dangling.js";
import { reachability } from "./reachability.js";
import { policiesFor } from "./relevant.js";
import { workloads } from "./workloads.js";

/** Something in a policy that most likely is not what was meant, or does nothing. None of it is wrong by itself. */
export interface Anomaly {
  readonly kind:
    /** The subject selects no pod and no workload's template. */
    | "selects-nothing"
    /** No peer of the rule is there now. */
    | "peers-select-nothing"
    /** The rule can match nothing: no peer, no traffic, or a direction that the policy does not list. */
    | "dead"
    /** An earlier rule matches all that this one would and decides otherwise. */
    | "shadowed"
    /** Another rule already says all that this one says. */
    | "redundant"
    /** Two items of a list of peers, each with one selector, where one item with both may have been meant. */
    | "or-for-and"
    /** A label that no namespace carries. */
    | "unknown-label";
  readonly policy: ObjectRef;
  /** Of the rule, or of the subject. */
  readonly path: string;
  readonly message: string;
}

/** Anomalies of every policy of a snapshot, in order of namespaces and policies. */
export function* anomalies(snapshot: Snapshot): Generator<Anomaly> {
  const isSomeone = someoneIn(snapshot);
  for (const policy of snapshot.policies()) yield* anomaliesOf(policy, snapshot, isSomeone);
}

/** Anomalies of one policy. */
export function* anomaliesOf(policy: Policy, snapshot: Snapshot, isSomeone: IsSomeone): Generator<Anomaly> {
  if (!isSomeone(policy.subject)) {
    yield { kind: "selects-nothing", policy: policy.ref, path: "spec", message: "selects no pod: no running pod and no workload's template has its labels" };
  }
  for (const { path, label } of danglingNamespaceLabels(policy, snapshot)) {
    yield { kind: "unknown-label", policy: policy.ref, path, message: `no namespace carries label \`${label}\`` };
  }
  for (const direction of DIRECTIONS) yield* ruleAnomalies(policy, { snapshot, isSomeone, direction });
}

/** Is there a running pod, or a workload's template, in this class? */
export type IsSomeone = (pods: PodClass) => boolean;

function someoneIn(snapshot: Snapshot): IsSomeone {
  const reach = reachability(snapshot, { cidrSelectsPods: false });
  const { vocabulary, classes, tools } = reach.index;
  for (const policy of snapshot.policies()) vocabulary.learn(policy);
  const ids = workloads(snapshot).flatMap(({ pods }) => pods.map((pod) => reach.end({ kind: "pod", pod }).classIn(0).id));
  const someone = emptyBits(classes.size);
  for (const id of ids) addBit(someone, id);
  return (pods) => meetBits(tools.selections.of({ kind: "pods", ...pods }), someone);
}

interface Context {
  readonly snapshot: Snapshot;
  readonly isSomeone: IsSomeone;
  readonly direction: Direction;
}

function* ruleAnomalies(policy: Policy, { snapshot, isSomeone, direction }: Context): Generator<Anomaly> {
  for (const rule of policy.rules[direction]) {
    const at = { policy: policy.ref, path: rule.path };
    const dead = whyDead(policy, rule, direction);
    if (dead !== undefined) {
      yield { kind: "dead", ...at, message: dead };
      continue;
    }
    if (rule.peers !== "everyone" && rule.peers.every((peer) => peer.kind === "pods" && !isSomeone(peer))) {
      yield { kind: "peers-select-nothing", ...at, message: "none of its peers selects a running pod or a workload's template" };
    }
    if (meantBoth(policy, rule)) {
      yield { kind: "or-for-and", ...at, message: "pods of one item or of the other match; to ask for both, write `namespaceSelector` and `podSelector` into one item" };
    }
    const before = earlier(policy, rule, { snapshot, direction });
    if (before) yield { ...at, ...before };
  }
}

/** "policyTypes: [Egress] with ingress rules: ingress rules ignored" (S1). Kinds with explicit rules only isolate nothing (A2). */
function whyDead({ tier, isolates }: Policy, { peers, traffic }: PolicyRule, direction: Direction): string | undefined {
  const unlisted = tier.defaultAction === "Deny" && !isolates[direction] && isolates[direction === "ingress" ? "egress" : "ingress"];
  if (unlisted) return `\`policyTypes\` does not list ${direction}, so the rule has no effect`;
  if (peers !== "everyone" && peers.every(isNobody)) return "it has no peer that could match anything";
  return traffic.ports.isEmpty && traffic.named.length === 0 ? "it has no port that could match anything" : undefined;
}

function isNobody(peer: Peer): boolean {
  return (peer.kind === "pods" && (peer.namespaces.isEmpty || peer.pods.isEmpty)) || (peer.kind === "addresses" && peer.addresses.isEmpty);
}

/** "Both selectors in ONE item: AND; two items: OR" (S6): the commonest slip of the pen is one dash too many. */
function meantBoth({ ref }: Policy, { peers }: PolicyRule): boolean {
  if (peers === "everyone" || peers.length !== 2) return false;
  const classes = peers.filter((peer) => peer.kind === "pods");
  const byPods = classes.find(({ namespaces, pods }) => isOnly(namespaces, ref.namespace) && !pods.isAll);
  const byNamespace = classes.find(({ namespaces, pods }) => pods.isAll && !namespaces.isAll && !isOnly(namespaces, ref.namespace));
  return byPods !== undefined && byNamespace !== undefined;
}

function isOnly({ constraints }: LabelBox, namespace: string | undefined): boolean {
  return [...(constraints.get(NAME_LABEL)?.values ?? [])].join() === namespace;
}

/** A rule, and the policy it stands in. */
interface Place {
  readonly rule: PolicyRule;
  readonly from: Policy;
}

/** The rule that leaves this one nothing to do: one that comes before it, or where rules only accept, any other. */
function earlier(policy: Policy, rule: PolicyRule, { snapshot, direction }: Omit<Context, "isSomeone">): Pick<Anomaly, "kind" | "message"> | undefined {
  const own = policy.rules[direction];
  const isUnion = policy.tier.defaultAction === "Deny" && own.every(({ action }) => action === "Accept");
  const before = (isUnion ? own.filter((other) => other !== rule) : own.slice(0, own.indexOf(rule))).map((other): Place => ({ rule: other, from: policy }));
  const others = othersOfTier(snapshot, policy).filter(({ order }) => order < policy.order || (isUnion && order === policy.order));
  const places = [...before, ...others.flatMap((from) => from.rules[direction].map((other): Place => ({ rule: other, from })))];
  const found = places.find((place) => place.rule.action !== "Log" && says(place, { rule, from: policy }) && !standsAfter(place, { rule, from: policy }));
  if (!found) return undefined;
  const where = `\`${found.rule.path}\` of \`${nameOf(found.from)}\``;
  return found.rule.action === rule.action
    ? { kind: "redundant", message: `${where} already says all that it says` }
    : { kind: "shadowed", message: `${where} comes first and matches all that it would match` };
}

/** True only if the one rule matches, for every pod that the other's policy selects, all that the other matches. */
function says(one: Place, other: Place): boolean {
  return classCovers(one.from.subject, other.from.subject) && ruleCovers(one.rule, other.rule);
}

/** Of two rules that say the same and may come in any order, the first one stands: by its policy's name, then its place. */
function standsAfter(one: Place, other: Place): boolean {
  if (one.from.order !== other.from.order || !says(other, one)) return false;
  if (one.from !== other.from) return nameOf(one.from) > nameOf(other.from);
  return DIRECTIONS.some((direction) => one.from.rules[direction].indexOf(one.rule) > one.from.rules[direction].indexOf(other.rule));
}

function nameOf({ ref }: Policy): string {
  return ref.namespace === undefined ? ref.name : `${ref.namespace}/${ref.name}`;
}

/** The other policies that are walked with this one: those of its namespace, or the cluster-scoped ones, in its tier. */
function othersOfTier(snapshot: Snapshot, policy: Policy): readonly Policy[] {
  const { namespace } = policy.ref;
  const list = namespace === undefined ? [...snapshot.clusterPolicies.values()] : policiesFor(snapshot, snapshot.namespace(namespace)).list;
  return list.filter((other) => other !== policy && other.tier.name === policy.tier.name && other.tier.order === policy.tier.order);
}
