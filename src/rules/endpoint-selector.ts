import type { FlowPeer, FlowTarget, FlowTraffic } from "../engine/question.js";
import { isLive, type ContainerPort, type Pod } from "../model/endpoint.js";
import { isRecord, recordsIn, textsIn } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, portRange, PROTOCOLS, type Protocol, type TrafficSet } from "../model/traffic.js";
import { IpSet, parseAddress, parseCidr } from "../sets/ip-set.js";
import { LabelBox, type Labels } from "../sets/label-box.js";
import { NAMESPACE_SCHEMA, type NamespaceSelector, type Scope } from "./namespace-selector.js";
import { endpointSubsets, readPorts, readProtocol, serviceAddresses, servicesOf, targetPorts } from "./service-selector.js";

/**
 * Which pods are peers where the pack does not write `which`. running: those that run (what a required flow needs);
 * possible: every pod that the namespaces could have; future: also those of namespaces that nobody has made yet (what a
 * forbidden flow must not reach).
 */
export type Reach = "running" | "possible" | "future";

/** The other end of a flow, as packs write it: alternatives, of which one must hold in full (or, forbidden, none in part). */
export interface EndpointSelector {
  /** The alternatives on a snapshot, seen from a subject's namespace; none: the peer is unset and the flow is not checked. `reach`: running by default. */
  resolve(snapshot: Snapshot, scope: Scope, reach?: Reach): readonly FlowTarget[];
  /** Could pods of this namespace be peers (of subjects in other namespaces)? */
  hosts(snapshot: Snapshot, namespace: string): boolean;
  /** Only pods of the subject's own namespace are peers. */
  readonly local: boolean;
  /** The alternatives in force one by one, with their paths. */
  readonly alternatives: readonly AlternativeSelector[];
}

/** One alternative of an endpoint. */
export interface AlternativeSelector {
  /** Where the pack's rule says it: `...egressTo`, or `...egressTo.anyOf[1]`. */
  readonly path: string;
  resolve: EndpointSelector["resolve"];
}

/** What compiling an endpoint needs from its pack. */
export interface EndpointScope {
  namespaces(spec: unknown, path: string): Result<NamespaceSelector>;
  /** Is a `when` condition true for the parameters and profile in force? */
  when(condition: unknown, path: string): Result<boolean>;
}

/** JSON Schema of a list of ports. */
export const PORTS_SCHEMA = { type: "array", items: { type: "string", pattern: "^[0-9]+(-[0-9]+)?/(TCP|UDP|SCTP)$" }, description: "`53/UDP`, `1-65535/TCP`" } as const;
const SELECTOR = { type: "object", additionalProperties: { type: "string" } } as const;
const NAMED_PORT = {
  type: "object",
  additionalProperties: false,
  required: ["port"],
  properties: { name: { type: "string" }, port: { type: "integer", minimum: 1, maximum: 65_535 }, protocol: { enum: PROTOCOLS } },
} as const;

/** JSON Schema of an endpoint: one alternative, or `anyOf` several. */
export const ENDPOINT_SCHEMA = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    anyOf: { type: "array", minItems: 1, items: { type: "object" } },
    when: { type: "string", description: "CEL over params and profile; the alternative counts only where it is true" },
    pods: {
      type: "object",
      additionalProperties: false,
      properties: {
        namespaces: { oneOf: [{ enum: ["same"] }, { type: "string" }, NAMESPACE_SCHEMA] },
        others: { type: "boolean", description: "leave out the subject's own namespace" },
        matchLabels: { type: "object" },
        matchExpressions: { type: "array" },
        which: { enum: ["running", "every"], description: "running pods (default of required flows), or every pod that could be (default of forbidden ones)" },
        imagine: { type: "object", additionalProperties: false, properties: { namespaces: { type: "array", items: { type: "string" } }, ports: { type: "array", items: NAMED_PORT } } },
      },
    },
    addresses: { type: "array", items: { type: "string" }, description: "addresses and CIDRs, with or without a port: `10.0.0.0/8`, `10.1.2.3/32:3128`" },
    anyAddress: { type: "array", items: { type: "string" }, description: "like addresses, but each is an alternative of its own" },
    services: { type: "object", additionalProperties: false, required: ["namespace", "selector"], properties: { namespace: { type: "string" }, selector: SELECTOR } },
    endpointsOf: { type: "object", additionalProperties: false, required: ["namespace", "name"], properties: { namespace: { type: "string" }, name: { type: "string" } } },
    some: { type: "boolean", description: "some address of the range is enough" },
    ports: PORTS_SCHEMA,
    viaServices: { type: "object", additionalProperties: false, required: ["namespace", "selector"], properties: { namespace: { type: "string" }, selector: SELECTOR } },
    declaredPorts: {
      type: "object",
      additionalProperties: false,
      properties: { protocol: { enum: PROTOCOLS }, exceptContainers: { type: "array", items: { type: "string" } }, otherwise: PORTS_SCHEMA },
    },
  },
} as const;

