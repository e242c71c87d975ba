import type { ContainerPort } from "../model/endpoint.js";
import type { Direction, NamedPort, Policy, PolicyRule, Tier } from "../model/policy.js";
import { ALL_TRAFFIC, NO_TRAFFIC, trafficPoint, type TrafficSet } from "../model/traffic.js";
import { IntervalSet } from "../sets/interval-set.js";
import { addBit, countBits, bothBits, eitherBits, emptyBits, fullBits, hasBit, meetBits, withinBits, withoutBits, type Bitset } from "./bitset.js";
import type { Classes } from "./classes.js";
import type { Selections } from "./selections.js";
import type { TrafficTable } from "./traffic-table.js";

/** The policies that select an end, tier by tier, each as groups of policies of equal order. */
export type Walk = readonly { readonly tier: Tier; readonly groups: readonly (readonly Policy[])[] }[];

/** What makes one row: ends with equal plans have the same row. */
export interface Plan {
  readonly direction: Direction;
  readonly walk: Walk;
  /** The ports of the subject: what names in ingress rules mean. */
  readonly ports: readonly ContainerPort[];
}

export interface RowTools {
  readonly classes: Classes;
  readonly selections: Selections;
  readonly traffic: TrafficTable;
}

/** What one end may send to (egress) or receive from (ingress) every class of ends: sets of classes with the same traffic (R5). */
export class Row {
  private groups: readonly { readonly bits: Bitset; readonly traffic: number }[] = [];
  private rest = 0;
  private width = -1;
  private readonly plan: Plan;
  private readonly tools: RowTools;

  constructor(plan: Plan, tools: RowTools) {
    this.plan = plan;
    this.tools = tools;
  }

  /** The number of the traffic allowed with a class. Classes that came after the row was worked out make it work again. */
  with(id: number): number {
    if (id >= this.width) this.work();
    for (const { bits, traffic } of this.groups) if (hasBit(bits, id)) return traffic;
    return this.rest;
  }

  /** The classes, among all that are known, with which this row and another of the same tools allow different traffic. */
  difference(other: Row): Bitset {
    const differs = emptyBits(this.tools.classes.size);
    if (this === other) return differs;
    for (const one of this.partition()) {
      for (const two of other.partition()) {
        if (one.traffic === two.traffic) continue;
        for (let i = 0; i < differs.length; i++) differs[i] = (differs[i] as number) | ((one.bits[i] as number) & (two.bits[i] as number));
      }
    }
    return differs;
  }

  private partition(): readonly { readonly bits: Bitset; readonly traffic: number }[] {
    if (this.tools.classes.size !== this.width) this.work();
    let rest = fullBits(this.width);
    for (const { bits } of this.groups) rest = withoutBits(rest, bits);
    return [...this.groups, { bits: rest, traffic: this.rest }];
  }

  private work(): void {
    this.width = this.tools.classes.size;
    const byTraffic = new Map<number, Bitset>();
    for (const { bits, accepted, open } of walkTiers(this.plan, this.tools)) {
      const traffic = this.tools.traffic.numberOf(accepted.union(open));
      const same = byTraffic.get(traffic);
      byTraffic.set(traffic, same ? eitherBits(same, bits) : bits);
    }
    const groups = [...byTraffic].map(([traffic, bits]) => ({ traffic, bits })).sort((a, b) => countBits(b.bits) - countBits(a.bits));
    this.rest = groups[0]?.traffic ?? this.tools.traffic.numberOf(ALL_TRAFFIC);
    this.groups = groups.slice(1);
  }
}

/** Classes that have fared alike so far, and how each point of traffic with them has fared. */
interface Cell {
  bits: Bitset;
  /** Accepted for good. */
  accepted: TrafficSet;
  /** Not decided by the tiers before, nor by the orders of this tier before. */
  open: TrafficSet;
  /** Passed on to the next tier. */
  passed: TrafficSet;
  /** Not yet matched by the policy that is being walked. */
  left: TrafficSet;
  /** What the policies of the order that is being walked would do. */
  outcome: Readonly<Record<Outcome, TrafficSet>>;
}

type Outcome = "Accept" | "Deny" | "Pass";

const NO_OUTCOME: Cell["outcome"] = { Accept: NO_TRAFFIC, Deny: NO_TRAFFIC, Pass: NO_TRAFFIC };

function walkTiers(plan: Plan, tools: RowTools): readonly Cell[] {
  const all = { bits: fullBits(tools.classes.size), accepted: NO_TRAFFIC, open: ALL_TRAFFIC, passed: NO_TRAFFIC, left: NO_TRAFFIC, outcome: NO_OUTCOME };
  let cells: Cell[] = [all];
  for (const { tier, groups } of plan.walk) {
    for (const group of groups) cells = walkGroup(group, cells, { plan, tools });
    // "A pod is isolated iff some policy selects it and lists the direction" (S2); what nothing matched is then up to the tier's default (K2).
    const denies = tier.defaultAction === "Deny" && groups.some((group) => group.some((policy) => policy.isolates[plan.direction]));
    for (const cell of cells) {
      cell.open = denies ? cell.passed : cell.open.union(cell.passed);
      cell.passed = NO_TRAFFIC;
    }
  }
  return cells;
}

