import type { Endpoint, Pod } from "../model/endpoint.js";
import { nameKey } from "../model/kubernetes.js";
import { pointOf } from "../model/traffic.js";
import type { Direction, Policy } from "../model/policy.js";
import { formatAddress } from "../sets/ip-set.js";
import type { Counterexample } from "./question.js";
import type { EndVerdict, Verdict } from "../engine/verdict.js";

/** Words for counterexamples and verdicts, the same in messages, reports and `explain`. */

/** How many isolating policies a text names. */
const NAMED = 2;

/** The namespaces that the ends of a counterexample lie in. */
export function endNamespaces({ subject, connection }: Counterexample): string[] {
  const ends = connection ? [connection.src, connection.dst] : [];
  return [...new Set([subject.namespace, ...ends.flatMap((end) => (end.kind === "pod" ? [end.pod.namespace] : []))])];
}

/** Why one end denies: the deciding rule, or the policies that isolate, those that allow nothing first. */
export function describeEnd(end: EndVerdict, direction: Direction): string {
  if (end.decidedBy) return `rule \`${end.decidedBy.rule.path}\` of ${policyName(end.decidedBy.policy)}`;
  const policies = [...end.isolatedBy].sort((a, b) => a.rules[direction].length - b.rules[direction].length).map(policyName);
  return policies.length <= NAMED ? policies.join(", ") : `${policies.slice(0, NAMED).join(", ")} and ${policies.length - NAMED} more`;
}

/** `egress denied by ...`, `ingress denied by ...`, or both. */
export function describeDenial(verdict: Verdict): string {
  const ends = (["egress", "ingress"] as const).filter((side) => !verdict[side].allowed);
  return ends.map((side) => `${side} denied by ${describeEnd(verdict[side], side)}`).join("; ");
}

/** Why both ends allow: `egress allowed by rule ... of ...; no policy isolates the destination`. */
export function describeAllowance(verdict: Verdict): string {
  return (["egress", "ingress"] as const).flatMap((side) => allowanceOf(verdict[side], side) ?? []).join("; ");
}

function allowanceOf(end: EndVerdict, side: Direction): string | undefined {
  if (end.decidedBy) return `${side} allowed by ${describeEnd(end, side)}`;
  if (end.reason === "not-a-subject") return undefined;
  return end.reason === "default" ? `no policy isolates the ${side === "egress" ? "source for egress" : "destination for ingress"}` : `${side} is always allowed (${end.reason})`;
}

/** `pod A to pod B on UDP 53: egress denied by ...`, or why it is allowed. */
export function describeCounterexample({ subject, connection, direction }: Counterexample): string {
  if (connection) {
    const { src, dst, traffic, verdict } = connection;
    return `${describeEndpoint(src)} to ${describeEndpoint(dst)} on ${describePoint(traffic)}: ${verdict.allowed ? describeAllowance(verdict) : describeDenial(verdict)}`;
  }
  return `${describePod(subject)} is not isolated for ${direction ?? "traffic"}`;
}

export function describeEndpoint(endpoint: Endpoint): string {
  return endpoint.kind === "pod" ? describePod(endpoint.pod) : `\`${formatAddress(endpoint.address)}\``;
}

/** A running pod by name; a hypothetical one by its namespace and labels. */
export function describePod(pod: Pod): string {
  if (pod.origin !== "hypothetical") return `pod \`${pod.namespace}/${pod.name}\``;
  const labels = Object.entries(pod.labels).map(([key, value]) => `${key}=${value}`);
  return labels.length === 0 ? `a pod without labels in \`${pod.namespace}\`` : `a pod with labels \`${labels.join(",")}\` in \`${pod.namespace}\``;
}

export function describePoint(traffic: number): string {
  const point = pointOf(traffic);
  return point ? `${point.protocol} ${point.port}` : "other protocols";
}

export function policyName(policy: Policy): string {
  const kind = policy.ref.kind === "NetworkPolicy" ? "" : `${policy.ref.kind} `;
  return `${kind}\`${nameKey(policy.ref)}\``;
}
