import { NAME_LABEL } from "../model/endpoint.js";
import { refOf, type KubeObject } from "../model/kubernetes.js";
import { NETWORK_POLICY_TIER, type Direction, type Peer, type Policy, type PolicyRule, type TrafficMatch } from "../model/policy.js";
import type { Problem } from "../model/result.js";
import type { Protocol } from "../model/traffic.js";
import { IpSet } from "../sets/ip-set.js";
import { LabelBox } from "../sets/label-box.js";
import { oneOf } from "../sets/value-set.js";
import { readCidr } from "./cidr-selector.js";
import { nearest, Part, quote, type Dialect, type Shape } from "./dialect.js";
import { anyOf, EVERYTHING, namedMatch, portsMatch, protocolMatch, readLastPort, readPortName, readPortNumber, readProtocol } from "./port-selector.js";

const IN_A_RULE = "it belongs into a rule, that is an item of `ingress` or `egress`; indent it to stand in the item";
const IN_SPEC = "it belongs into `spec`";
const IN_A_PEER = "it belongs into an item of `from` or `to`";

const OBJECT: Shape = {
  what: "a NetworkPolicy",
  fields: ["apiVersion", "kind", "metadata", "spec", "status"],
  hints: { podSelector: IN_SPEC, policyTypes: IN_SPEC, ingress: IN_SPEC, egress: IN_SPEC },
};
const SPEC: Shape = {
  what: "the spec of a NetworkPolicy",
  fields: ["podSelector", "policyTypes", "ingress", "egress"],
  hints: {
    ports: IN_A_RULE, from: IN_A_RULE, to: IN_A_RULE, ipBlock: IN_A_PEER,
    namespaceSelector: "a NetworkPolicy selects pods of its own namespace only; in a peer it belongs into an item of `from` or `to`",
    selector: "the pods it applies to are `podSelector`", matchLabels: "it belongs into `podSelector`",
  },
};
const PEER_FIELDS = { podSelector: IN_A_PEER, namespaceSelector: IN_A_PEER, ipBlock: IN_A_PEER };
const RULES: Readonly<Record<Direction, Shape>> = {
  ingress: {
    what: "an ingress rule",
    fields: ["from", "ports"],
    hints: { ...PEER_FIELDS, to: "an ingress rule names its peers in `from`", port: "it belongs into an item of `ports`", protocol: "it belongs into an item of `ports`" },
  },
  egress: {
    what: "an egress rule",
    fields: ["to", "ports"],
    hints: { ...PEER_FIELDS, from: "an egress rule names its peers in `to`", port: "it belongs into an item of `ports`", protocol: "it belongs into an item of `ports`" },
  },
};
const PEER: Shape = {
  what: "a peer",
  fields: ["podSelector", "namespaceSelector", "ipBlock"],
  hints: {
    ports: "it belongs to the rule, beside `from` or `to`; indent it less",
    matchLabels: "it belongs into `podSelector` or `namespaceSelector`",
    cidr: "it belongs into `ipBlock`", except: "it belongs into `ipBlock`",
  },
};
const IP_BLOCK: Shape = { what: "an ipBlock", fields: ["cidr", "except"] };
const PORT: Shape = {
  what: "a port",
  fields: ["protocol", "port", "endPort"],
  hints: { targetPort: "policies see the pod's port; write it as `port`", containerPort: "write it as `port`", name: "a port's name is written as `port`" },
};

const TYPES: Readonly<Record<string, Direction>> = { Ingress: "ingress", Egress: "egress" };

/** NetworkPolicy v1 as a policy of the normal form: only Accept rules, in one tier that denies what isolates and matches nothing (S2, S3). */
export function readNetworkPolicy(object: KubeObject): Policy {
  const problems: Problem[] = [];
  const whole = Part.of(object, problems);
  whole.fits(OBJECT);
  const spec = whole.at("spec");
  if (!spec.absent) spec.fits(SPEC);
  const own = ownNamespace(object.metadata.namespace ?? "default");
  // "spec.podSelector null or absent: empty selector, all pods in the namespace" (S6).
  const pods = spec.at("podSelector").selector();
  const isolates = readTypes(spec);
  // "policyTypes [Egress] with ingress rules: ingress rules ignored" (S1).
  const counted = (direction: Direction) => (): boolean => pods !== undefined && isolates[direction];
  return {
    ref: refOf(object),
    tier: NETWORK_POLICY_TIER,
    order: 0,
    // A subject that cannot be read may be any pod of the namespace: all are isolated, nothing is accepted.
    subject: { namespaces: own, pods: pods ?? LabelBox.ALL },
    isolates,
    rules: {
      ingress: readRules(spec.at("ingress"), "ingress", own).filter(counted("ingress")),
      egress: readRules(spec.at("egress"), "egress", own).filter(counted("egress")),
    },
    problems,
    object,
  };
}

function ownNamespace(name: string): LabelBox {
  return LabelBox.from([[NAME_LABEL, oneOf([name])]]);
}

/** "policyTypes unset or empty: Ingress, plus Egress iff len(spec.egress) > 0" (S1). */
function readTypes(spec: Part): Readonly<Record<Direction, boolean>> {
  const types = spec.at("policyTypes").items();
  const read = types?.map(readType);
  // A type that cannot be read may be either one: both directions are isolated.
  if (!read || read.includes(undefined)) return { ingress: true, egress: true };
  if (read.length > 0) return { ingress: read.includes("ingress"), egress: read.includes("egress") };
  const egress = spec.at("egress");
  return { ingress: true, egress: !egress.absent && !(Array.isArray(egress.value) && egress.value.length === 0) };
}

