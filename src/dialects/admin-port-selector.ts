import type { TrafficMatch } from "../model/policy.js";
import type { Protocol } from "../model/traffic.js";
import type { Part, Shape } from "./dialect.js";
import { namedMatch, portsMatch, protocolMatch, readPortName, readPortNumber, readPlainProtocol } from "./port-selector.js";

const PORT: Shape = {
  what: "a port",
  fields: ["portNumber", "namedPort", "portRange"],
  hints: {
    port: "put it into `portNumber`", protocol: "put it into `portNumber` or `portRange`",
    endPort: "write `portRange` with `start` and `end`", start: "put it into `portRange`", end: "put it into `portRange`",
  },
};
const NUMBER: Shape = { what: "`portNumber`", fields: ["protocol", "port"] };
const RANGE: Shape = { what: "`portRange`", fields: ["protocol", "start", "end"] };
const PROTOCOL: Shape = {
  what: "a protocol",
  fields: ["tcp", "udp", "sctp", "destinationNamedPort"],
  hints: {
    TCP: "write it in lower case", UDP: "write it in lower case", SCTP: "write it in lower case",
    portNumber: "write `tcp: {destinationPort: {number: ...}}`", portRange: "write `tcp: {destinationPort: {range: ...}}`",
    namedPort: "write `destinationNamedPort`", destinationPort: "put it into `tcp`, `udp` or `sctp`",
  },
};
const TRANSPORT: Shape = { what: "`tcp`, `udp` or `sctp`", fields: ["destinationPort"], hints: { number: "put it into `destinationPort`" } };
const DESTINATION: Shape = { what: "`destinationPort`", fields: ["number", "range"] };
const INTERVAL: Shape = { what: "`range`", fields: ["start", "end"] };

/** "portNumber{protocol,port} | namedPort (no protocol, matches the pod's port protocol) | portRange{protocol, start < end}" (A6). */
export function readAdminPort(part: Part): TrafficMatch | undefined {
  const field = part.choice(PORT);
  if (field === undefined) return undefined;
  const inner = part.at(field);
  if (field === "namedPort") return readNamed(inner);
  if (!inner.fits(field === "portNumber" ? NUMBER : RANGE)) return undefined;
  const protocol = readPlainProtocol(inner.at("protocol"));
  if (field === "portRange") return readRange(inner, protocol);
  const port = readPortNumber(inner.at("port"));
  return protocol && port !== undefined ? portsMatch(protocol, port, port) : undefined;
}

/** "exactly one of tcp | udp | sctp {destinationPort:{number | range}} | destinationNamedPort" (C3). */
export function readClusterProtocol(part: Part): TrafficMatch | undefined {
  const field = part.choice(PROTOCOL);
  if (field === undefined) return undefined;
  const inner = part.at(field);
  if (field === "destinationNamedPort") return readNamed(inner);
  const protocol = field.toUpperCase() as Protocol;
  if (!inner.fits(TRANSPORT)) return undefined;
  const destination = inner.at("destinationPort");
  // "`tcp: {}` is rejected today; evaluate it as all ports anyway" (C3).
  if (destination.absent) return protocolMatch(protocol);
  const which = destination.choice(DESTINATION);
  if (which === "range") {
    const range = destination.at(which);
    return range.fits(INTERVAL) ? readRange(range, protocol) : undefined;
  }
  const port = which && readPortNumber(destination.at(which));
  return port ? portsMatch(protocol, port, port) : undefined;
}

function readNamed(part: Part): TrafficMatch | undefined {
  const name = readPortName(part);
  return name === undefined ? undefined : namedMatch({ name });
}

function readRange(part: Part, protocol: Protocol | undefined): TrafficMatch | undefined {
  const [start, end] = [readPortNumber(part.at("start")), readPortNumber(part.at("end"))];
  if (!protocol || start === undefined || end === undefined) return undefined;
  if (start < end) return portsMatch(protocol, start, end);
  return part.problem("policy/port-range", `\`start\` ${start} must be less than \`end\` ${end}; write one port as a number`);
}
