import { Memory } from "../model/memory.js";

const numbers = new Memory<object, number>();
let last = 0;

/** A number that stands for this very object in keys of what is remembered. */
export function numberOf(value: object): number {
  let number = numbers.get(value);
  if (number === undefined) numbers.set(value, (number = ++last));
  return number;
}
