import { evaluate, opensByName } from "../engine/evaluate.js";
import type { Connection, EndVerdict, EngineProfile, Verdict } from "../engine/verdict.js";
import { isLive, type Endpoint } from "../model/endpoint.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { Direction, Peer, Policy, PolicyRule } from "../model/policy.js";
import { printable } from "../model/printable.js";
import type { Place } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { describeEndpoint, describePoint, policyName } from "../proof/describe.js";

/** One connection, judged, with what decided it. */
export interface Explanation {
  readonly connection: Connection;
  readonly verdict: Verdict;
  readonly ends: readonly EndExplanation[];
}

export interface EndExplanation {
  readonly direction: Direction;
  readonly end: EndVerdict;
  readonly who: string;
  readonly policies: readonly PolicyNote[];
}

/** A policy that has a say at this end, and why each rule that did not decide did not. */
export interface PolicyNote {
  readonly policy: Policy;
  readonly place?: string;
  readonly rules: readonly { readonly path: string; readonly place?: string; readonly why: string }[];
}

/** The state that is asked about, and where its objects stand in files, where they do. */
export interface ExplainedState {
  readonly snapshot: Snapshot;
  locate?(object: KubeObject, path: string): Place | undefined;
}

/** Why one connection is allowed or denied: at which end, by which policy and rule. */
export function explain(connection: Connection, state: ExplainedState, profile: EngineProfile): Explanation {
  const verdict = evaluate(state.snapshot, connection, profile);
  const ends = (["egress", "ingress"] as const).map((direction): EndExplanation => {
    const end = verdict[direction];
    const who = describeEndpoint(direction === "egress" ? connection.src : connection.dst);
    return { direction, end, who, policies: notesOf({ end, direction, connection }, state, profile) };
  });
  return { connection, verdict, ends };
}

interface Question {
  readonly end: EndVerdict;
  readonly direction: Direction;
  readonly connection: Connection;
}

function notesOf(question: Question, state: ExplainedState, profile: EngineProfile): readonly PolicyNote[] {
  const { end, direction } = question;
  if (end.decidedBy) {
    const { policy, rule } = end.decidedBy;
    return [{ policy, ...placed(state, policy, rule.path), rules: [] }];
  }
  return end.isolatedBy.map((policy) => {
    const rules = policy.rules[direction].map((rule) => ({ path: rule.path, ...placed(state, policy, rule.path), why: whyNot(rule, question, { state, profile }) }));
    return { policy, ...placed(state, policy, "spec"), rules };
  });
}

function placed({ locate }: ExplainedState, policy: Policy, path: string): { readonly place?: string } {
  const place = locate?.(policy.object, path);
  return place ? { place: `${place.file}:${place.line ?? 1}` } : {};
}

/** The rule did not match, so it fails on the peer, on the port, or on both. */
function whyNot(rule: PolicyRule, { direction, connection }: Question, context: { readonly state: ExplainedState; readonly profile: EngineProfile }): string {
  const other = direction === "egress" ? connection.dst : connection.src;
  const peerFits = rule.peers === "everyone" || rule.peers.some((peer) => includes(peer, other, context));
  const portFits = rule.traffic.ports.contains(connection.traffic) || opensByName(rule, connection);
  const reasons = [...(peerFits ? [] : [`does not name ${describeEndpoint(other)}`]), ...(portFits ? [] : [`does not open ${describePoint(connection.traffic)}`])];
  // "Named port towards an ipBlock peer matches nothing" (S10).
  return reasons.length === 0 ? "opens the port by its name, which counts for pods and not for addresses; write its number" : reasons.join(" and ");
}

function includes(peer: Peer, end: Endpoint, { state, profile }: { readonly state: ExplainedState; readonly profile: EngineProfile }): boolean {
  const live = end.kind === "pod" && isLive(end.pod) ? end.pod : undefined;
  if (peer.kind === "pods") return live !== undefined && peer.namespaces.matches(state.snapshot.namespace(live.namespace).labels) && peer.pods.matches(live.labels);
  if (peer.kind !== "addresses" || (live && !profile.cidrSelectsPods)) return false;
  const addresses = end.kind === "pod" ? end.pod.addresses : [end.address];
  return addresses.some((address) => peer.addresses.contains(address));
}

/** As `sluice explain` prints it. */
export function explanationText({ connection, verdict, ends }: Explanation): string {
  const { src, dst, traffic } = connection;
  const head = `${describeEndpoint(src)} to ${describeEndpoint(dst)} on ${describePoint(traffic)}: ${verdict.allowed ? "allowed" : "denied"}`;
  return `${[head, ...ends.flatMap(endLines)].map((line) => printable(line.replace(/\s*\n\s*/g, " "))).join("\n")}\n`;
}

function endLines({ direction, end, who, policies }: EndExplanation): readonly string[] {
  const lines = [`  ${direction} of ${who}: ${end.allowed ? "allowed" : "denied"}, ${reasonOf(end)}`];
  lines.push(...remarksOn(end).map((remark) => `    ${remark}`));
  const rule = end.decidedBy ? `rule ${end.decidedBy.rule.path} of ` : "";
  for (const { policy, place, rules } of policies) {
    lines.push(`    ${rule}${policyName(policy)}${inBrackets(place)}`);
    if (!end.decidedBy && rules.length === 0) lines.push(`      ${noRule(direction)}`);
    for (const one of rules) lines.push(`      ${one.path}${inBrackets(one.place)} ${one.why}`);
  }
  return lines;
}

/** What a verdict leaves open. */
export function remarksOn({ ambiguous, conditional }: EndVerdict): readonly string[] {
  return [
    ...(ambiguous ? ["policies of equal order disagree here; the specification leaves open which one counts"] : []),
    ...(conditional === undefined ? [] : [`allowed at this layer, but filtered further: ${conditional}`]),
  ];
}

/** Of a policy that isolates and has nothing to match. */
export function noRule(direction: Direction): string {
  return `has no ${direction} rule, so it allows nothing`;
}

function inBrackets(place: string | undefined): string {
  return place === undefined ? "" : ` (${place})`;
}

const REASONS = {
  "not-a-subject": "policies do not apply to it",
  self: "a pod always reaches itself",
  "local-node": "a pod is always reachable from its own node",
  default: "no policy isolates it",
} as const;

/** Why an end accepts or denies. */
export function reasonOf({ reason, decidedBy }: EndVerdict): string {
  if (reason === "rule") return decidedBy?.rule.action === "Deny" ? "a rule denies it" : "a rule allows it";
  return reason === "isolated" ? "isolated, and no rule allows it" : REASONS[reason];
}
