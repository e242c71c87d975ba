import type { EngineProfile } from "../engine/verdict.js";
import { NAME_LABEL } from "../model/endpoint.js";
import { refOf } from "../model/kubernetes.js";
import { DIRECTIONS, type Direction, type Policy, type PolicyRule } from "../model/policy.js";
import { ALL_PORTS, type TrafficSet } from "../model/traffic.js";
import { IntervalSet } from "../sets/interval-set.js";
import { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import { ANYTHING, complementValues, intersectAllValues, isNothing, PRESENT, type ValueSet } from "../sets/value-set.js";
import type { Change } from "./rule.js";

/** What the rules of one policy grant, for the checks that judge a policy by itself. */

/** JSON Schema of the directions that a check looks at; both by default. */
export const DIRECTIONS_SCHEMA = { type: "array", minItems: 1, items: { enum: DIRECTIONS }, description: "both by default", examples: [["egress"]] } as const;

export function readDirections(value: unknown): readonly Direction[] {
  return Array.isArray(value) ? DIRECTIONS.filter((direction) => value.includes(direction)) : DIRECTIONS;
}

/** The policy that a request writes; undefined for other kinds and for deletes. */
export function requestedPolicy({ request: { object }, after }: Change): Policy | undefined {
  return object && after.policy(refOf(object));
}

/** Rules that let traffic through. In a tier that denies by default, those of a direction that the policy does not list do nothing (S1). */
export function grantingRules(policy: Policy, direction: Direction): readonly PolicyRule[] {
  if (policy.tier.defaultAction === "Deny" && !policy.isolates[direction]) return [];
  return policy.rules[direction].filter(({ action }) => action === "Accept");
}

/** Nobody is left out, on every port: every pod of every namespace and every IPv4 address, or every address where blocks select pods too (S12). */
export function grantsEverything(rule: PolicyRule, { cidrSelectsPods }: EngineProfile): boolean {
  if (!rule.traffic.ports.covers(ALL_PORTS)) return false;
  const addresses = addressesOf(rule);
  return admitsEveryNamespace(rule) ? addresses.covers(IpSet.ALL_V4) : cidrSelectsPods && addresses.covers(IpSet.ALL);
}

/** The addresses among a rule's peers: all of them when it names no peer. */
export function addressesOf({ peers }: PolicyRule): IpSet {
  return peers === "everyone" ? IpSet.ALL : IpSet.unionOf(peers.flatMap((peer) => (peer.kind === "addresses" ? [peer.addresses] : [])));
}

/** Past so many different port lists the rules are taken together as if each had the ports of all: nobody writes that by hand. */
const MANY = 50;

interface Cell {
  readonly addresses: IpSet;
  /** Traffic to these addresses that no rule has granted yet. */
  readonly left: TrafficSet;
}

/** The addresses that the rules together let in, or out to, on all of the traffic, however they divide it between them. */
export function addressesGranted(rules: readonly PolicyRule[], traffic: TrafficSet): IpSet {
  const groups = byTraffic(rules, traffic);
  if (groups.length > MANY) return together(groups, traffic);
  const cells = groups.reduce<readonly Cell[]>((before, group) => before.flatMap((cell) => cut(cell, group)), [{ addresses: IpSet.ALL, left: traffic }]);
  return IpSet.unionOf(cells.filter(({ left }) => left.isEmpty).map(({ addresses }) => addresses));
}

interface Group {
  readonly granted: TrafficSet;
  readonly addresses: IpSet;
}

function byTraffic(rules: readonly PolicyRule[], wanted: TrafficSet): readonly Group[] {
  const groups = new Map<string, { readonly granted: TrafficSet; readonly addresses: IpSet[] }>();
  for (const rule of rules) {
    const granted = rule.traffic.ports.intersect(wanted);
    if (granted.isEmpty) continue;
    const key = granted.ranges.join();
    const group = groups.get(key);
    if (group) group.addresses.push(addressesOf(rule));
    else groups.set(key, { granted, addresses: [addressesOf(rule)] });
  }
  return [...groups.values()].map(({ granted, addresses }) => ({ granted, addresses: IpSet.unionOf(addresses) })).filter(({ addresses }) => !addresses.isEmpty);
}

function cut(cell: Cell, { granted, addresses }: Group): readonly Cell[] {
  if (cell.left.isEmpty) return [cell];
  const inside = { addresses: cell.addresses.intersect(addresses), left: cell.left.subtract(granted) };
  const outside = { addresses: cell.addresses.subtract(addresses), left: cell.left };
  return [inside, outside].filter((part) => !part.addresses.isEmpty);
}

function together(groups: readonly Group[], traffic: TrafficSet): IpSet {
  const granted = IntervalSet.unionOf(groups.map((group) => group.granted));
  return granted.covers(traffic) ? IpSet.unionOf(groups.map(({ addresses }) => addresses)) : IpSet.EMPTY;
}

/** Are pods of every namespace, whatever its labels, among the rule's peers? */
export function admitsEveryNamespace({ peers }: PolicyRule): boolean {
  if (peers === "everyone") return true;
  return coversEveryNamespace(peers.flatMap((peer) => (peer.kind === "pods" && peer.pods.isAll ? [peer.namespaces] : [])));
}

/** "kubernetes.io/metadata.name=<name> is set automatically on every namespace" (S8). Selectors of one label add up: `Exists` and `DoesNotExist` are everything. */
function coversEveryNamespace(boxes: readonly LabelBox[]): boolean {
  const leftOut = new Map<string, ValueSet[]>();
  for (const box of boxes.filter(({ isEmpty }) => !isEmpty)) {
    if (box.isAll) return true;
    const [first, ...others] = box.constraints;
    if (!first || others.length > 0) continue;
    const [key, values] = first;
    const known = leftOut.get(key);
    if (known) known.push(complementValues(values));
    else leftOut.set(key, [key === NAME_LABEL ? PRESENT : ANYTHING, complementValues(values)]);
  }
  return [...leftOut.values()].some((sets) => isNothing(intersectAllValues(sets)));
}
