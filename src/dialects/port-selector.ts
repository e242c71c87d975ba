import { IntervalSet } from "../sets/interval-set.js";
import { ALL_TRAFFIC, NO_TRAFFIC, portRange, PROTOCOLS, type Protocol } from "../model/traffic.js";
import type { NamedPort, TrafficMatch } from "../model/policy.js";
import { list, quote, type Part } from "./dialect.js";

export const EVERYTHING: TrafficMatch = { ports: ALL_TRAFFIC, named: [] };
export const NOTHING: TrafficMatch = { ports: NO_TRAFFIC, named: [] };

const MAX_PORT = 65_535;

/** TCP unless given (S9); undefined when it is none of the three. */
export function readProtocol(part: Part): Protocol | undefined {
  if (part.absent) return "TCP";
  const known = PROTOCOLS.find((protocol) => protocol === part.value);
  if (known) return known;
  const word = typeof part.value === "string" ? part.value.trim().toUpperCase() : "";
  const meant = PROTOCOLS.find((protocol) => protocol === word);
  return part.problem("policy/unknown-protocol", `unknown protocol ${quote(part.value)}; ${meant ? `did you mean \`${meant}\`` : `one of ${list(PROTOCOLS)}`}`);
}

/** The same where the Go type is no pointer: there "" is the field left out. */
export function readPlainProtocol(part: Part): Protocol | undefined {
  return part.value === "" ? "TCP" : readProtocol(part);
}

/** The last port of a range. One past 65535 is refused by the API server, but what it means is not in doubt: to the last port. */
export function readLastPort(part: Part): number | undefined {
  const high = readPortNumber(part);
  return high === undefined && typeof part.value === "number" && Number.isInteger(part.value) && part.value > MAX_PORT ? MAX_PORT : high;
}

/** A port number, 1 to 65535; a missing one is a problem. */
export function readPortNumber(part: Part): number | undefined {
  if (part.absent) return part.problem("policy/no-port", "a port number is missing");
  return part.whole(1, MAX_PORT);
}

/** A container port's name: at most 15 lower case letters, digits and dashes, with a letter (IANA service name). */
export function readPortName(part: Part): string | undefined {
  const name = part.text();
  if (name === undefined) return undefined;
  if (name.length <= 15 && /^[a-z0-9]+(-[a-z0-9]+)*$/.test(name) && /[a-z]/.test(name)) return name;
  const advice = /^\d+$/.test(name) ? "; a port number is written without quotes" : /^\d+ *[-:] *\d+$/.test(name) ? "; a range is written as its first port and its last one" : "";
  return part.problem("policy/bad-port-name", `${quote(name)} is no port name${advice}`);
}

export function portsMatch(protocol: Protocol, low: number, high: number): TrafficMatch {
  return { ports: portRange(protocol, low, high), named: [] };
}

export function protocolMatch(protocol: Protocol): TrafficMatch {
  return { ports: portRange(protocol), named: [] };
}

export function namedMatch(port: NamedPort): TrafficMatch {
  return { ports: NO_TRAFFIC, named: [port] };
}

/** What any of the items matches. */
export function anyOf(items: readonly TrafficMatch[]): TrafficMatch {
  return { ports: IntervalSet.from(items.flatMap((item) => item.ports.ranges)), named: items.flatMap((item) => item.named) };
}
