import type { FlowPeer, FlowTarget, FlowTraffic } from "../proof/question.js";
import { isLive, type ContainerPort, type Pod } from "../model/endpoint.js";
import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import { failed, ok, type Result } from "../model/result.js";
import { Selection } from "../model/layered-map.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, portRange, type Protocol, type TrafficSet } from "../model/traffic.js";
import type { LabelBox, Labels } from "../sets/label-box.js";
import { namespacesIn, type NamespaceSelector, type Scope } from "./namespace-selector.js";
import { isService, readPorts, readProtocol, servicesOf, targetPorts } from "./service-selector.js";
import { Memory } from "../model/memory.js";

/** Pods as the other end of a flow. */

/**
 * Which pods are peers where the pack does not write `which`. running: those that run (what a required flow needs);
 * possible: every pod that the namespaces could have; future: also those of namespaces that nobody has made yet (what a
 * forbidden flow must not reach).
 */
export type Reach = "running" | "possible" | "future";

/** From where the other end of a flow is looked at. */
export interface Seen {
  /** The subject's namespace. */
  readonly scope: Scope;
  readonly reach: Reach;
  /** Only peers in this namespace. */
  readonly within?: string;
}

/** One of the ends that a flow may have. */
export interface Alternative {
  targets(snapshot: Snapshot, seen: Seen): readonly FlowTarget[];
  hosts(snapshot: Snapshot, namespace: string): boolean;
  /** Could pods of a namespace of this name be peers, whatever its labels? */
  couldHost(namespace: string): boolean;
  /** Is it told by this Service, Endpoints or EndpointSlice? Absent: by none. */
  reads?(object: KubeObject): boolean;
  readonly local: boolean;
  /** Its peers in one namespace do not depend on those in others. */
  readonly splits: boolean;
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

/** Compiles an alternative that names pods. */
export function podAlternative(term: Readonly<Record<string, unknown>>, scope: { namespaces(spec: unknown, path: string): Result<NamespaceSelector> }, path: string): Result<Alternative> {
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
  const services = term.viaServices;
  return ok({ ...podPeersAlternative(peers, trafficOf(term)), ...(isRecord(services) && { reads: (object: KubeObject) => isService(object, services) }) });
}

function podPeersAlternative(peers: PodPeers, traffic: (snapshot: Snapshot) => FlowTraffic): Alternative {
  const { namespaces } = peers;
  return {
    local: namespaces === "same",
    splits: peers.imagined.length === 0,
    couldHost: (name) => namespaces !== "same" && namespaces.couldInclude(name),
    hosts: (snapshot, name) => namespaces !== "same" && namespaces.includes(snapshot.namespace(name)),
    targets: (snapshot, seen) => {
      const reach = reachOf(peers, seen.reach);
      const found = namespaces === "same" ? localPeers(peers, snapshot, { ...seen, reach }) : podPeers({ ...peers, namespaces }, snapshot, { ...seen, reach });
      return found.length > 0 ? [{ peers: found, traffic: traffic(snapshot) }] : [];
    },
  };
}

function reachOf({ which }: PodPeers, reach: Reach): Reach {
  if (which === "running") return "running";
  return which === "every" && reach === "running" ? "possible" : reach;
}

function localPeers(peers: PodPeers, snapshot: Snapshot, { scope, reach, within }: Seen): readonly FlowPeer[] {
  if ("future" in scope || (within !== undefined && within !== scope.name)) return [];
  if (reach !== "running") return [{ kind: "space", namespace: scope, pods: peers.box, ports: peers.ports }];
  return runningPods(snapshot.namespaces.get(scope.name), peers.box).map((pod) => ({ kind: "pod", pod }));
}

function podPeers(peers: PodPeers & { readonly namespaces: NamespaceSelector }, snapshot: Snapshot, { scope, reach, within }: Seen): readonly FlowPeer[] {
  const own = "future" in scope || !peers.others ? undefined : scope.name;
  const states = statesOf(snapshot, peers.namespaces, within).filter((state) => state.namespace.name !== own);
  if (reach !== "running") {
    const future = reach === "future" && within === undefined ? peers.namespaces.future.map((labels) => ({ future: labels })) : [];
    return [...states.map(({ namespace }) => namespace), ...future].map((namespace) => ({ kind: "space", namespace, pods: peers.box, ports: peers.ports }));
  }
  const running = states.flatMap((state) => runningPods(state, peers.box));
  return (running.length > 0 ? running : peers.imagined).map((pod) => ({ kind: "pod", pod }));
}

function statesOf(snapshot: Snapshot, selector: NamespaceSelector, within: string | undefined): readonly NamespaceState[] {
  if (within === undefined && !selector.named) return namespacesIn(snapshot, selector);
  const named = within === undefined ? selector.names : [within];
  return named.flatMap((name) => snapshot.namespaces.get(name) ?? []).filter((state) => selector.includes(state.namespace));
}

/** Running pods by label, remembered per namespace: asking again costs the pods that changed. */
const selections = new Memory<LabelBox, Selection<Pod>>();

export function runningPods(state: NamespaceState | undefined, box: LabelBox): readonly Pod[] {
  if (!state) return [];
  let selection = selections.get(box);
  if (!selection) selections.set(box, (selection = new Selection((pod) => isLive(pod) && box.matches(pod.labels))));
  return selection.of(state.pods);
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
    const declared = (destination: Pod): TrafficSet => declaredPorts(destination, options);
    return () => declared;
  }
  const services = term.viaServices;
  return isRecord(services) ? behindServices(services, listed) : () => listed;
}

/** The same function for the same Services, so that what it was asked for stays known. */
function behindServices(spec: Readonly<Record<string, unknown>>, listed: TrafficSet): (snapshot: Snapshot) => FlowTraffic {
  let [known, traffic]: [readonly KubeObject[], FlowTraffic] = [[], listed];
  return (snapshot) => {
    const found = servicesOf(snapshot, spec);
    if (found.length !== known.length || found.some((service, i) => service !== known[i])) {
      [known, traffic] = [found, found.length === 0 ? listed : (destination) => targetPorts(destination, found, listed)];
    }
    return traffic;
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

