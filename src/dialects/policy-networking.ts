import { refOf, type KubeObject } from "../model/kubernetes.js";
import { ADMIN_TIER, BASELINE_TIER, type Action, type Direction, type Peer, type Policy, type PolicyRule, type Tier, type TrafficMatch } from "../model/policy.js";
import type { Problem } from "../model/result.js";
import { LabelBox } from "../sets/label-box.js";
import { atLeastOne, readAdminPeer, readSubject } from "./admin-peer-selector.js";
import { readAdminPort, readClusterProtocol } from "./admin-port-selector.js";
import { list, nearest, Part, quote, type Dialect, type KindReader } from "./dialect.js";
import { anyOf, EVERYTHING } from "./port-selector.js";

const OBJECT_FIELDS = ["apiVersion", "kind", "metadata", "spec", "status"];
const MAX_PRIORITY = 1_000;

/** Where the three kinds of the group differ. */
interface Flavour {
  readonly kind: string;
  readonly fields: readonly string[];
  /** The name that its only object has. */
  readonly onlyName?: string;
  /** The action words of the kind and what each does. */
  readonly actions: Readonly<Record<string, Action>>;
  /** The field of a rule that limits its traffic, and how one of its items is read. */
  readonly trafficField: "ports" | "protocols";
  readonly readTraffic: (item: Part) => TrafficMatch | undefined;
  readonly readTier: (spec: Part) => Tier | undefined;
  readonly readOrder: (spec: Part) => number | undefined;
}

/** "all ANPs by ascending spec.priority; Allow | Deny | Pass" (A1). */
const ADMIN: Flavour = {
  kind: "AdminNetworkPolicy",
  fields: ["priority", "subject", "ingress", "egress"],
  actions: { Allow: "Accept", Deny: "Deny", Pass: "Pass" },
  trafficField: "ports",
  readTraffic: readAdminPort,
  readTier: () => ADMIN_TIER,
  readOrder: readPriority,
};

/** "BANP: single object named default, rules Allow | Deny, first match" (A1). Among Baseline policies it comes last, as the older layer. */
const BASELINE: Flavour = {
  kind: "BaselineAdminNetworkPolicy",
  onlyName: "default",
  fields: ["subject", "ingress", "egress"],
  actions: { Allow: "Accept", Deny: "Deny" },
  trafficField: "ports",
  readTraffic: readAdminPort,
  readTier: () => BASELINE_TIER,
  readOrder: () => MAX_PRIORITY + 1,
};

/** "spec.tier Admin | Baseline, spec.priority 0..1000 within tier, lower first; action Accept | Deny | Pass" (C1, C2). */
const CLUSTER: Flavour = {
  kind: "ClusterNetworkPolicy",
  fields: ["tier", "priority", "subject", "ingress", "egress"],
  actions: { Accept: "Accept", Deny: "Deny", Pass: "Pass" },
  trafficField: "protocols",
  readTraffic: readClusterProtocol,
  readTier: readClusterTier,
  readOrder: readPriority,
};

/** `an AdminNetworkPolicy`. */
function oneOf({ kind }: Pick<Flavour, "kind">): string {
  return `${/^[AEIOU]/.test(kind) ? "an" : "a"} ${kind}`;
}

function readPolicy(object: KubeObject, flavour: Flavour): Policy {
  const problems: Problem[] = [];
  const whole = Part.of(object, problems);
  whole.fits({ what: oneOf(flavour), fields: OBJECT_FIELDS, hints: inSpec(flavour) });
  const name = whole.at("metadata").at("name");
  if (flavour.onlyName !== undefined && name.value !== flavour.onlyName) name.problem("policy/name", `${oneOf(flavour)} is named \`${flavour.onlyName}\`, and there is no other`);
  const spec = whole.at("spec");
  spec.fits({ what: `the spec of ${oneOf(flavour)}`, fields: flavour.fields, hints: SPEC_HINTS });
  const [tier, order, subject] = [flavour.readTier(spec), flavour.readOrder(spec), readSubject(spec.at("subject"))];
  const readable = tier !== undefined && order !== undefined && subject !== undefined;
  const rulesOf = (direction: Direction) => {
    const rules = readRules(spec.at(direction), direction, flavour);
    return readable ? rules : rules.flatMap(failClosed);
  };
  return {
    ref: refOf(object),
    tier: tier ?? ADMIN_TIER,
    order: order ?? 0,
    subject: subject ?? { namespaces: LabelBox.ALL, pods: LabelBox.ALL },
    // "ANP and BANP rules are explicit only: no implicit isolation by subject selection" (A2).
    isolates: { ingress: false, egress: false },
    rules: { ingress: rulesOf("ingress"), egress: rulesOf("egress") },
    problems,
    object,
  };
}

const SPEC_HINTS = {
  podSelector: "the pods it applies to are `subject`", namespaceSelector: "the pods it applies to are `subject`",
  policyTypes: "its rules alone say which directions it touches", from: "it belongs into an item of `ingress`", to: "it belongs into an item of `egress`",
  ports: "it belongs into a rule", protocols: "it belongs into a rule", action: "it belongs into a rule",
};

function inSpec({ fields }: Flavour): Record<string, string> {
  return Object.fromEntries(fields.map((field) => [field, "it belongs into `spec`"]));
}

/** A policy whose subject, tier or priority is unknown may come first for any pod: what it denies or passes is denied, what it accepts is not. */
function failClosed(rule: PolicyRule): PolicyRule[] {
  return rule.action === "Accept" ? [] : [{ ...rule, action: "Deny" }];
}

