/** A whole number: `number` for ports and IPv4 addresses, `bigint` for IPv6 addresses. */
export type Whole = number | bigint;

/** An inclusive range of whole numbers, `[low, high]` with `low <= high`. */
export type Range<T extends Whole> = readonly [low: T, high: T];

/**
 * An immutable set of whole numbers in normal form: sorted, disjoint ranges that do not touch.
 * Two equal sets have equal `ranges` (habit: values are built by constructors that keep the normal form).
 */
export class IntervalSet<T extends Whole> {
  readonly ranges: readonly Range<T>[];

  private constructor(ranges: readonly Range<T>[]) {
    this.ranges = ranges;
  }

  /** Builds a set from ranges in any order; ranges with `low > high` are empty. */
  static from<T extends Whole>(ranges: readonly Range<T>[]): IntervalSet<T> {
    const sorted = ranges.filter(([low, high]) => low <= high).sort((a, b) => (a[0] < b[0] ? -1 : a[0] > b[0] ? 1 : 0));
    const merged: [T, T][] = [];
    for (const [low, high] of sorted) {
      const last = merged[merged.length - 1];
      if (last && low <= next(last[1])) {
        if (high > last[1]) last[1] = high;
      } else merged.push([low, high]);
    }
    return new IntervalSet(merged);
  }

  static of<T extends Whole>(low: T, high: T): IntervalSet<T> {
    return IntervalSet.from([[low, high]]);
  }

  static empty<T extends Whole>(): IntervalSet<T> {
    return new IntervalSet<T>([]);
  }

  get isEmpty(): boolean {
    return this.ranges.length === 0;
  }

  contains(point: T): boolean {
    let low = 0;
    let high = this.ranges.length - 1;
    while (low <= high) {
      const middle = (low + high) >> 1;
      const range = this.ranges[middle] as Range<T>;
      if (point < range[0]) high = middle - 1;
      else if (point > range[1]) low = middle + 1;
      else return true;
    }
    return false;
  }

  union(other: IntervalSet<T>): IntervalSet<T> {
    if (this.isEmpty) return other;
    if (other.isEmpty) return this;
    return IntervalSet.from([...this.ranges, ...other.ranges]);
  }

  /** All of them together; in one go, because one after the other costs the square of their number. */
  static unionOf<T extends Whole>(sets: readonly IntervalSet<T>[]): IntervalSet<T> {
    return IntervalSet.from(sets.flatMap(({ ranges }) => ranges));
  }

  intersect(other: IntervalSet<T>): IntervalSet<T> {
    const out: Range<T>[] = [];
    let i = 0;
    let j = 0;
    while (i < this.ranges.length && j < other.ranges.length) {
      const a = this.ranges[i] as Range<T>;
      const b = other.ranges[j] as Range<T>;
      const low = a[0] > b[0] ? a[0] : b[0];
      const high = a[1] < b[1] ? a[1] : b[1];
      if (low <= high) out.push([low, high]);
      if (a[1] < b[1]) i++;
      else j++;
    }
    return new IntervalSet(out);
  }

  subtract(other: IntervalSet<T>): IntervalSet<T> {
    const out: Range<T>[] = [];
    let j = 0;
    for (const [start, end] of this.ranges) {
      let low = start;
      while (j < other.ranges.length && (other.ranges[j] as Range<T>)[1] < low) j++;
      let k = j;
      while (low <= end && k < other.ranges.length && (other.ranges[k] as Range<T>)[0] <= end) {
        const [cutLow, cutHigh] = other.ranges[k] as Range<T>;
        if (cutLow > low) out.push([low, previous(cutLow)]);
        low = next(cutHigh);
        k++;
      }
      if (low <= end) out.push([low, end]);
    }
    return new IntervalSet(out);
  }

  /** True iff every member of `other` is a member of this set. */
  covers(other: IntervalSet<T>): boolean {
    return other.subtract(this).isEmpty;
  }

  overlaps(other: IntervalSet<T>): boolean {
    return !this.intersect(other).isEmpty;
  }

  equals(other: IntervalSet<T>): boolean {
    return (
      this.ranges.length === other.ranges.length &&
      this.ranges.every(([low, high], i) => low === other.ranges[i]?.[0] && high === other.ranges[i]?.[1])
    );
  }
}

/** The whole number after `value`, in its own type. */
export function next<T extends Whole>(value: T): T {
  return (typeof value === "bigint" ? value + 1n : (value as number) + 1) as T;
}

/** The whole number before `value`, in its own type. */
export function previous<T extends Whole>(value: T): T {
  return (typeof value === "bigint" ? value - 1n : (value as number) - 1) as T;
}

/**
 * Cuts `space` at every boundary of `cuts`: the coarsest partition of `space` into ranges such that each cut
 * holds all of a range or none of it ("elementary intervals", Delta-net).
 */
export function elementary<T extends Whole>(space: IntervalSet<T>, cuts: readonly IntervalSet<T>[]): Range<T>[] {
  const starts = new Set<T>();
  for (const cut of cuts) {
    for (const [low, high] of cut.ranges) {
      starts.add(low);
      starts.add(next(high));
    }
  }
  const sorted = [...starts].sort((a, b) => (a < b ? -1 : a > b ? 1 : 0));
  const out: Range<T>[] = [];
  let at = 0;
  for (const [low, high] of space.ranges) {
    while (at < sorted.length && (sorted[at] as T) <= low) at++;
    let from = low;
    while (at < sorted.length && (sorted[at] as T) <= high) {
      const cut = sorted[at] as T;
      out.push([from, previous(cut)]);
      from = cut;
      at++;
    }
    out.push([from, high]);
  }
  return out;
}
