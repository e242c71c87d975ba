import { WrongUse } from "../config.js";
import { endpointOf } from "../engine/endpoints.js";
import { workloads } from "../engine/workloads.js";
import type { Endpoint } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { PROTOCOLS, trafficPoint, type Protocol } from "../model/traffic.js";

/** The end that a flag names: `namespace/pod`, `namespace/name[Kind]` or an IP address. */
export function parseEnd(snapshot: Snapshot, flag: string, text: string | undefined): Endpoint {
  if (text === undefined) throw new WrongUse(`\`${flag}\` is missing: \`namespace/pod\` or an IP address`);
  const end = endpointOf(snapshot, text) ?? workloadPod(snapshot, text);
  if (end) return end;
  const [namespace = "", name] = text.split("/");
  if (name === undefined) throw new WrongUse(`\`${flag} ${text}\` is neither \`namespace/pod\` nor an IP address`);
  throw new WrongUse(`unknown pod \`${text}\`; ${knownPods(snapshot, namespace)}`);
}

const SHOWN = 10;

function knownPods(snapshot: Snapshot, namespace: string): string {
  const pods = [...(snapshot.namespaces.get(namespace)?.pods.keys() ?? [])].sort();
  if (pods.length === 0) return `namespace \`${namespace}\` has no pods`;
  return `pods of \`${namespace}\`: ${pods.slice(0, SHOWN).join(", ")}${pods.length > SHOWN ? ", ..." : ""}`;
}

/** Some pod of the workload that `connectivity` calls by this name; its kind may be left out. */
function workloadPod(snapshot: Snapshot, text: string): Endpoint | undefined {
  const [pod] = workloads(snapshot).find(({ name }) => name === text || name.replace(/\[\w+\]$/, "") === text)?.pods ?? [];
  return pod && { kind: "pod", pod };
}

/** Traffic points of `80`, `UDP/53`, `53/UDP`, or a list of them by comma. A name is looked up among the ports of `dst`. */
export function parseTraffic(text: string, dst?: Endpoint): readonly number[] {
  return text.split(",").flatMap((part) => parsePort(part.trim(), dst));
}

function parsePort(text: string, dst: Endpoint | undefined): readonly number[] {
  const [, before, port, after] = /^(?:([A-Za-z]+)\/)?([\w-]+)(?:\/([A-Za-z]+))?$/.exec(text) ?? [];
  const written = (before ?? after)?.toUpperCase();
  const protocol = PROTOCOLS.find((one) => one === written);
  const unknownProtocol = written !== undefined && protocol === undefined;
  if (port === undefined || unknownProtocol) throw new WrongUse(`\`--port ${text}\` is no port; write \`80\`, \`UDP/53\` or a port's name`);
  return /^\d+$/.test(port) ? [trafficPoint(protocol ?? "TCP", portNumber(port))] : namedPort(port, protocol, dst);
}

function portNumber(text: string): number {
  if (Number(text) >= 1 && Number(text) <= 65_535) return Number(text);
  throw new WrongUse(`\`--port ${text}\`: a port is a number from 1 to 65535`);
}

function namedPort(name: string, protocol: Protocol | undefined, dst: Endpoint | undefined): readonly number[] {
  const ports = dst?.kind === "pod" ? dst.pod.ports : [];
  const named = ports.filter((port) => port.name === name && (protocol === undefined || port.protocol === protocol));
  if (named.length === 0) throw new WrongUse(`\`--port ${name}\`: the destination declares no port of that name`);
  return named.map((port) => trafficPoint(port.protocol, port.port));
}
