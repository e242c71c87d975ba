import { WrongUse, type Config } from "../config.js";
import { endpointOf } from "../engine/endpoints.js";
import type { Flow, FlowPeer, PodSpace } from "../proof/question.js";
import type { Namespace, Pod } from "../model/endpoint.js";
import { readLabelSelector } from "../model/label-selector.js";
import { ok } from "../model/result.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_PORTS, NO_TRAFFIC, pointOf, portRange, type TrafficSet } from "../model/traffic.js";
import { compileEndpoint } from "../rules/endpoint-selector.js";
import { unwrap } from "./command.js";
import { parseTraffic } from "./end-selector.js";

/** One question of `--from`, `--to` and `--port`, with the words it was asked in. */
export interface AskedFlow {
  readonly what: string;
  readonly flow: Flow;
}

/**
 * The flows that the flags ask about: each pod of the sources, running or not yet created, to all of the destinations. Where the
 * sources are addresses, the destinations are the subject.
 */
export function flowsOf({ fromAll, toAll, traffic }: Config, snapshot: Snapshot): readonly AskedFlow[] {
  if (fromAll === undefined || toAll === undefined) throw new WrongUse("a flow needs `--from` and `--to`");
  const ports = traffic === undefined ? ALL_PORTS : trafficSet(traffic);
  const outside = addressPeers(fromAll, snapshot);
  const [subject, direction] = outside ? ([toAll, "ingress"] as const) : ([fromAll, "egress"] as const);
  const peers = outside ?? peersOf(toAll, snapshot);
  const words = `${fromAll} to ${toAll}${traffic === undefined ? "" : ` on ${traffic}`}`;
  const spaces = spacesOf(subject, snapshot);
  if (!spaces) throw new WrongUse(outside ? "one of `--from` and `--to` must be pods" : `\`--from ${fromAll}\` names no namespace and no pod, and is no CIDR`);
  return spaces.map((space) => ({
    what: spaces.length === 1 ? words : `${"future" in space.namespace ? "(a future namespace)" : space.namespace.name}: ${words}`,
    flow: { subject: space, direction, anyOf: [{ peers, traffic: ports }] },
  }));
}

/** Every pod of one namespace, for `--isolated`. */
export function namespaceSpace(name: string, snapshot: Snapshot): PodSpace {
  return { namespace: known(name, snapshot), pods: readLabelSelector({}, "").box, ports: [] };
}

function trafficSet(text: string): TrafficSet {
  return parseTraffic(text).reduce((set, traffic) => {
    const point = pointOf(traffic);
    return point ? set.union(portRange(point.protocol, point.port, point.port)) : set;
  }, NO_TRAFFIC);
}

function peersOf(text: string, snapshot: Snapshot): readonly FlowPeer[] {
  const addresses = addressPeers(text, snapshot);
  if (addresses) return addresses;
  const end = text.includes("/") ? endpointOf(snapshot, text) : undefined;
  if (end?.kind === "pod") return [{ kind: "pod", pod: end.pod }];
  const spaces = spacesOf(text, snapshot);
  if (!spaces) throw new WrongUse(`\`--to ${text}\` names no namespace and no pod, and is no CIDR`);
  return spaces.map((space) => ({ kind: "space", ...space }));
}

function addressPeers(text: string, snapshot: Snapshot): readonly FlowPeer[] | undefined {
  if (!/^[0-9a-fA-F:.]+(?:\/\d+)?$/.test(text) || !/[.:]/.test(text)) return undefined;
  const nobody = { namespaces: () => ok({ includes: () => false, couldInclude: () => false, future: [], names: [], named: true }), when: () => ok(true) };
  const endpoint = unwrap(compileEndpoint({ addresses: [text] }, nobody, ""));
  return endpoint.resolve(snapshot, { scope: known("", snapshot), reach: "running" }).flatMap(({ peers }) => peers);
}

/**
 * `*`, `namespace`, `namespace/key=value,...`, `*` with labels, or `namespace/pod`: every pod with the labels of this one.
 * Undefined when the text is none of these.
 */
function spacesOf(text: string, snapshot: Snapshot): readonly PodSpace[] | undefined {
  const end = text.includes("/") ? endpointOf(snapshot, text) : undefined;
  if (end?.kind === "pod") return [likePod(end.pod, snapshot)];
  const [, namespace, labels] = /^([^/]+)(?:\/([^/=]+(?:\/[^/=]+)?=.*))?$/.exec(text) ?? [];
  if (namespace === undefined) return undefined;
  const { box, problems } = readLabelSelector({ matchLabels: parseLabels(labels) }, "");
  if (problems.length > 0) throw new WrongUse(`the labels of \`${text}\` cannot be read`, problems);
  const places = namespace === "*" ? everyNamespace(snapshot) : [known(namespace, snapshot)];
  return places.map((place) => ({ namespace: place, pods: box, ports: [] }));
}

/** Those that exist, and any that could be created. */
function everyNamespace(snapshot: Snapshot): readonly PodSpace["namespace"][] {
  return [...[...snapshot.namespaces.values()].map((state) => state.namespace), { future: readLabelSelector({}, "").box }];
}

/** Labels that controllers put on each pod anew. */
const PER_POD = /^(?:pod-template-hash|pod-template-generation|controller-revision-hash|controller-uid|job-name|(?:statefulset|apps|batch)\.kubernetes\.io\/.*)$/;

function likePod({ namespace, labels, ports }: Pod, snapshot: Snapshot): PodSpace {
  const matchLabels = Object.fromEntries(Object.entries(labels).filter(([key]) => !PER_POD.test(key)));
  return { namespace: known(namespace, snapshot), pods: readLabelSelector({ matchLabels }, "").box, ports };
}

function parseLabels(text: string | undefined): Readonly<Record<string, string>> {
  const pairs = text === undefined ? [] : text.split(",").map((pair) => [pair.slice(0, pair.indexOf("=")), pair.slice(pair.indexOf("=") + 1)]);
  return Object.fromEntries(pairs) as Readonly<Record<string, string>>;
}

/** A namespace need not have an object: its name is a label all the same (S8). */
function known(name: string, snapshot: Snapshot): Namespace {
  return snapshot.namespace(name);
}
