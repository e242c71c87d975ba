import type { Endpoint } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { failed, ok, type Result } from "../model/result.js";
import { PROTOCOLS, trafficPoint, type Protocol } from "../model/traffic.js";
import { endpointOf } from "./endpoints.js";
import { workloads } from "./workloads.js";

/** Ends and ports as people write them. */

/** The end that a text names: `namespace/pod`, `namespace/name[Kind]` (the kind may be left out) or an IP address; undefined for anything else. */
export function endNamed(snapshot: Snapshot, text: string): Endpoint | undefined {
  return endpointOf(snapshot, text) ?? endsOfWorkload(snapshot, text)[0];
}

/** The pods of the workload that `connectivity` calls by this name; its kind may be left out. */
export function endsOfWorkload(snapshot: Snapshot, text: string): readonly Endpoint[] {
  const found = workloads(snapshot).find(({ name }) => name === text || name.replace(/\[\w+\]$/, "") === text);
  return (found?.pods ?? []).map((pod) => ({ kind: "pod", pod: snapshot.pod(pod.namespace, pod.name) ?? pod }));
}

/** Traffic points of `80`, `UDP/53`, `53/UDP`, or a list of them by comma. A name is looked up among the ports of `dst`. */
export function pointsNamed(text: string, dst?: Endpoint): Result<readonly number[]> {
  const parts = text.split(",").map((part) => pointsOfPart(part.trim(), dst));
  const problems = parts.flatMap((part) => (part.ok ? [] : part.problems));
  return problems.length > 0 ? failed(...problems) : ok(parts.flatMap((part) => (part.ok ? part.value : [])));
}

function pointsOfPart(text: string, dst: Endpoint | undefined): Result<readonly number[]> {
  const [, before, port, after] = /^(?:([A-Za-z]+)\/)?([\w-]+)(?:\/([A-Za-z]+))?$/.exec(text) ?? [];
  const written = (before ?? after)?.toUpperCase();
  const protocol = PROTOCOLS.find((one) => one === written);
  if (port === undefined || (written !== undefined && protocol === undefined)) return wrong(`\`${text}\` is no port; write \`80\`, \`UDP/53\` or a port's name`);
  if (!/^\d+$/.test(port)) return namedPort(port, protocol, dst);
  return Number(port) >= 1 && Number(port) <= 65_535 ? ok([trafficPoint(protocol ?? "TCP", Number(port))]) : wrong(`\`${text}\`: a port is a number from 1 to 65535`);
}

function namedPort(name: string, protocol: Protocol | undefined, dst: Endpoint | undefined): Result<readonly number[]> {
  const ports = dst?.kind === "pod" ? dst.pod.ports : [];
  const named = ports.filter((port) => port.name === name && (protocol === undefined || port.protocol === protocol));
  if (named.length === 0) return wrong(`\`${name}\`: the destination declares no port of that name`);
  return ok(named.map((port) => trafficPoint(port.protocol, port.port)));
}

function wrong(message: string): Result<never> {
  return failed({ code: "use/port", message, path: "" });
}
