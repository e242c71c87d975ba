import type { Range } from "../sets/interval-set.js";
import { formatAddress, IpSet, parseCidr } from "../sets/ip-set.js";

/**
 * IPv4 special-purpose ranges that are not globally reachable, or are not unicast.
 * Source: IANA IPv4 Special-Purpose Address Registry (RFC 6890 and its updates), and 224.0.0.0/4 (RFC 5771).
 */
const NOT_PUBLIC = [
  "0.0.0.0/8", "10.0.0.0/8", "100.64.0.0/10", "127.0.0.0/8", "169.254.0.0/16", "172.16.0.0/12", "192.0.0.0/24", "192.0.2.0/24",
  "192.88.99.0/24", "192.168.0.0/16", "198.18.0.0/15", "198.51.100.0/24", "203.0.113.0/24", "224.0.0.0/4", "240.0.0.0/4",
] as const;
/** Parts of 192.0.0.0/24 that the registry marks globally reachable: PCP anycast (RFC 7723) and TURN anycast (RFC 8155). */
const PUBLIC_AGAIN = ["192.0.0.9/32", "192.0.0.10/32"] as const;

/** What `the Internet` means unless the profile says otherwise: IPv4 without the special-purpose ranges, as CIDRs. */
export function publicInternet(): readonly string[] {
  const blocked = union(NOT_PUBLIC).subtract(union(PUBLIC_AGAIN));
  return IpSet.ALL_V4.subtract(blocked).v4.ranges.flatMap(cidrsOf);
}

function union(cidrs: readonly string[]): IpSet {
  return cidrs.reduce((set, cidr) => set.union(parseCidr(cidr) ?? IpSet.EMPTY), IpSet.EMPTY);
}

/** The fewest CIDR blocks that make up an inclusive range of IPv4 addresses. */
function cidrsOf([low, high]: Range<number>): string[] {
  const out: string[] = [];
  let at = low;
  while (at <= high) {
    let bits = 0;
    while (bits < 32 && at % 2 ** (bits + 1) === 0 && at + 2 ** (bits + 1) - 1 <= high) bits++;
    out.push(`${formatAddress(at)}/${32 - bits}`);
    at += 2 ** bits;
  }
  return out;
}

/** Is the text an IPv4 or IPv6 block? */
export function isCidr(text: string): boolean {
  return parseCidr(text) !== undefined;
}
