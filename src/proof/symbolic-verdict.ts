import { isLive } from "../model/endpoint.js";
import type { Action, NamedPort, PolicyRule } from "../model/policy.js";
import { pointOf } from "../model/traffic.js";
import type { IpSet } from "../sets/ip-set.js";
import { FALSE, not, TRUE, type Formula } from "./formula.js";
import { addressesOf, familiesOf, familyOf, isSamePod, isSubject, nodesOf, portsOf, type Family, type Party } from "./party.js";
import { peersOf, type End, type RulePeers, type SelectingPolicy, type SelectingTier, type View } from "./view.js";

/**
 * The judge's verdict (evaluate.ts) as a formula over the labels of ends that do not exist yet. It must agree with the judge
 * on every label map: the laws hold them against each other.
 */

/** Connections between two parties on one traffic point. */
export interface Cell {
  readonly src: Party;
  readonly dst: Party;
  readonly point: number;
}

/** "The connection is allowed": "egressOK(src) AND ingressOK(dst)" (S3), in one address family that both ends have. */
export function allowed(view: View, cell: Cell): Formula {
  const { formulas } = view.inquiry;
  return formulas.or(
    familiesOf(cell.src, cell.dst).map((family) => {
      const egress = accepts(view.end(cell.src, "egress"), { ...cell, family });
      return egress === FALSE ? FALSE : formulas.and([egress, accepts(view.end(cell.dst, "ingress"), { ...cell, family })]);
    }),
  );
}

/** "This end accepts the connection *because no tier decides*" in some family: what isolation is there to prevent. */
export function acceptedByDefault(view: View, cell: Cell, direction: "ingress" | "egress"): Formula {
  const end = view.end(direction === "egress" ? cell.src : cell.dst, direction);
  return view.inquiry.formulas.or(familiesOf(cell.src, cell.dst).map((family) => walk(end, { ...cell, family }, true).byDefault));
}

interface Trial extends Cell {
  readonly family: Family;
}

/** Two formulas about one end: it is allowed, and nothing but the default allowed it (kept FALSE unless asked for). */
interface Outcome {
  readonly allowed: Formula;
  readonly byDefault: Formula;
}

const ACCEPT: Outcome = { allowed: TRUE, byDefault: FALSE };
const DENY: Outcome = { allowed: FALSE, byDefault: FALSE };

function accepts(end: End, trial: Trial): Formula {
  if (!isSubject(end.party)) return TRUE;
  // "Self traffic cannot be blocked" (S14).
  if (isSamePod(trial.src, trial.dst)) return TRUE;
  // "Traffic from the pod's own node is always allowed" (S13).
  if (end.direction === "ingress" && isOwnNode(end, trial)) return TRUE;
  return walk(end, trial, false).allowed;
}

function walk(end: End, trial: Trial, askDefault: boolean): Outcome {
  // "All tiers exhausted: allow" (A1).
  const last: Outcome = { allowed: TRUE, byDefault: askDefault ? TRUE : FALSE };
  return fromTier({ end, trial, last }, 0);
}

interface Walk {
  readonly end: End;
  readonly trial: Trial;
  readonly last: Outcome;
}

interface Step extends Walk {
  /** What the later tiers make of it; worked out only when asked for. */
  readonly next: () => Outcome;
}

/** "First match decides; no match: the tier's default when some policy isolates, else the next tier" (model/policy.ts, Tier). */
function fromTier(walked: Walk, index: number): Outcome {
  const tier = walked.end.tiers[index];
  if (!tier) return walked.last;
  let later: Outcome | undefined;
  const step: Step = { ...walked, next: () => (later ??= fromTier(walked, index + 1)) };
  const decisions = tier.acceptsOnly ? [acceptance(step, tier)] : ordered(step, tier);
  const undecided = (): Outcome => (tier.isolated === TRUE ? DENY : choose(step, tier.isolated, [DENY, step.next()]));
  const isDecided = decisions.some(({ decides }) => decides === TRUE);
  return decisions.reduceRight<Outcome>((rest, { decides, outcome }) => choose(step, decides, [outcome, rest]), isDecided ? DENY : undecided());
}

interface Decision {
  /** "The policy selects the end and one of its rules matches." */
  readonly decides: Formula;
  readonly outcome: Outcome;
}

/** "Union over rules of all selecting policies; order irrelevant; no deny" (S3). */
function acceptance({ end, trial }: Step, { policies }: SelectingTier): Decision {
  const { formulas } = end.view.inquiry;
  const parts: Formula[] = [];
  for (const { policy, selects } of policies) {
    const some = anyRule(end, trial, policy.rules[end.direction]);
    const part = formulas.and([selects, some]);
    if (part === TRUE) return { decides: TRUE, outcome: ACCEPT };
    if (part !== FALSE) parts.push(part);
  }
  return { decides: formulas.or(parts), outcome: ACCEPT };
}

function anyRule(end: End, trial: Trial, rules: readonly PolicyRule[]): Formula {
  const parts: Formula[] = [];
  for (const rule of rules) {
    const match = matches(end, trial, rule);
    if (match === TRUE) return TRUE;
    if (match !== FALSE) parts.push(match);
  }
  return end.view.inquiry.formulas.or(parts);
}

/** The decisions of the tier's groups, up to the first that decides in any case. */
function ordered(step: Step, { groups }: SelectingTier): readonly Decision[] {
  const { formulas } = step.end.view.inquiry;
  const out: Decision[] = [];
  for (const group of groups) {
    const decisions = group.map((policy) => decision(step, policy)).filter(({ decides }) => decides !== FALSE);
    if (decisions.length === 0) continue;
    const decides = formulas.or(decisions.map((one) => one.decides));
    out.push({ decides, outcome: together(step, decisions) });
    if (decides === TRUE) break;
  }
  return out;
}