function readType(part: Part): Direction | undefined {
  const text = typeof part.value === "string" ? part.value : undefined;
  const known = text !== undefined && Object.hasOwn(TYPES, text) ? TYPES[text] : undefined;
  if (known) return known;
  const meant = text === undefined ? undefined : nearest(text, Object.keys(TYPES));
  return part.problem("policy/unknown-type", `unknown policy type ${quote(part.value)}; ${meant ? `did you mean \`${meant}\`` : "one of `Ingress`, `Egress`"}`);
}

/** "ingress missing, null or []: no rule" (S4); a rule that cannot be read accepts nothing. */
function readRules(part: Part, direction: Direction, own: LabelBox): PolicyRule[] {
  return (part.items() ?? []).flatMap((item) => {
    const fits = item.fits(RULES[direction]);
    const peers = readPeers(item.at(direction === "ingress" ? "from" : "to"), own);
    const traffic = readPorts(item.at("ports"));
    return fits && peers && traffic ? [{ action: "Accept" as const, peers, traffic, path: item.path }] : [];
  });
}

/** "from or to missing, null or []: all peers" (S5). "Two items: OR" (S6). */
function readPeers(part: Part, own: LabelBox): readonly Peer[] | "everyone" | undefined {
  const items = part.items();
  if (items?.length === 0) return "everyone";
  return items?.flatMap((item) => readPeer(item, own) ?? []);
}

function readPeer(part: Part, own: LabelBox): Peer | undefined {
  if (!part.fits(PEER)) return undefined;
  const [podSelector, namespaceSelector, ipBlock] = [part.at("podSelector"), part.at("namespaceSelector"), part.at("ipBlock")];
  if (!ipBlock.absent) {
    // "ipBlock with any selector: rejected" (S6).
    if (podSelector.absent && namespaceSelector.absent) return readIpBlock(ipBlock);
    return part.problem("policy/mixed-peer", "a peer has `ipBlock` or selectors, not both; write two peers");
  }
  if (podSelector.absent && namespaceSelector.absent) {
    return part.problem("policy/empty-peer", "an empty peer selects nothing: give it `podSelector`, `namespaceSelector` or `ipBlock`, or leave out `from` or `to` to mean everyone");
  }
  // "podSelector alone: own namespace only; both in one item: AND" (S6).
  const namespaces = namespaceSelector.absent ? own : namespaceSelector.selector();
  const pods = podSelector.selector();
  return namespaces && pods && { kind: "pods", namespaces, pods };
}

/** "except only subtracts from its own item" (S11). */
function readIpBlock(part: Part): Peer | undefined {
  if (!part.fits(IP_BLOCK)) return undefined;
  const cidr = readCidr(part.at("cidr"));
  const excepts = part.at("except").items();
  if (!cidr || !excepts) return undefined;
  const cut = excepts.flatMap((item) => {
    const except = readCidr(item);
    // "except entries must be strict subsets of cidr" (S11).
    if (!except || (cidr.covers(except) && !cidr.equals(except))) return except ?? [];
    item.problem("policy/except-outside", `\`except\` must lie strictly within \`cidr\`; ${quote(item.value)} does not lie within ${quote(part.at("cidr").value)}`);
    return [];
  });
  // What cannot be read was told where it stands.
  return cut.length === excepts.length ? { kind: "addresses", addresses: cidr.subtract(IpSet.unionOf(cut)) } : undefined;
}

/** "ports missing, null or []: all ports and all protocols" (S5). */
function readPorts(part: Part): TrafficMatch | undefined {
  const items = part.items();
  if (items?.length === 0) return EVERYTHING;
  return items && anyOf(items.flatMap((item) => readPort(item) ?? []));
}

/** "protocol default TCP; port absent: all ports of that protocol" (S9). */
function readPort(part: Part): TrafficMatch | undefined {
  if (!part.fits(PORT)) return undefined;
  const protocol = readProtocol(part.at("protocol"));
  const [port, endPort] = [part.at("port"), part.at("endPort")];
  if (!endPort.absent && typeof port.value !== "number") {
    return endPort.problem("policy/end-port", "`endPort` needs a number as `port`, the first port of the range");
  }
  if (port.absent) return protocol && protocolMatch(protocol);
  if (typeof port.value !== "string") return protocol && readPortRange(port, endPort, protocol);
  const name = readPortName(port);
  return protocol && name !== undefined ? namedMatch({ name, protocol }) : undefined;
}

/** "endPort >= port, only with numeric port" (S9). */
function readPortRange(port: Part, endPort: Part, protocol: Protocol): TrafficMatch | undefined {
  const low = readPortNumber(port);
  const high = endPort.absent ? low : readLastPort(endPort);
  if (low === undefined || high === undefined) return undefined;
  if (high >= low) return portsMatch(protocol, low, high);
  return endPort.problem("policy/end-port", `\`endPort\` ${high} is less than \`port\` ${low}; exchange them`);
}

export const networking = {
  group: "networking.k8s.io",
  kinds: [
    {
      kind: "NetworkPolicy",
      resource: "networkpolicies",
      versions: ["v1"],
      namespaced: true,
      policy: true,
      read: (object) => {
        const policy = readNetworkPolicy(object);
        return { facts: [{ fact: "policy", value: policy }], problems: policy.problems };
      },
    },
  ],
} satisfies Dialect;