interface Alternative {
  targets(snapshot: Snapshot, scope: Scope, reach: Reach): readonly FlowTarget[];
  hosts(snapshot: Snapshot, namespace: string): boolean;
  readonly local: boolean;
}

/** Compiles an endpoint; the alternatives whose `when` is false are left out. */
export function compileEndpoint(spec: unknown, scope: EndpointScope, path: string): Result<EndpointSelector> {
  if (!isRecord(spec)) return failed({ code: "pack/endpoint", message: "an endpoint must be an object", path });
  const terms = Array.isArray(spec.anyOf) ? spec.anyOf : [spec];
  const problems: Problem[] = [];
  const alternatives: Alternative[] = [];
  const paths: string[] = [];
  terms.forEach((term: unknown, i) => {
    const at = Array.isArray(spec.anyOf) ? `${path}.anyOf[${i}]` : path;
    const compiled = compileAlternative(term, scope, at);
    if (!compiled.ok) problems.push(...compiled.problems);
    else if (compiled.value) {
      alternatives.push(compiled.value);
      paths.push(at);
    }
  });
  if (problems.length > 0) return failed(...problems);
  const each = alternatives.map((alternative, i): AlternativeSelector => ({ path: paths[i] ?? path, resolve: (snapshot, from, reach = "running") => alternative.targets(snapshot, from, reach) }));
  return ok({
    alternatives: each,
    resolve: (...asked) => each.flatMap((alternative) => alternative.resolve(...asked)),
    hosts: (snapshot, namespace) => alternatives.some((alternative) => alternative.hosts(snapshot, namespace)),
    local: alternatives.length > 0 && alternatives.every((alternative) => alternative.local),
  });
}

function compileAlternative(term: unknown, scope: EndpointScope, path: string): Result<Alternative | undefined> {
  if (!isRecord(term)) return failed({ code: "pack/endpoint", message: "an alternative of an endpoint must be an object", path });
  const when = scope.when(term.when, `${path}.when`);
  if (!when.ok) return when;
  if (!when.value) return ok(undefined);
  if (term.pods !== undefined) return podAlternative(term, scope, path);
  if (isRecord(term.endpointsOf)) return ok(endpointsAlternative(term.endpointsOf, readPorts(term.ports)));
  if (isRecord(term.services)) return ok(serviceAlternative(term.services, readPorts(term.ports)));
  return addressAlternative(term, path);
}

const NOWHERE = { hosts: () => false, local: false } as const;

function addressAlternative(term: Readonly<Record<string, unknown>>, path: string): Result<Alternative> {
  if (Array.isArray(term.anyAddress)) return anyAddress(term.anyAddress.map((address) => addressAlternative({ ...term, anyAddress: undefined, addresses: [address] }, path)));
  const list = Array.isArray(term.addresses) ? term.addresses.map(String) : [];
  const problems: Problem[] = [];
  const byPort = new Map<string, IpSet>();
  list.forEach((text, i) => {
    const [, block = "", port] = /^(.+?)(?:(?<=\/\d+):(\d+))?$/.exec(text) ?? [];
    const address = parseAddress(block);
    const set = parseCidr(block) ?? (address === undefined ? undefined : IpSet.of(address));
    if (!set) problems.push({ code: "pack/address", message: `\`${text}\` is no address or CIDR`, path: `${path}.addresses[${i}]` });
    else byPort.set(port ?? "", (byPort.get(port ?? "") ?? IpSet.EMPTY).union(set));
  });
  if (problems.length > 0) return failed(...problems);
  const targets = [...byPort].map(([port, addresses]) =>
    addressTarget(addresses, port === "" ? readPorts(term.ports) : portRange("TCP", Number(port), Number(port)), term.some === true),
  );
  return ok({ ...NOWHERE, targets: () => targets });
}

