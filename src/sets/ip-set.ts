import ipaddr from "ipaddr.js";
import { IntervalSet, type Range } from "./interval-set.js";

/** One address: IPv4 as a number, IPv6 as a bigint. An IPv4-mapped IPv6 address is its IPv4 address. */
export type Address = number | bigint;

/** An immutable set of IP addresses of both families. */
export class IpSet {
  readonly v4: IntervalSet<number>;
  readonly v6: IntervalSet<bigint>;

  constructor(v4: IntervalSet<number>, v6: IntervalSet<bigint>) {
    this.v4 = v4;
    this.v6 = v6;
  }

  static readonly EMPTY = new IpSet(IntervalSet.empty(), IntervalSet.empty());
  static readonly ALL_V4 = new IpSet(IntervalSet.of(0, 2 ** 32 - 1), IntervalSet.empty());
  static readonly ALL = new IpSet(IntervalSet.of(0, 2 ** 32 - 1), IntervalSet.of(0n, 2n ** 128n - 1n));

  static of(address: Address): IpSet {
    return typeof address === "bigint"
      ? new IpSet(IntervalSet.empty(), IntervalSet.of(address, address))
      : new IpSet(IntervalSet.of(address, address), IntervalSet.empty());
  }

  get isEmpty(): boolean {
    return this.v4.isEmpty && this.v6.isEmpty;
  }

  contains(address: Address): boolean {
    return typeof address === "bigint" ? this.v6.contains(address) : this.v4.contains(address);
  }

  union(other: IpSet): IpSet {
    return new IpSet(this.v4.union(other.v4), this.v6.union(other.v6));
  }

  /** All of them together, in one go. */
  static unionOf(sets: readonly IpSet[]): IpSet {
    if (sets.length === 1) return sets[0] as IpSet;
    return new IpSet(IntervalSet.unionOf(sets.map(({ v4 }) => v4)), IntervalSet.unionOf(sets.map(({ v6 }) => v6)));
  }

  intersect(other: IpSet): IpSet {
    return new IpSet(this.v4.intersect(other.v4), this.v6.intersect(other.v6));
  }

  subtract(other: IpSet): IpSet {
    return new IpSet(this.v4.subtract(other.v4), this.v6.subtract(other.v6));
  }

  covers(other: IpSet): boolean {
    return this.v4.covers(other.v4) && this.v6.covers(other.v6);
  }

  overlaps(other: IpSet): boolean {
    return this.v4.overlaps(other.v4) || this.v6.overlaps(other.v6);
  }

  equals(other: IpSet): boolean {
    return this.v4.equals(other.v4) && this.v6.equals(other.v6);
  }
}

/** Parses `10.0.0.1`, `fd00::1`; undefined when the text is no address. Strict: four decimal octets without leading zeros. */
export function parseAddress(text: string): Address | undefined {
  // The library says "no" by an error with its stack: asked of each IPv6 address whether it is an IPv4 one, that was most of reading it.
  if (!text.includes(":")) return ipaddr.IPv4.isValidFourPartDecimal(text) ? v4Number(ipaddr.IPv4.parse(text)) : undefined;
  if (text.includes("%") || !ipaddr.IPv6.isValid(text)) return undefined;
  const parsed = ipaddr.IPv6.parse(text);
  return parsed.isIPv4MappedAddress() ? v4Number(parsed.toIPv4Address()) : v6Number(parsed);
}

/**
 * Parses `10.0.0.0/8`, `fd00::/8`. Host bits are masked ("Host bits set in cidr are accepted for old objects", S11).
 * An IPv4-mapped block is read as the IPv4 block it maps. Undefined when the text is no CIDR.
 */
export function parseCidr(text: string): IpSet | undefined {
  const [, host = "", bits = ""] = /^([^/]+)\/(\d{1,3})$/.exec(text) ?? [];
  const address = parseAddress(host);
  if (address === undefined || bits === "") return undefined;
  const prefix = Number(bits);
  if (!host.includes(":")) return blockV4(address as number, prefix);
  if (typeof address === "number" && prefix >= 96) return blockV4(address, prefix - 96);
  return blockV6(typeof address === "number" ? BigInt(address) + MAPPED : address, prefix);
}

/** `::ffff:0:0`, where IPv4-mapped addresses begin. */
const MAPPED = 0xffff_0000_0000n;

function blockV4(address: number, prefix: number): IpSet | undefined {
  if (prefix > 32) return undefined;
  const size = 2 ** (32 - prefix);
  const low = Math.floor(address / size) * size;
  return new IpSet(IntervalSet.of(low, low + size - 1), IntervalSet.empty());
}

function blockV6(address: bigint, prefix: number): IpSet | undefined {
  if (prefix > 128) return undefined;
  const size = 1n << BigInt(128 - prefix);
  const low = (address / size) * size;
  return new IpSet(IntervalSet.empty(), IntervalSet.of(low, low + size - 1n));
}

/** The address as people write it. */
export function formatAddress(address: Address): string {
  if (typeof address === "number") return [24, 16, 8, 0].map((shift) => Math.floor(address / 2 ** shift) % 256).join(".");
  const bytes = Array.from({ length: 16 }, (_, i) => Number((address >> BigInt(8 * (15 - i))) & 0xffn));
  return new ipaddr.IPv6(bytes).toString();
}

/** An inclusive range as `a-b`. */
export function formatRange([low, high]: Range<number> | Range<bigint>): string {
  return `${formatAddress(low)}-${formatAddress(high)}`;
}

function v4Number(address: ipaddr.IPv4): number {
  return address.octets.reduce((sum, octet) => sum * 256 + octet, 0);
}

function v6Number(address: ipaddr.IPv6): bigint {
  return address.parts.reduce((sum, part) => (sum << 16n) + BigInt(part), 0n);
}
