import { Memory } from "../model/memory.js";
import { complementValues, type ValueSet } from "../sets/value-set.js";

const LABEL_VALUE = /^([A-Za-z0-9]([-A-Za-z0-9_.]{0,61}[A-Za-z0-9])?)?$/;

/** Can a label have this value? */
export function isLabelValue(value: string): boolean {
  return LABEL_VALUE.test(value);
}

const readable = new Memory<ReadonlySet<string>, ReadonlySet<string>>();

/** The values that a label can have; the same set when all of them are. Known of a set once it was asked: a selector can name a hundred thousand. */
export function labelValuesIn(values: ReadonlySet<string>): ReadonlySet<string> {
  let known = readable.get(values);
  if (!known) readable.set(values, (known = [...values].every(isLabelValue) ? values : new Set([...values].filter(isLabelValue))));
  return known;
}

/** A value like `stem` that is not taken. */
export function freshValue(stem: string, isTaken: (value: string) => boolean): string {
  let value = stem;
  for (let i = 2; isTaken(value); i++) value = `${stem}-${i}`;
  return value;
}

/** Stem of values that stand for all that nobody mentions. */
export const OTHER = "other";

/** A value of the set, which has one. */
export function valueIn({ allBut, values }: ValueSet): string {
  if (allBut) return freshValue(OTHER, (value) => values.has(value));
  let least: string | undefined;
  for (const value of values) if (least === undefined || value < least) least = value;
  return least ?? "";
}

/** A value that is not in the set, which lacks one. */
export function valueOutside(set: ValueSet): string {
  return valueIn(complementValues(set));
}

/** Values that are told apart one by one. */
const FEW = 64;

/** Values that stand for all that some sets of them mention: all where they are few, else at least one of each sort that the sets can tell apart. */
export function sortsOf(sets: readonly ReadonlySet<string>[], isOne: (value: string) => boolean): readonly string[] {
  const few = new Set(sets.filter(({ size }) => size <= FEW).flatMap((values) => [...values]));
  const named = [...few].filter(isOne);
  const large = largeAmong(sets);
  const [only, ...others] = large;
  if (!only) return named;
  const isSort = (value: string): boolean => !few.has(value) && isOne(value);
  if (others.length > 0) return [...named, ...oneOfEachSort(large, isSort)];
  for (const value of only) if (isSort(value)) return [...named, value];
  return named;
}

/** How many values `sortsOf` looks at. */
export function sortingCost(sets: readonly ReadonlySet<string>[]): number {
  const large = largeAmong(sets);
  const few = sets.filter(({ size }) => size <= FEW);
  return [...few, ...(large.length > 1 ? large : [])].reduce((sum, { size }) => sum + size, 0);
}

/** Each once: an atom and its like with an absent label share their values. */
function largeAmong(sets: readonly ReadonlySet<string>[]): readonly ReadonlySet<string>[] {
  return [...new Set(sets.filter(({ size }) => size > FEW))];
}

/** The first value of each sort: of those that lie in the same sets. */
function oneOfEachSort(sets: readonly ReadonlySet<string>[], isOne: (value: string) => boolean): readonly string[] {
  const sorts = new Map<string, number>();
  let last = 0;
  for (const values of sets) {
    const within = new Map<number, number>();
    for (const value of values) {
      const sort = sorts.get(value) ?? 0;
      let next = within.get(sort);
      if (next === undefined) within.set(sort, (next = ++last));
      sorts.set(value, next);
    }
  }
  const firsts = new Map<number, string>();
  for (const [value, sort] of sorts) if (!firsts.has(sort) && isOne(value)) firsts.set(sort, value);
  return [...firsts.values()];
}