function anyAddress(each: readonly Result<Alternative>[]): Result<Alternative> {
  const problems = each.flatMap((one) => (one.ok ? [] : one.problems));
  const ready = each.flatMap((one) => (one.ok ? [one.value] : []));
  return problems.length > 0 ? failed(...problems) : ok({ ...NOWHERE, targets: (...asked) => ready.flatMap((one) => one.targets(...asked)) });
}

function addressTarget(addresses: IpSet, traffic: TrafficSet, some = false): FlowTarget {
  return { peers: [{ kind: "addresses", addresses }], traffic, ...(some ? { some } : {}) };
}

/** Every cluster address of the Services with this selector; none known: no alternative. */
function serviceAlternative(spec: Readonly<Record<string, unknown>>, traffic: TrafficSet): Alternative {
  return {
    ...NOWHERE,
    targets: (snapshot) => {
      const addresses = serviceAddresses(snapshot, spec);
      return addresses.isEmpty ? [] : [addressTarget(addresses, traffic)];
    },
  };
}

/** The addresses and ports that an Endpoints object, or the EndpointSlices of the Service, list; `ports` replaces theirs. */
function endpointsAlternative(spec: Readonly<Record<string, unknown>>, ports: TrafficSet): Alternative {
  const [namespace, name] = [String(spec.namespace), String(spec.name)];
  return {
    ...NOWHERE,
    targets: (snapshot) => {
      const subsets = endpointSubsets(snapshot, namespace, name);
      const traffic = ports.isEmpty ? subsets.reduce((set, subset) => set.union(subset.traffic), NO_TRAFFIC) : ports;
      const addresses = subsets.reduce((set, subset) => set.union(subset.addresses), IpSet.EMPTY);
      return addresses.isEmpty || traffic.isEmpty ? [] : [addressTarget(addresses, traffic)];
    },
  };
}

interface PodPeers {
  readonly namespaces: NamespaceSelector | "same";
  readonly others: boolean;
  readonly box: LabelBox;
  /** Absent: what the kind of flow needs. */
  readonly which?: "running" | "every";
  readonly imagined: readonly Pod[];
  readonly ports: readonly ContainerPort[];
}

function podAlternative(term: Readonly<Record<string, unknown>>, scope: EndpointScope, path: string): Result<Alternative> {
  const spec = isRecord(term.pods) ? term.pods : {};
  const { matchLabels, matchExpressions } = spec;
  const { box, problems } = readLabelSelector({ matchLabels, matchExpressions }, `${path}.pods`);
  const namespaces: Result<NamespaceSelector | "same"> = spec.namespaces === "same" || spec.namespaces === undefined ? ok("same") : scope.namespaces(spec.namespaces, `${path}.pods.namespaces`);
  if (!namespaces.ok) return failed(...problems, ...namespaces.problems);
  if (problems.length > 0) return failed(...problems);
  const imagine = isRecord(spec.imagine) ? spec.imagine : undefined;
  const ports = imagine ? containerPorts(imagine.ports) : [];
  const places = imagine ? (textsIn(imagine.namespaces).length > 0 ? textsIn(imagine.namespaces) : namespaces.value === "same" ? [] : namespaces.value.names) : [];
  const peers: PodPeers = {
    namespaces: namespaces.value,
    others: spec.others === true,
    box,
    ...(spec.which === "running" || spec.which === "every" ? { which: spec.which } : {}),
    imagined: places.slice(0, 1).map((place) => imaginedPod(place, box, ports)),
    ports,
  };
  return ok(podPeersAlternative(peers, trafficOf(term)));
}

function podPeersAlternative(peers: PodPeers, traffic: (snapshot: Snapshot) => FlowTraffic): Alternative {
  const { namespaces } = peers;
  return {
    local: namespaces === "same",
    hosts: (snapshot, name) => namespaces !== "same" && namespaces.includes(snapshot.namespace(name)),
    targets: (snapshot, scope, reach) => {
      const wide = { ...peers, reach: reachOf(peers, reach) };
      const found = namespaces === "same" ? localPeers(wide, snapshot, scope) : podPeers(wide, snapshot, scope);
      return found.length > 0 ? [{ peers: found, traffic: traffic(snapshot) }] : [];
    },
  };
}

function reachOf({ which }: PodPeers, reach: Reach): Reach {
  if (which === "running") return "running";
  return which === "every" && reach === "running" ? "possible" : reach;
}

interface Reached extends PodPeers {
  readonly reach: Reach;
}

