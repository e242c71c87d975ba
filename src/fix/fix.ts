import type { Pod } from "../model/endpoint.js";
import { isLive } from "../model/endpoint.js";
import { NETWORK_POLICY_TIER, type Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { VerifiedFix } from "../model/violation.js";
import { IntervalSet } from "../sets/interval-set.js";
import { LabelBox } from "../sets/label-box.js";
import { oneOf } from "../sets/value-set.js";
import { allowancePeers, spacePeer, trafficOf } from "./fix-peers.js";
import { freeName, selectorOf, sizeOf, wordsOf, writePolicy, type Allowance, type WrittenPolicy } from "./fix-policy.js";
import { FALSE, not } from "../proof/formula.js";
import { Inquiry, isFuture, type ProofContext } from "../proof/inquiry.js";
import { holds } from "../proof/prove.js";
import type { Counterexample, Flow, FlowPeer, FlowTarget } from "../proof/question.js";
import type { EndVerdict } from "../engine/verdict.js";
import { View } from "../proof/view.js";

export interface FixOptions {
  /** What the flow is called: policies are named `allow-<name>-egress`. */
  readonly name: string;
  readonly context: ProofContext;
}

/**
 * A small set of NetworkPolicies after which the flow is proven for every pod of its subject, or undefined when no addition can do
 * it: something denies it by a rule, or nothing isolates the pod and a lower tier denies. Of the flow's alternatives the one
 * that needs the fewest objects, then rules, peers and ports; at the ends where something is missing, and there only.
 * Nothing else gets worse: a new policy selects only pods that NetworkPolicies isolate in its direction already, so it only
 * ever accepts more. Whether it opens a forbidden flow is for the caller to ask.
 */
export function fixFlow(snapshot: Snapshot, asked: Flow, options: FixOptions): VerifiedFix | undefined {
  // A space that no pod could be in demands nothing, and no policy can name it.
  const flow: Flow = { ...asked, anyOf: asked.anyOf.map((target) => ({ ...target, peers: target.peers.filter((peer) => peer.kind !== "space" || !peer.pods.isEmpty) })) };
  const fixes = flow.anyOf.flatMap((target) => {
    const others = flow.anyOf.filter((other) => other !== target);
    return fixTarget(snapshot, { ...flow, anyOf: [target, ...others] }, options) ?? [];
  });
  const best = fixes.reduce<WrittenFix | undefined>((least, fix) => (least && compareSizes(least.size, fix.size) <= 0 ? least : fix), undefined);
  return best && { apply: best.policies.map(({ object }) => object), remove: [] };
}

interface WrittenFix {
  readonly policies: readonly WrittenPolicy[];
  readonly size: readonly number[];
}

function compareSizes(a: readonly number[], b: readonly number[]): number {
  const at = a.findIndex((size, i) => size !== b[i]);
  return at < 0 ? 0 : (a[at] as number) - (b[at] as number);
}

/** More policies than a person would want to read are no fix. */
const MAX_ALLOWANCES = 8;

/** Fixes the first target: what the counterexample lacks is allowed, until there is none; then whatever turned out needless is dropped. */
function fixTarget(snapshot: Snapshot, flow: Flow, options: FixOptions): WrittenFix | undefined {
  const allowances: Allowance[] = [];
  for (;;) {
    const proof = holds(withAllowances(snapshot, allowances, options.name), flow, options.context);
    if (proof.answer === "proven") return allowances.length > 0 ? written(snapshot, flow, { allowances: withoutNeedless(snapshot, flow, { allowances, options }), options }) : undefined;
    if (proof.answer === "not-proven" || allowances.length >= MAX_ALLOWANCES) return undefined;
    const missing = missingFor(snapshot, flow, { counterexample: proof.counterexample, context: options.context });
    if (!missing || missing.some((allowance) => allowances.some((known) => isSame(known, allowance)))) return undefined;
    allowances.push(...missing);
  }
}

function isSame(a: Allowance, b: Allowance): boolean {
  return a.namespace === b.namespace && a.direction === b.direction && a.pods.key === b.pods.key;
}

/** Drops allowances, then peers, then ranges of traffic, one by one, as long as the flow stays proven. */
function withoutNeedless(snapshot: Snapshot, flow: Flow, { allowances, options }: { readonly allowances: readonly Allowance[]; readonly options: FixOptions }): readonly Allowance[] {
  let kept = allowances;
  const suffices = (fewer: readonly Allowance[]): boolean => fewer.length > 0 && holds(withAllowances(snapshot, fewer, options.name), flow, options.context).answer === "proven";
  for (const smaller of [withoutOne, withOnePeerLess, withOneRangeLess]) {
    for (let next = smaller(kept).find(suffices); next; next = smaller(kept).find(suffices)) kept = next;
  }
  return kept;
}

function withoutOne(allowances: readonly Allowance[]): readonly (readonly Allowance[])[] {
  return allowances.map((allowance) => allowances.filter((other) => other !== allowance));
}

function withOnePeerLess(allowances: readonly Allowance[]): readonly (readonly Allowance[])[] {
  return eachSmaller(allowances, ({ peers }) => (peers.length > 1 ? peers.map((peer) => ({ peers: peers.filter((other) => other !== peer) })) : []));
}

function withOneRangeLess(allowances: readonly Allowance[]): readonly (readonly Allowance[])[] {
  return eachSmaller(allowances, ({ traffic }) => (traffic.ranges.length > 1 ? traffic.ranges.map((range) => ({ traffic: IntervalSet.from(traffic.ranges.filter((other) => other !== range)) })) : []));
}

/** Each way to put a smaller allowance in the place of one. */
function eachSmaller(allowances: readonly Allowance[], smaller: (allowance: Allowance) => readonly Partial<Allowance>[]): readonly (readonly Allowance[])[] {
  return allowances.flatMap((allowance) => smaller(allowance).map((less) => allowances.map((other) => (other === allowance ? { ...allowance, ...less } : other))));
}

/** The policies as they will be applied, proven once more. */
function written(snapshot: Snapshot, flow: Flow, { allowances, options }: { readonly allowances: readonly Allowance[]; readonly options: FixOptions }): WrittenFix | undefined {
  const policies = writeAll(snapshot, allowances, options.name);
  if (!policies || holds(withPolicies(snapshot, policies), flow, options.context).answer !== "proven") return undefined;
  return { policies, size: sizeOf(policies) };
}

function withAllowances(snapshot: Snapshot, allowances: readonly Allowance[], name: string): Snapshot {
  return withPolicies(snapshot, writeAll(snapshot, allowances, name) ?? []);
}

function withPolicies(snapshot: Snapshot, policies: readonly WrittenPolicy[]): Snapshot {
  return snapshot.with(policies.map(({ policy }) => ({ put: { fact: "policy", value: policy } })));
}

/** One policy for each namespace and selector; undefined when one cannot be written. */
function writeAll(snapshot: Snapshot, allowances: readonly Allowance[], name: string): readonly WrittenPolicy[] | undefined {
  const groups = new Map<string, [Allowance, ...Allowance[]]>();
  for (const allowance of allowances) {
    const key = `${allowance.namespace} ${allowance.pods.key}`;
    const group = groups.get(key);
    if (group) group.push(allowance);
    else groups.set(key, [allowance]);
  }
  const taken = new Set<string>();
  const policies = [...groups.values()].map((group) => writePolicy(nameOf(snapshot, { group, name, taken }), group));
  return policies.every((policy) => policy !== undefined) ? policies : undefined;
}

/** `allow-dns-egress`, `allow-dns` for both directions, with a number when the namespace has one of that name. */
function nameOf(snapshot: Snapshot, { group, name, taken }: { readonly group: readonly [Allowance, ...Allowance[]]; readonly name: string; readonly taken: Set<string> }): string {
  const [{ namespace, direction }] = group;
  const stem = ["allow", wordsOf(name), ...(group.length > 1 ? [] : [direction])].filter((word) => word !== "").join("-");
  const free = freeName(snapshot, namespace, stem, (candidate) => taken.has(`${namespace}/${candidate}`));
  taken.add(`${namespace}/${free}`);
  return free;
}

/** What the denied ends of the counterexample's connection lack. Undefined when an end is not denied by NetworkPolicy isolation alone. */
function missingFor(snapshot: Snapshot, flow: Flow, { counterexample, context }: { readonly counterexample: Counterexample; readonly context: ProofContext }): readonly Allowance[] | undefined {
  const { connection } = counterexample;
  if (!connection) return undefined;
  const missing = (["egress", "ingress"] as const).filter((direction) => !connection.verdict[direction].allowed).map((direction) => {
    const end = direction === "egress" ? connection.src : connection.dst;
    return end.kind === "pod" ? allowanceFor(snapshot, flow, { pod: end.pod, direction, verdict: connection.verdict[direction], context }) : undefined;
  });
  return missing.every((allowance) => allowance !== undefined) ? missing : undefined;
}

interface DeniedEnd {
  readonly pod: Pod;
  readonly direction: Direction;
  readonly verdict: EndVerdict;
  readonly context: ProofContext;
}

function allowanceFor(snapshot: Snapshot, flow: Flow, denied: DeniedEnd): Allowance | undefined {
  const { pod, direction, verdict } = denied;
  const isolating = verdict.isolatedBy.filter(({ tier }) => tier.name === NETWORK_POLICY_TIER.name);
  if (verdict.reason !== "isolated" || isolating.length === 0 || !snapshot.namespaces.has(pod.namespace)) return undefined;
  const target = flow.anyOf[0] as FlowTarget;
  const isSubjectEnd = direction === flow.direction;
  const whole = isSubjectEnd ? flow.subject.pods : peerBox(snapshot, target, pod);
  // The whole end, if nothing new is isolated by it; else as much of it as the policies that isolate this pod select.
  const boxes = [whole, ...isolating.map(({ subject }) => whole.intersect(subject.pods)).sort((a, b) => a.constraints.size - b.constraints.size)];
  const pods = boxes.find((box) => box.matches(pod.labels) && selectorOf(box) !== undefined && isIsolated(snapshot, { box, denied }));
  const peers = isSubjectEnd ? allowancePeers(snapshot, target, peerBox) : [spacePeer(flow.subject)];
  return pods && peers && { namespace: pod.namespace, pods, direction, peers, traffic: trafficOf(snapshot, flow, target) };
}

/** True when NetworkPolicies isolate every pod of the box in the direction, whatever its labels. */
function isIsolated(snapshot: Snapshot, { box, denied }: { readonly box: LabelBox; readonly denied: DeniedEnd }): boolean {
  const inquiry = new Inquiry(denied.context, [snapshot]);
  const space = { namespace: snapshot.namespace(denied.pod.namespace), pods: box, ports: [] };
  const { tiers } = new View(inquiry, snapshot, "present").end({ kind: "space", id: "subject", space }, denied.direction);
  const open = not(tiers.find(({ tier }) => tier.name === NETWORK_POLICY_TIER.name)?.isolated ?? FALSE);
  return open === FALSE || inquiry.solve(open).answer === "unsatisfiable";
}

/** The peers of a pod's namespace as one selector: those of the space it is in, or the one label that peers share and fewest others have. */
function peerBox(snapshot: Snapshot, { peers }: FlowTarget, pod: Pod): LabelBox {
  const isSpaceOf = (peer: FlowPeer): boolean => peer.kind === "space" && !isFuture(peer.namespace) && peer.namespace.name === pod.namespace && peer.pods.matches(pod.labels);
  const space = peers.find(isSpaceOf);
  if (space?.kind === "space") return space.pods;
  const pods = peers.flatMap((peer) => (peer.kind === "pod" && peer.pod.namespace === pod.namespace ? [peer.pod] : []));
  const others = [...(snapshot.namespaces.get(pod.namespace)?.pods.values() ?? [])].filter(isLive);
  const shared = Object.entries(pod.labels).filter(([key, value]) => !VOLATILE.test(key) && pods.every((peer) => peer.labels[key] === value));
  const ranked = shared.map(([key, value]) => ({ key, value, count: others.filter((other) => other.labels[key] === value).length }));
  const [best] = ranked.sort((a, b) => a.count - b.count || customary(a.key) - customary(b.key) || (a.key < b.key ? -1 : 1));
  return best ? LabelBox.from([[best.key, oneOf([best.value])]]) : LabelBox.ALL;
}

/** Labels that controllers make up anew for every revision or pod. */
const VOLATILE = /(^|\/)(pod-template-hash|controller-revision-hash|pod-template-generation|pod-name|pod-index|job-name|controller-uid|revision|rev)$/;
/** Labels people select by, best first. */
const CUSTOMARY = ["k8s-app", "app.kubernetes.io/name", "app", "app.kubernetes.io/component", "name"];

function customary(key: string): number {
  const at = CUSTOMARY.indexOf(key);
  return at < 0 ? CUSTOMARY.length : at;
}

