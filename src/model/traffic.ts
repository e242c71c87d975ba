import { IntervalSet, type Range } from "../sets/interval-set.js";

/**
 * Traffic is a set of (protocol, destination port). Each protocol owns a block of 65,536 whole numbers, so that a set
 * of traffic is one interval set. `OTHER` stands for every protocol without ports that policies name, ICMP above all (U6).
 */
export type Protocol = "TCP" | "UDP" | "SCTP";

export type TrafficSet = IntervalSet<number>;

export const PROTOCOLS: readonly Protocol[] = ["TCP", "UDP", "SCTP"];

const BLOCK = 65_536;
const MAX_PORT = 65_535;
const OTHER_POINT = 3 * BLOCK;
const base: Readonly<Record<Protocol, number>> = { TCP: 0, UDP: BLOCK, SCTP: 2 * BLOCK };

/** The number that stands for one destination port (1-65535) of a protocol. */
export function trafficPoint(protocol: Protocol, port: number): number {
  return base[protocol] + port;
}

/** Ports `low` to `high`, both included, of a protocol; all of its ports by default. */
export function portRange(protocol: Protocol, low = 1, high = MAX_PORT): TrafficSet {
  return IntervalSet.of(base[protocol] + low, base[protocol] + high);
}

export const NO_TRAFFIC: TrafficSet = IntervalSet.empty();
/** Every port of TCP, UDP and SCTP. */
export const ALL_PORTS: TrafficSet = IntervalSet.from(PROTOCOLS.map((p): Range<number> => [base[p] + 1, base[p] + MAX_PORT]));
/** ICMP and every other protocol without ports. */
export const OTHER_TRAFFIC: TrafficSet = IntervalSet.of(OTHER_POINT, OTHER_POINT);
export const ALL_TRAFFIC: TrafficSet = ALL_PORTS.union(OTHER_TRAFFIC);

/** The protocol and port of a point; undefined port and protocol for `OTHER`. */
export function pointOf(point: number): { readonly protocol: Protocol; readonly port: number } | undefined {
  if (point === OTHER_POINT) return undefined;
  const protocol = PROTOCOLS[Math.floor(point / BLOCK)];
  return protocol && { protocol, port: point % BLOCK };
}

/** Ranges of ports of one protocol in a set. */
export function portsOf(set: TrafficSet, protocol: Protocol): readonly Range<number>[] {
  return set.intersect(portRange(protocol)).ranges.map(([low, high]) => [low - base[protocol], high - base[protocol]]);
}

/**
 * Text as the conformance cases write it: `All Connections`, `No Connections`, or protocols in the order
 * SCTP, TCP, UDP with their ports: `SCTP 1-65535,TCP 1-79,81-65535`. Traffic without ports is not written.
 */
export function formatTraffic(set: TrafficSet): string {
  if (set.covers(ALL_PORTS)) return "All Connections";
  const parts = (["SCTP", "TCP", "UDP"] as const).flatMap((protocol) => {
    const ports = portsOf(set, protocol).map(([low, high]) => (low === high ? `${low}` : `${low}-${high}`));
    return ports.length > 0 ? [`${protocol} ${ports.join(",")}`] : [];
  });
  return parts.length > 0 ? parts.join(",") : "No Connections";
}
