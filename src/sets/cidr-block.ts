import type { IntervalSet } from "./interval-set.js";
import { formatAddress, type IpSet } from "./ip-set.js";

/** An aligned block of addresses, as CIDR notation writes it. */
export interface CidrBlock {
  readonly family: "ipv4" | "ipv6";
  readonly prefix: number;
  readonly text: string;
}

/** The widest block of a family that lies in the set in full, among those wider than `/limit`; undefined when there is none. */
export function blockWiderThan(set: IpSet, family: CidrBlock["family"], limit: number): CidrBlock | undefined {
  const ranges: readonly (readonly [number | bigint, number | bigint])[] = family === "ipv4" ? set.v4.ranges : set.v6.ranges;
  const bits = family === "ipv4" ? 32 : 128;
  for (let prefix = 0; prefix < limit; prefix++) {
    const size = 1n << BigInt(bits - prefix);
    for (const [low, high] of ranges) {
      const first = ((BigInt(low) + size - 1n) / size) * size;
      if (first + size - 1n <= BigInt(high)) return { family, prefix, text: `${formatAddress(family === "ipv4" ? Number(first) : first)}/${prefix}` };
    }
  }
  return undefined;
}

/** Has the set more addresses of a family than one block `/prefix` holds, whatever their order? */
export function isLargerThanBlock(set: IpSet, family: CidrBlock["family"], prefix: number): boolean {
  return family === "ipv4" ? sizeOf(set.v4) > 1n << BigInt(32 - prefix) : sizeOf(set.v6) > 1n << BigInt(128 - prefix);
}

function sizeOf(set: IntervalSet<number> | IntervalSet<bigint>): bigint {
  const ranges: readonly (readonly [number | bigint, number | bigint])[] = set.ranges;
  return ranges.reduce((sum, [low, high]) => sum + BigInt(high) - BigInt(low) + 1n, 0n);
}
