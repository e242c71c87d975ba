import { NAME_LABEL } from "../model/endpoint.js";
import { DIRECTIONS, type Direction, type Peer, type Policy, type PolicyRule, type PodClass, type TrafficMatch } from "../model/policy.js";
import { formatProblem } from "../model/result.js";
import { ALL_PORTS, formatTraffic } from "../model/traffic.js";
import type { PolicyView } from "../model/views.js";
import type { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import type { ValueSet } from "../sets/value-set.js";
import { rangeText } from "./outside.js";

/** How many ranges of addresses a sentence names. */
const NAMED = 4;

/** What a policy says, as sentences. */
export function policyView(policy: Policy): PolicyView {
  const sentences = DIRECTIONS.flatMap((direction) => directionWords(policy, direction));
  return { policy: policy.ref, subject: `applies to ${podWords(policy.subject, policy.ref.namespace)}`, sentences, problems: policy.problems.map(formatProblem) };
}

function directionWords(policy: Policy, direction: Direction): readonly string[] {
  const rules = policy.rules[direction].map((rule) => ruleWords(rule, direction, policy.ref.namespace));
  if (!policy.isolates[direction]) return rules;
  return rules.length === 0 ? [`isolates them for ${direction} and allows none`] : [`isolates them for ${direction}`, ...rules];
}

const VERBS = { Accept: "allows", Deny: "denies", Pass: "leaves to later tiers", Log: "logs" } as const;

function ruleWords({ action, peers, traffic, conditional }: PolicyRule, direction: Direction, namespace: string | undefined): string {
  const who = peers === "everyone" ? "everyone" : peers.length === 0 ? "nobody" : peers.map((peer) => peerWords(peer, namespace)).join(", or ");
  const only = conditional === undefined ? "" : `, and filters it further: ${conditional}`;
  return `${VERBS[action]} ${direction} ${direction === "ingress" ? "from" : "to"} ${who} on ${trafficWords(traffic)}${only}`;
}

function trafficWords({ ports, named }: TrafficMatch): string {
  const names = named.map(({ name, protocol }) => `port \`${name}\`${protocol === undefined ? "" : ` (${protocol})`}`);
  if (ports.covers(ALL_PORTS)) return "every port";
  return [...(ports.isEmpty ? [] : [formatTraffic(ports).replaceAll(",", ", ")]), ...names].join(", ") || "no port";
}

function peerWords(peer: Peer, namespace: string | undefined): string {
  if (peer.kind === "pods") return podWords(peer, namespace);
  if (peer.kind === "addresses") return addressWords(peer.addresses);
  return peer.kind === "nodes" ? `nodes${labelWords(peer.labels)}` : `\`${peer.name}\``;
}

function addressWords(addresses: IpSet): string {
  const ranges = [...addresses.v4.ranges.map(rangeText), ...addresses.v6.ranges.map(rangeText)];
  const more = ranges.length > NAMED ? ` and ${ranges.length - NAMED} more ranges` : "";
  return ranges.length === 0 ? "no address" : `${ranges.slice(0, NAMED).join(", ")}${more}`;
}

/** `namespace`: that of the policy, which goes without saying. */
function podWords({ namespaces, pods }: PodClass, namespace: string | undefined): string {
  const name = namespaces.constraints.get(NAME_LABEL);
  const only = name && !name.allBut && namespaces.constraints.size === 1 ? [...name.values] : undefined;
  const which = pods.isAll ? "every pod" : `pods${labelWords(pods)}`;
  if (namespaces.isEmpty || pods.isEmpty) return "no pod";
  if (only) return only.length === 1 && only[0] === namespace ? `${which} of this namespace` : `${which} of ${only.map((one) => `\`${one}\``).join(", ")}`;
  return namespaces.isAll ? `${which} of every namespace` : `${which} of namespaces${labelWords(namespaces)}`;
}

function labelWords({ constraints }: LabelBox): string {
  const parts = [...constraints].map(([key, values]) => valueWords(key, values));
  return parts.length === 0 ? "" : ` with ${parts.join(" and ")}`;
}

function valueWords(key: string, { allBut, values, absent }: ValueSet): string {
  const list = [...values].join(", ");
  if (!allBut) return values.size === 0 ? `no label \`${key}\`` : values.size === 1 ? `\`${key}=${list}\`` : `\`${key}\` in (${list})`;
  return values.size === 0 ? `a label \`${key}\`` : `\`${key}\` not in (${list})${absent ? "" : ", but set"}`;
}
