import { ALL_TRAFFIC, NO_TRAFFIC, type TrafficSet } from "../model/traffic.js";

/** Sets of traffic by number: equal sets are one object with one number, so that meeting two of them is a look-up. */
export class TrafficTable {
  private readonly sets: TrafficSet[] = [];
  private readonly numbers = new Map<string, number>();
  private readonly meetings = new Map<number, number>();

  constructor() {
    this.numberOf(NO_TRAFFIC);
    this.numberOf(ALL_TRAFFIC);
  }

  at(number: number): TrafficSet {
    return this.sets[number] as TrafficSet;
  }

  numberOf(set: TrafficSet): number {
    const key = set.ranges.join(";");
    let number = this.numbers.get(key);
    if (number === undefined) this.numbers.set(key, (number = this.sets.push(set) - 1));
    return number;
  }

  /** The number of what two sets have in common. */
  meet(a: number, b: number): number {
    if (a === b || b === ALL) return a;
    if (a === ALL) return b;
    if (a === NONE || b === NONE) return NONE;
    const pair = a < b ? a * LIMIT + b : b * LIMIT + a;
    let number = this.meetings.get(pair);
    if (number === undefined) this.meetings.set(pair, (number = this.numberOf(this.at(a).intersect(this.at(b)))));
    return number;
  }

  join(a: number, b: number): number {
    if (a === b || b === NONE) return a;
    return a === NONE ? b : this.numberOf(this.at(a).union(this.at(b)));
  }
}

/** Numbers of the two sets every table begins with. */
export const NONE = 0;
export const ALL = 1;

/** Far more sets than a cluster has, and small enough that a pair of numbers is exact as a double: 2^52. */
const LIMIT = 2 ** 26;