interface Context {
  readonly plan: Plan;
  readonly tools: RowTools;
}

/** "In a policy rules in order; policies of equal order: any may come first" (A1, A3, C1): each is walked as if it came first, the worst case counts. */
function walkGroup(group: readonly Policy[], cells: Cell[], context: Context): Cell[] {
  for (const policy of group) {
    for (const cell of cells) cell.left = cell.open;
    for (const rule of policy.rules[context.plan.direction]) {
      if (rule.action === "Log") continue;
      for (const piece of piecesOf(rule, context)) matchPiece(piece, rule.action, cells);
    }
  }
  for (const cell of cells) settle(cell);
  return cells;
}

/** Deny where any order of the policies denies; the next tier's answer where any passes; else accept where any accepts. */
function settle(cell: Cell): void {
  const { Accept, Deny, Pass } = cell.outcome;
  if (cell.outcome === NO_OUTCOME) return;
  cell.accepted = cell.accepted.union(Accept.subtract(Deny).subtract(Pass));
  cell.passed = cell.passed.union(Pass.subtract(Deny));
  cell.open = cell.open.subtract(Accept).subtract(Deny).subtract(Pass);
  cell.outcome = NO_OUTCOME;
}

/** Classes and traffic that a rule matches; `bits` absent means every class. */
interface Piece {
  readonly bits?: Bitset;
  readonly traffic: TrafficSet;
}

/** Takes what the piece matches out of what is left, splitting cells that it matches in part. Appends to `cells`. */
function matchPiece({ bits, traffic }: Piece, action: Outcome, cells: Cell[]): void {
  const count = cells.length;
  for (let i = 0; i < count; i++) {
    const cell = cells[i] as Cell;
    const hit = cell.left.intersect(traffic);
    if (hit.isEmpty || (bits && !meetBits(cell.bits, bits))) continue;
    if (bits && !withinBits(cell.bits, bits)) {
      cells.push({ ...cell, bits: withoutBits(cell.bits, bits) });
      cell.bits = bothBits(cell.bits, bits);
    }
    cell.left = cell.left.subtract(hit);
    cell.outcome = { ...cell.outcome, [action]: cell.outcome[action].union(hit) };
  }
}

function piecesOf({ peers, traffic: { ports, named } }: PolicyRule, { plan, tools }: Context): Piece[] {
  const everyone = peers === "everyone";
  const bits = everyone ? undefined : unionOf(peers.map((peer) => tools.selections.of(peer)));
  // "Named port = containerPort.name of the DESTINATION pod" (S10): of the subject for ingress, of the peer for egress.
  const traffic = plan.direction === "ingress" && named.length > 0 ? ports.union(resolve(named, plan.ports)) : ports;
  const pieces: Piece[] = traffic.isEmpty ? [] : [bits ? { bits, traffic } : { traffic }];
  if (plan.direction === "ingress" || named.length === 0) return pieces;
  // "Named port towards an ipBlock peer matches nothing" (S10).
  const pods = everyone ? undefined : unionOf(peers.flatMap((peer) => (peer.kind === "pods" ? [tools.selections.of(peer)] : [])));
  return [...pieces, ...namedPieces(named, pods, tools)];
}

/** For each meaning of the port names among the classes of pods, those classes. */
function namedPieces(named: readonly NamedPort[], pods: Bitset | undefined, { classes, traffic }: RowTools): Piece[] {
  const byTraffic = new Map<number, Bitset>();
  for (const id of new Set(named.flatMap(({ name }) => classes.withPortName(name)))) {
    if (pods && !hasBit(pods, id)) continue;
    const number = traffic.numberOf(resolve(named, classes.at(id).ports));
    let bits = byTraffic.get(number);
    if (!bits) byTraffic.set(number, (bits = emptyBits(classes.size)));
    addBit(bits, id);
  }
  return [...byTraffic].map(([number, bits]) => ({ bits, traffic: traffic.at(number) }));
}

/** "Name with the same protocol; absent name matches nothing" (S10); "namedPort: no protocol, matches the pod's port protocol" (A6). */
function resolve(named: readonly NamedPort[], ports: readonly ContainerPort[]): TrafficSet {
  const points = ports.filter((port) => named.some(({ name, protocol }) => name === port.name && (protocol ?? port.protocol) === port.protocol));
  return IntervalSet.from(points.map(({ protocol, port }) => [trafficPoint(protocol, port), trafficPoint(protocol, port)]));
}

function unionOf(sets: readonly Bitset[]): Bitset {
  const [first, ...others] = sets;
  return first ? others.reduce(eitherBits, first) : emptyBits(0);
}