/** "0..1000; lower number first" (A1, C1). */
function readPriority(spec: Part): number | undefined {
  const priority = spec.at("priority");
  if (priority.absent) return priority.problem("policy/no-priority", `a priority is missing, a whole number from 0 to ${MAX_PRIORITY}`);
  return priority.whole(0, MAX_PRIORITY);
}

function readClusterTier(spec: Part): Tier | undefined {
  const tier = spec.at("tier");
  if (tier.value === "Admin") return ADMIN_TIER;
  if (tier.value === "Baseline") return BASELINE_TIER;
  return tier.problem("policy/unknown-tier", `unknown tier ${quote(tier.value ?? "")}; one of \`Admin\`, \`Baseline\``);
}

function readRules(part: Part, direction: Direction, flavour: Flavour): PolicyRule[] {
  const rules = part.items()?.flatMap((item) => readRule(item, direction, flavour));
  return rules ?? [denyAll(part.path)];
}

/** "Unknown peer or protocol field: Accept rule matches nothing; Deny and Pass rules become Deny all" (C5, A5). */
function readRule(part: Part, direction: Direction, flavour: Flavour): readonly PolicyRule[] {
  const peerField = direction === "ingress" ? "from" : "to";
  const fields = ["name", "action", peerField, flavour.trafficField];
  const fits = part.fits({ what: `an ${direction} rule`, fields, hints: ruleHints(direction, flavour) });
  const action = readAction(part.at("action"), flavour);
  const name = part.at("name").text();
  const peers = readPeers(part.at(peerField), direction);
  const traffic = readTrafficList(part.at(flavour.trafficField), flavour);
  if (!fits || !peers || !traffic || !agree(part, { action, peers, traffic })) return action === "Accept" ? [] : [denyAll(part.path)];
  return [{ action, peers, traffic, path: part.path, ...(name === undefined ? {} : { name }) }];
}

function readPeers(part: Part, direction: Direction): readonly Peer[] | undefined {
  const peers = atLeastOne(part)?.map((item) => readAdminPeer(item, direction));
  return peers && !peers.includes(undefined) ? peers.flatMap((peer) => peer ?? []) : undefined;
}

function ruleHints(direction: Direction, { trafficField }: Flavour): Record<string, string> {
  return {
    ...(direction === "ingress" ? { to: "an ingress rule names its peers in `from`" } : { from: "an egress rule names its peers in `to`" }),
    ...(trafficField === "ports" ? { protocols: "write `ports`" } : { ports: "write `protocols`" }),
    namespaces: "it belongs into a peer", pods: "it belongs into a peer", networks: "it belongs into a peer", nodes: "it belongs into a peer",
  };
}

function denyAll(path: string): PolicyRule {
  return { action: "Deny", peers: "everyone", traffic: EVERYTHING, path };
}

/** An action that cannot be read is the strictest one. */
function readAction(part: Part, { actions, kind }: Flavour): Action {
  const word = typeof part.value === "string" ? part.value : "";
  const known = Object.hasOwn(actions, word) ? actions[word] : undefined;
  if (known) return known;
  const words = Object.keys(actions);
  const problem = part.absent ? "an action is missing" : `unknown action ${quote(part.value)} of ${oneOf({ kind })}`;
  const meant = word === "Allow" ? "Accept" : word === "Accept" ? "Allow" : nearest(word, words);
  const advice = meant !== undefined && words.includes(meant) ? `did you mean \`${meant}\`` : `one of ${list(words)}`;
  part.problem("policy/unknown-action", `${problem}; ${advice}`);
  return "Deny";
}

/** "No ports field: all traffic incl. ICMP" (A5); "protocols absent: match everything" but "`protocols: []` rejected" (C3). */
function readTrafficList(part: Part, { trafficField, readTraffic }: Flavour): TrafficMatch | undefined {
  if (part.absent) return EVERYTHING;
  const items = trafficField === "protocols" ? atLeastOne(part) : part.items();
  if (items?.length === 0) return EVERYTHING;
  const read = items?.map(readTraffic);
  return read && !read.includes(undefined) ? anyOf(read.flatMap((match) => match ?? [])) : undefined;
}

/** Limits on what may stand together in one rule: "domainNames only for Accept" (C4), "a named port is forbidden with networks, nodes, domainNames" (C3). */
function agree(part: Part, { action, peers, traffic }: { action: Action; peers: readonly Peer[]; traffic: TrafficMatch }): boolean {
  const kinds = peers.map((peer) => peer.kind);
  if (action !== "Accept" && kinds.includes("symbolic")) {
    part.problem("policy/domain-name-action", "domain names may only be accepted: other addresses may have the same name");
    return false;
  }
  if (traffic.named.length > 0 && kinds.some((kind) => kind !== "pods")) {
    part.problem("policy/named-port-peer", "a port name has a meaning on pods only; for networks, nodes and domain names write a port number in a rule of its own");
    return false;
  }
  return true;
}

function kindOf(flavour: Flavour, resource: string, version: string): KindReader {
  return {
    kind: flavour.kind,
    resource,
    versions: [version],
    namespaced: false,
    policy: true,
    read: (object) => {
      const policy = readPolicy(object, flavour);
      return { facts: [{ fact: "policy", value: policy }], problems: policy.problems };
    },
  };
}

export const policyNetworking = {
  group: "policy.networking.k8s.io",
  kinds: [
    kindOf(ADMIN, "adminnetworkpolicies", "v1alpha1"),
    kindOf(BASELINE, "baselineadminnetworkpolicies", "v1alpha1"),
    kindOf(CLUSTER, "clusternetworkpolicies", "v1alpha2"),
  ],
} satisfies Dialect;
