import type { Policy, PolicyRule } from "../model/policy.js";
import { next, type IntervalSet, type Whole } from "../sets/interval-set.js";
import type { Address, IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import { Memory } from "../model/memory.js";

/**
 * What policies read: label keys of pods, names of ports, sets of addresses. Two ends that agree on all of it are one class (R1).
 * It only grows; `version` rises with it, and what was described by an older version is described anew when it is asked for.
 */
export class Vocabulary {
  version = 0;
  readonly labelKeys = new Set<string>();
  readonly portNames = new Set<string>();
  private readonly addressSets: IpSet[] = [];
  private readonly setNumbers = new Map<string, number>();
  private readonly known = new WeakSet<Policy>();
  private readonly v4 = new Cells<number>((set) => set.v4);
  private readonly v6 = new Cells<bigint>((set) => set.v6);

  learn(policy: Policy): void {
    if (this.known.has(policy)) return;
    this.known.add(policy);
    const before = this.size;
    this.learnBox(policy.subject.pods);
    for (const rule of policy.rules.ingress) this.learnRule(rule);
    for (const rule of policy.rules.egress) this.learnRule(rule);
    if (this.size > before) this.version++;
  }

  /** The number of a set of addresses; sets that are equal have one number. */
  numberOf(set: IpSet): number {
    const key = keyOf(set);
    const known = this.setNumbers.get(key);
    if (known !== undefined) return known;
    this.setNumbers.set(key, this.addressSets.length);
    this.v4.add(set);
    this.v6.add(set);
    return this.addressSets.push(set) - 1;
  }

  /** Numbers of the sets that hold the address, ascending. */
  setsWith(address: Address): readonly number[] {
    return typeof address === "bigint" ? this.v6.setsWith(address) : this.v4.setsWith(address);
  }

  private get size(): number {
    return this.labelKeys.size + this.portNames.size + this.addressSets.length;
  }

  private learnBox(box: LabelBox): void {
    for (const key of box.constraints.keys()) this.labelKeys.add(key);
  }

  private learnRule({ peers, traffic }: PolicyRule): void {
    for (const { name } of traffic.named) this.portNames.add(name);
    if (peers === "everyone") return;
    for (const peer of peers) {
      if (peer.kind === "pods") this.learnBox(peer.pods);
      if (peer.kind === "addresses") this.numberOf(peer.addresses);
    }
  }
}

/** The elementary cells of one address family: addresses of one cell lie in the same sets (R3, R4). Membership is worked out per cell when asked. */
class Cells<T extends Whole> {
  private readonly sets: IntervalSet<T>[] = [];
  private starts: readonly T[] | undefined;
  private readonly membership = new Map<number, readonly number[]>();
  private readonly part: (set: IpSet) => IntervalSet<T>;

  constructor(part: (set: IpSet) => IntervalSet<T>) {
    this.part = part;
  }

  add(set: IpSet): void {
    this.sets.push(this.part(set));
    this.starts = undefined;
    this.membership.clear();
  }

  setsWith(address: T): readonly number[] {
    const cell = lastAtMost((this.starts ??= startsOf(this.sets)), address);
    const known = this.membership.get(cell);
    if (known) return known;
    const numbers = this.sets.flatMap((set, number) => (set.contains(address) ? [number] : []));
    this.membership.set(cell, numbers);
    return numbers;
  }
}

function startsOf<T extends Whole>(sets: readonly IntervalSet<T>[]): readonly T[] {
  const starts = new Set(sets.flatMap((set) => set.ranges.flatMap(([low, high]) => [low, next(high)])));
  return [...starts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
}

/** Index of the last item that is at most `value`; -1 when there is none. */
function lastAtMost<T extends Whole>(sorted: readonly T[], value: T): number {
  let low = 0;
  let high = sorted.length;
  while (low < high) {
    const middle = (low + high) >>> 1;
    if ((sorted[middle] as T) <= value) low = middle + 1;
    else high = middle;
  }
  return low - 1;
}

const keys = new Memory<IpSet, string>();

function keyOf(set: IpSet): string {
  let key = keys.get(set);
  if (key === undefined) keys.set(set, (key = `${set.v4.ranges.join(";")}|${set.v6.ranges.join(";")}`));
  return key;
}
