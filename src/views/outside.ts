import { cutsOf, externalParty, rangesOf, type Party, type Survey, type SurveyOptions } from "../engine/survey.js";
import type { TrafficSet } from "../model/traffic.js";
import type { Range } from "../sets/interval-set.js";
import { formatAddress } from "../sets/ip-set.js";

type AddressRange = Range<number> | Range<bigint>;

/** Addresses of nobody in the cluster that fare alike with all that is shown. */
export interface OutsideGroup {
  readonly party: Party;
  readonly ranges: readonly string[];
  /** What is left when the others are taken away: most of the world. */
  readonly isRest: boolean;
}

export interface Outside {
  /** The largest first. */
  readonly groups: readonly OutsideGroup[];
  /** Groups past those. */
  readonly left: number;
}

/** Past so many groups the smallest ones are told as a number: a picture of a hundred blocks shows nothing. */
const GROUPS = 24;

/** The outside as policies tell it apart, seen from these parties. */
export function* outsideOf(survey: Survey, parties: readonly Party[], options: SurveyOptions): Generator<undefined, Outside> {
  const cuts = [...cutsOf(survey.reach, "ingress"), ...cutsOf(survey.reach, "egress")];
  const alike = new Map<string, { readonly party: Party; readonly ranges: AddressRange[] }>();
  const numbers = new Map<TrafficSet, number>();
  for (const range of rangesOf(cuts, options)) {
    const party = externalParty(survey.reach, range);
    const key = parties.map((other) => `${numberIn(numbers, survey.between(party, other))}.${numberIn(numbers, survey.between(other, party))}`).join(" ");
    const group = alike.get(key);
    if (group) group.ranges.push(range);
    else alike.set(key, { party, ranges: [range] });
    yield;
  }
  const [rest, ...others] = [...alike.values()].sort((a, b) => sizeOf(b.ranges) - sizeOf(a.ranges));
  const groups = [...(rest ? [rest] : []), ...others.slice(0, GROUPS)].map(({ party, ranges }, i) => ({ party, ranges: ranges.map(rangeText), isRest: i === 0 }));
  return { groups, left: Math.max(0, others.length - GROUPS) };
}

/** Traffic sets that are equal are one object. */
function numberIn(numbers: Map<TrafficSet, number>, traffic: TrafficSet): number {
  let number = numbers.get(traffic);
  if (number === undefined) numbers.set(traffic, (number = numbers.size));
  return number;
}

/** IPv6 counts as if it were as large as IPv4: only the order matters. */
function sizeOf(ranges: readonly AddressRange[]): number {
  return ranges.reduce((sum, [low, high]) => sum + (typeof low === "number" ? Number(high) - low + 1 : (Number(high) - Number(low) + 1) / 2 ** 96), 0);
}

/** `10.0.0.0/8` where a range is one block, else `a-b`. */
export function rangeText([low, high]: AddressRange): string {
  if (low === high) return formatAddress(low);
  const bits = typeof low === "number" ? 32 : 128;
  const size = BigInt(high) - BigInt(low) + 1n;
  const isBlock = (size & (size - 1n)) === 0n && BigInt(low) % size === 0n;
  return isBlock ? `${formatAddress(low)}/${bits - (size.toString(2).length - 1)}` : `${formatAddress(low)}-${formatAddress(high)}`;
}
