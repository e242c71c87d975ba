/** A set of small whole numbers: number n is bit n % 32 of word n / 32. Sets of different lengths mix; what lies past the end is not a member. */
export type Bitset = Uint32Array;

/** An empty set with room for the numbers below `size`. */
export function emptyBits(size: number): Bitset {
  return new Uint32Array((size + 31) >>> 5);
}

/** The set of all numbers below `size`. */
export function fullBits(size: number): Bitset {
  const bits = emptyBits(size).fill(0xffffffff);
  const extra = size & 31;
  if (extra > 0) bits[bits.length - 1] = 2 ** extra - 1;
  return bits;
}

/** Writes to the set: only its maker may do so, before anyone else sees it. `n` must have room. */
export function addBit(bits: Bitset, n: number): void {
  bits[n >>> 5] = (bits[n >>> 5] as number) | (1 << (n & 31));
}

export function hasBit(bits: Bitset, n: number): boolean {
  return (((bits[n >>> 5] ?? 0) >>> (n & 31)) & 1) === 1;
}

export function bothBits(a: Bitset, b: Bitset): Bitset {
  const out = new Uint32Array(Math.min(a.length, b.length));
  for (let i = 0; i < out.length; i++) out[i] = (a[i] as number) & (b[i] as number);
  return out;
}

/** Members of `a` that `b` does not have. */
export function withoutBits(a: Bitset, b: Bitset): Bitset {
  const out = new Uint32Array(a);
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) out[i] = (a[i] as number) & ~(b[i] as number);
  return out;
}

export function eitherBits(a: Bitset, b: Bitset): Bitset {
  const [long, short] = a.length >= b.length ? [a, b] : [b, a];
  const out = new Uint32Array(long);
  for (let i = 0; i < short.length; i++) out[i] = (long[i] as number) | (short[i] as number);
  return out;
}

/** True iff some number is in both sets. */
export function meetBits(a: Bitset, b: Bitset): boolean {
  const length = Math.min(a.length, b.length);
  for (let i = 0; i < length; i++) if (((a[i] as number) & (b[i] as number)) !== 0) return true;
  return false;
}

/** True iff `b` has every member of `a`. */
export function withinBits(a: Bitset, b: Bitset): boolean {
  for (let i = 0; i < a.length; i++) if (((a[i] as number) & ~(b[i] ?? 0)) !== 0) return false;
  return true;
}

export function countBits(bits: Bitset): number {
  let count = 0;
  for (const word of bits) count += ones(word);
  return count;
}

/** Members in ascending order. */
export function* membersOf(bits: Bitset): Generator<number> {
  for (let i = 0; i < bits.length; i++) {
    let word = bits[i] as number;
    while (word !== 0) {
      const lowest = word & -word;
      yield i * 32 + (31 - Math.clz32(lowest));
      word ^= lowest;
    }
  }
}

/** Ones of a 32-bit word, counted in parallel (Hacker's Delight, 5-1). */
function ones(word: number): number {
  let n = word - ((word >>> 1) & 0x55555555);
  n = (n & 0x33333333) + ((n >>> 2) & 0x33333333);
  return (((n + (n >>> 4)) & 0x0f0f0f0f) * 0x01010101) >>> 24;
}
