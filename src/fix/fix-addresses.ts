import { IntervalSet, type Range } from "../sets/interval-set.js";
import { formatAddress, type IpSet } from "../sets/ip-set.js";

/** An `ipBlock`, as people write it. */
export interface IpBlock {
  readonly cidr: string;
  readonly except?: readonly string[];
}

/** Few blocks that together are the set: per family either its blocks, or the block around it with what to leave out, whichever is shorter. */
export function ipBlocksOf({ v4, v6 }: IpSet): readonly IpBlock[] {
  const wide = v4.ranges.map(([low, high]): Range<bigint> => [BigInt(low), BigInt(high)]);
  return [...blocksOf(wide, 32), ...blocksOf(v6.ranges, 128)];
}

interface Cidr {
  readonly low: bigint;
  readonly prefix: number;
}

function blocksOf(ranges: readonly Range<bigint>[], width: number): readonly IpBlock[] {
  const [first, last] = [ranges[0], ranges[ranges.length - 1]];
  if (!first || !last) return [];
  const text = ({ low, prefix }: Cidr): string => `${formatAddress(width === 32 ? Number(low) : low)}/${prefix}`;
  const plain = ranges.flatMap((range) => cidrsOf(range, width));
  const around = cidrAround([first[0], last[1]], width);
  const outside = IntervalSet.of(around.low, around.low + sizeOf(around, width) - 1n).subtract(IntervalSet.from(ranges));
  const except = outside.ranges.flatMap((range) => cidrsOf(range, width));
  if (except.length + 1 >= plain.length) return plain.map((cidr) => ({ cidr: text(cidr) }));
  return [{ cidr: text(around), except: except.map(text) }];
}

function sizeOf({ prefix }: Cidr, width: number): bigint {
  return 1n << BigInt(width - prefix);
}

/** The largest aligned blocks that fit, from the low end on. */
function cidrsOf([low, high]: Range<bigint>, width: number): readonly Cidr[] {
  const out: Cidr[] = [];
  for (let at = low; at <= high; ) {
    let prefix = width;
    while (prefix > 0) {
      const size = 1n << BigInt(width - prefix + 1);
      if (at % size !== 0n || at + size - 1n > high) break;
      prefix--;
    }
    out.push({ low: at, prefix });
    at += 1n << BigInt(width - prefix);
  }
  return out;
}

function cidrAround([low, high]: Range<bigint>, width: number): Cidr {
  let prefix = width;
  while (low >> BigInt(width - prefix) !== high >> BigInt(width - prefix)) prefix--;
  const shift = BigInt(width - prefix);
  return { low: (low >> shift) << shift, prefix };
}