function localPeers(peers: Reached, snapshot: Snapshot, scope: Scope): FlowPeer[] {
  if ("future" in scope) return [];
  if (peers.reach !== "running") return [{ kind: "space", namespace: scope, pods: peers.box, ports: peers.ports }];
  return runningPods(snapshot.namespaces.get(scope.name), peers.box).map((pod) => ({ kind: "pod", pod }));
}

function podPeers(peers: Reached, snapshot: Snapshot, scope: Scope): FlowPeer[] {
  const selector = peers.namespaces as NamespaceSelector;
  const own = "future" in scope ? undefined : scope.name;
  const states = statesOf(snapshot, selector).filter((state) => !peers.others || state.namespace.name !== own);
  if (peers.reach !== "running") {
    const future = peers.reach === "future" ? selector.future.map((labels) => ({ future: labels })) : [];
    return [...states.map(({ namespace }) => namespace), ...future].map((namespace) => ({ kind: "space", namespace, pods: peers.box, ports: peers.ports }));
  }
  const running = states.flatMap((state) => runningPods(state, peers.box));
  return (running.length > 0 ? running : peers.imagined).map((pod) => ({ kind: "pod", pod }));
}

function* matching(states: Iterable<NamespaceState>, selector: NamespaceSelector): Iterable<NamespaceState> {
  for (const state of states) if (selector.includes(state.namespace)) yield state;
}

function statesOf(snapshot: Snapshot, selector: NamespaceSelector): NamespaceState[] {
  const named = selector.named ? selector.names.flatMap((name) => snapshot.namespaces.get(name) ?? []) : snapshot.namespaces.values();
  return [...matching(named, selector)];
}

/** Running pods by label, remembered per namespace: its pods' map is replaced when a pod changes. */
const remembered = new WeakMap<ReadonlyMap<string, Pod>, Map<string, readonly Pod[]>>();

export function runningPods(state: NamespaceState | undefined, box: LabelBox): readonly Pod[] {
  if (!state) return [];
  let byBox = remembered.get(state.pods);
  if (!byBox) remembered.set(state.pods, (byBox = new Map<string, readonly Pod[]>()));
  let pods = byBox.get(box.key);
  if (!pods) byBox.set(box.key, (pods = [...state.pods.values()].filter((pod) => isLive(pod) && box.matches(pod.labels))));
  return pods;
}

/** A pod that could be: the labels its selector asks for and no other, no address. */
function imaginedPod(namespace: string, box: LabelBox, ports: readonly ContainerPort[]): Pod {
  return { namespace, name: "(any)", labels: exampleLabels(box), addresses: [], ports, hostNetwork: false, finished: false, origin: "hypothetical" };
}

function exampleLabels(box: LabelBox): Labels {
  const entries = [...box.constraints].filter(([, values]) => !values.absent);
  return Object.fromEntries(entries.map(([key, values]) => [key, values.allBut ? "any" : ([...values.values][0] ?? "any")]));
}

function trafficOf(term: Readonly<Record<string, unknown>>): (snapshot: Snapshot) => FlowTraffic {
  const listed = readPorts(term.ports);
  if (isRecord(term.declaredPorts)) {
    const { protocol, exceptContainers, otherwise } = term.declaredPorts;
    const options = { protocol: readProtocol(protocol), except: new Set(textsIn(exceptContainers)), otherwise: readPorts(otherwise) };
    return () => (destination) => declaredPorts(destination, options);
  }
  const services = term.viaServices;
  if (!isRecord(services)) return () => listed;
  return (snapshot) => {
    const found = servicesOf(snapshot, services);
    return found.length === 0 ? listed : (destination) => targetPorts(destination, found, listed);
  };
}

interface Declared {
  readonly protocol: Protocol;
  readonly except: ReadonlySet<string>;
  readonly otherwise: TrafficSet;
}

function declaredPorts(pod: Pod, { protocol, except, otherwise }: Declared): TrafficSet {
  const ports = pod.ports.filter((port) => port.protocol === protocol && !except.has(port.container));
  return ports.length === 0 ? otherwise : ports.reduce((set, { port }) => set.union(portRange(protocol, port, port)), NO_TRAFFIC);
}

function containerPorts(value: unknown): ContainerPort[] {
  return recordsIn(value).map((port) => ({
    ...(typeof port.name === "string" ? { name: port.name } : {}),
    port: Number(port.port),
    protocol: readProtocol(port.protocol),
    container: "",
  }));
}

