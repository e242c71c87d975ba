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
