/**
 * What one label key may hold: a finite or co-finite set of values, and whether the key may be absent.
 * Closed under intersection, union and complement, so every Kubernetes selector requirement is one of these.
 */
export interface ValueSet {
  /** true: every value but `values`; false: just `values`. */
  readonly allBut: boolean;
  readonly values: ReadonlySet<string>;
  /** true when a map without the key is a member. */
  readonly absent: boolean;
}

const NONE: ReadonlySet<string> = new Set();

export const ANYTHING: ValueSet = { allBut: true, values: NONE, absent: true };
export const NOTHING: ValueSet = { allBut: false, values: NONE, absent: false };
/** `Exists`: some value, whichever. */
export const PRESENT: ValueSet = { allBut: true, values: NONE, absent: false };
/** `DoesNotExist`. */
export const ABSENT: ValueSet = { allBut: false, values: NONE, absent: true };

/** `In`: one of the values; the key must be there. */
export function oneOf(values: Iterable<string>): ValueSet {
  return { allBut: false, values: new Set(values), absent: false };
}

/** `NotIn`: none of the values; an absent key matches (S7). */
export function noneOf(values: Iterable<string>): ValueSet {
  return { allBut: true, values: new Set(values), absent: true };
}

/** Membership of a label's value; `undefined` means the key is absent. */
export function admits(set: ValueSet, value: string | undefined): boolean {
  return value === undefined ? set.absent : set.values.has(value) !== set.allBut;
}

export function intersectValues(a: ValueSet, b: ValueSet): ValueSet {
  const absent = a.absent && b.absent;
  if (a.allBut && b.allBut) return { allBut: true, values: new Set([...a.values, ...b.values]), absent };
  const [finite, other] = a.allBut ? [b, a] : [a, b];
  return { allBut: false, values: new Set([...finite.values].filter((v) => other.values.has(v) !== other.allBut)), absent };
}

/** All of them together, in time that grows with the values they name: one object can name a hundred thousand, in one set or in one each. */
export function intersectAllValues(sets: readonly ValueSet[]): ValueSet {
  const absent = sets.every((set) => set.absent);
  const excluded = new Set<string>();
  for (const { allBut, values } of sets) if (allBut) for (const value of values) excluded.add(value);
  const finite = sets.filter(({ allBut }) => !allBut).map(({ values }) => values);
  const [first] = finite;
  if (!first) return { allBut: true, values: excluded, absent };
  const smallest = finite.reduce((best, values) => (values.size < best.size ? values : best), first);
  const common = new Set([...smallest].filter((value) => !excluded.has(value) && finite.every((values) => values.has(value))));
  return { allBut: false, values: new Set([...first].filter((value) => common.has(value))), absent };
}

export function complementValues(set: ValueSet): ValueSet {
  return { allBut: !set.allBut, values: set.values, absent: !set.absent };
}

/** True iff no map, with or without the key, is a member. A co-finite set always has a member: label values are unbounded. */
export function isNothing(set: ValueSet): boolean {
  return !set.allBut && set.values.size === 0 && !set.absent;
}

export function isAnything(set: ValueSet): boolean {
  return set.allBut && set.values.size === 0 && set.absent;
}

/** True iff every member of `inner` is one of `outer`. */
export function includes(outer: ValueSet, inner: ValueSet): boolean {
  if (isNothing(inner)) return true;
  if (inner.absent && !outer.absent) return false;
  if (inner.allBut && (!outer.allBut || outer.values.size > inner.values.size)) return false;
  for (const value of inner.allBut ? outer.values : inner.values) if (inner.allBut ? !inner.values.has(value) : !admits(outer, value)) return false;
  return true;
}

export function isSameSet(a: ValueSet, b: ValueSet): boolean {
  if (a.allBut !== b.allBut || a.absent !== b.absent || a.values.size !== b.values.size) return false;
  if (a.values === b.values) return true;
  for (const value of a.values) if (!b.values.has(value)) return false;
  return true;
}

/** Canonical text: equal sets, equal text. */
export function valueSetKey(set: ValueSet): string {
  return `${set.allBut ? "!" : ""}${set.absent ? "?" : ""}${JSON.stringify([...set.values].sort())}`;
}