/** "Same priority: undefined" (A3, C1): what every deciding policy allows; the default is to thank when the first by name leaves it to the default. */
function together({ end }: Step, decisions: readonly Decision[]): Outcome {
  const { formulas } = end.view.inquiry;
  const allowed = formulas.and(decisions.map(({ decides, outcome }) => formulas.or([not(decides), outcome.allowed])));
  const first = decisions.reduceRight<Formula>((rest, { decides, outcome }) => formulas.choose(decides, outcome.byDefault, rest), FALSE);
  return { allowed, byDefault: first === FALSE ? FALSE : formulas.and([allowed, first]) };
}

/** "Rules in list order; first rule whose peers AND ports match decides" (A1). */
function decision(step: Step, { policy, selects }: SelectingPolicy): Decision {
  const { formulas } = step.end.view.inquiry;
  const rules: { readonly matches: Formula; readonly action: Action }[] = [];
  for (const rule of policy.rules[step.end.direction]) {
    // "Log: continue with next rule" (K2).
    const match = rule.action === "Log" ? FALSE : matches(step.end, step.trial, rule);
    if (match !== FALSE) rules.push({ matches: match, action: rule.action });
    if (match === TRUE) break;
  }
  const outcome = rules.reduceRight<Outcome>((rest, { matches: match, action }) => choose(step, match, [outcomeOf(action, step), rest]), ACCEPT);
  return { decides: formulas.and([selects, formulas.or(rules.map((rule) => rule.matches))]), outcome };
}

/** "Pass skips the rest of the tier" (A2, C2, K2). */
function outcomeOf(action: Action, { next }: Step): Outcome {
  return action === "Pass" ? next() : action === "Accept" ? ACCEPT : DENY;
}

function choose({ end }: Walk, condition: Formula, [yes, no]: readonly [Outcome, Outcome]): Outcome {
  if (condition === TRUE) return yes;
  if (condition === FALSE) return no;
  const { formulas } = end.view.inquiry;
  return { allowed: formulas.choose(condition, yes.allowed, no.allowed), byDefault: formulas.choose(condition, yes.byDefault, no.byDefault) };
}

function matches(end: End, trial: Trial, rule: PolicyRule): Formula {
  end.view.inquiry.meter.spend(1);
  if (rule.traffic.ports.contains(trial.point)) return matchesPeer(end, trial, peersOf(rule));
  if (!rule.traffic.named.some((port) => resolves(port, trial))) return FALSE;
  const peers = peersOf(rule);
  // "Named port towards an ipBlock peer matches nothing" (S10).
  return matchesPeer(end, trial, end.direction === "ingress" ? peers : { ...peers, addresses: undefined, others: peers.others.filter((peer) => peer.kind === "pods") });
}

function matchesPeer({ view, direction }: End, trial: Trial, { everyone, addresses, others }: RulePeers): Formula {
  // "from or to missing: ALL peers (pods, nodes, external, any IP)" (S5).
  if (everyone) return TRUE;
  const other = { party: direction === "egress" ? trial.dst : trial.src, family: trial.family };
  if (addresses && isInBlock(view, addresses, other)) return TRUE;
  view.inquiry.meter.spend(others.length);
  const parts: Formula[] = [];
  for (const peer of others) {
    const match = isPeer(view, peer, other);
    if (match === TRUE) return TRUE;
    if (match !== FALSE) parts.push(match);
  }
  return view.inquiry.formulas.or(parts);
}

/** "Named port = containerPort.name of the DESTINATION pod with the same protocol; absent name matches nothing on that pod" (S10, A6). */
function resolves(port: NamedPort, { dst, point }: Trial): boolean {
  const number = pointOf(point);
  if (!number || !isSubject(dst)) return false;
  if (port.protocol !== undefined && port.protocol !== number.protocol) return false;
  return portsOf(dst).some((candidate) => candidate.name === port.name && candidate.port === number.port && candidate.protocol === number.protocol);
}

interface Other {
  readonly party: Party;
  readonly family: Family;
}

function isPeer(view: View, peer: RulePeers["others"][number], { party, family }: Other): Formula {
  switch (peer.kind) {
    case "pods":
      return view.belongs(party, peer);
    case "nodes":
      // "matches node IPs in status.addresses" (A5).
      return truth(nodesOf(view.snapshot, party, family).some((node) => peer.labels.matches(node.labels)));
    case "symbolic":
      return FALSE;
  }
}

/** "Whether ipBlock matches POD IPs: not specified; profile switch" (S12). A hostNetwork pod has its node's address. */
function isInBlock(view: View, block: IpSet, { party, family }: Other): boolean {
  if (party.kind === "range") return block.covers(party.addresses);
  if (party.kind === "pod" && isLive(party.pod) && !view.inquiry.profile.cidrSelectsPods) return false;
  return addressesOf(party).some((address) => familyOf(address) === family && block.contains(address));
}

function truth(value: boolean): Formula {
  return value ? TRUE : FALSE;
}

function isOwnNode({ view, party }: End, { src, family }: Trial): boolean {
  if (party.kind !== "pod" || party.pod.nodeName === undefined) return false;
  const neighbour = src.kind === "pod" && src.pod.hostNetwork && src.pod.nodeName === party.pod.nodeName;
  return neighbour || nodesOf(view.snapshot, src, family).some((node) => node.name === party.pod.nodeName);
}
