import type { Pod } from "../model/endpoint.js";
import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, portRange, portsOf, PROTOCOLS, type Protocol, type TrafficSet } from "../model/traffic.js";
import { IpSet, parseAddress } from "../sets/ip-set.js";
import { Memory } from "../model/memory.js";

/** What Services and Endpoints of the snapshot say about addresses and ports. */

/** Reads `53/UDP`, `1-65535/TCP`. */
export function readPorts(value: unknown): TrafficSet {
  return textsIn(value).reduce((set, text) => {
    const [, low = "1", high = low, protocol] = /^(\d+)(?:-(\d+))?\/(\w+)$/.exec(text) ?? [];
    return set.union(portRange(readProtocol(protocol), Number(low), Number(high)));
  }, NO_TRAFFIC);
}

/** Where a Service's ports lead on a pod: policies see the pod behind the Service (S17). A port that no Service has is taken as it is. */
export function targetPorts(pod: Pod, services: readonly KubeObject[], listed: TrafficSet): TrafficSet {
  let traffic = NO_TRAFFIC;
  for (const protocol of PROTOCOLS) {
    for (const [low, high] of portsOf(listed, protocol)) {
      const entries = services.flatMap((service) => recordsIn(specOf(service).ports)).filter((p) => readProtocol(p.protocol) === protocol && Number(p.port) >= low && Number(p.port) <= high);
      if (entries.length === 0) traffic = traffic.union(portRange(protocol, low, high));
      for (const entry of entries) traffic = traffic.union(targetPort(pod, entry, protocol));
    }
  }
  return traffic;
}

function targetPort(pod: Pod, entry: Readonly<Record<string, unknown>>, protocol: Protocol): TrafficSet {
  const target = entry.targetPort ?? entry.port;
  if (typeof target === "number" || /^\d+$/.test(String(target))) return portRange(protocol, Number(target), Number(target));
  const named = pod.ports.filter((port) => port.name === target && port.protocol === protocol);
  // A hypothetical or undeclared pod does not tell where the name leads: the Service's own number is the best known.
  return named.length === 0 ? portRange(protocol, Number(entry.port), Number(entry.port)) : named.reduce((set, { port }) => set.union(portRange(protocol, port, port)), NO_TRAFFIC);
}

/** Services of a namespace whose selector holds these labels. */
export function servicesOf(snapshot: Snapshot, spec: Readonly<Record<string, unknown>>): readonly KubeObject[] {
  const objects = snapshot.objectsOf("", "Service");
  let bySpec = services.get(objects);
  if (!bySpec) services.set(objects, (bySpec = new Memory()));
  let found = bySpec.get(spec);
  if (!found) bySpec.set(spec, (found = findServices(objects, spec)));
  return found;
}

/** Is this one of the Services that `servicesOf` finds? */
export function isService(object: KubeObject, { namespace, selector: asked }: Readonly<Record<string, unknown>>): boolean {
  const { selector } = specOf(object);
  if (object.kind !== "Service" || object.metadata.namespace !== namespace || !isRecord(selector)) return false;
  return Object.entries(isRecord(asked) ? asked : {}).every(([key, value]) => selector[key] === value);
}

/** Does `endpointSubsets` read this object for the Service? */
export function listsEndpoints({ kind, metadata }: KubeObject, namespace: string, name: string): boolean {
  if (metadata.namespace !== namespace) return false;
  return kind === "Endpoints" ? metadata.name === name : kind === "EndpointSlice" && metadata.labels?.["kubernetes.io/service-name"] === name;
}

type Objects = ReadonlyMap<string, KubeObject>;
type Spec = Readonly<Record<string, unknown>>;
/** What each part of a pack finds, worked out once for the snapshots that share their Services. */
const services = new Memory<Objects, Memory<Spec, readonly KubeObject[]>>();

function findServices(objects: Objects, spec: Spec): readonly KubeObject[] {
  return [...objects.values()].filter((object) => isService(object, spec));
}

/** The addresses and ports that an Endpoints object and the EndpointSlices of a Service list. */
export function endpointSubsets(snapshot: Snapshot, namespace: string, name: string): { readonly addresses: IpSet; readonly traffic: TrafficSet }[] {
  const endpoints = snapshot.objectsOf("", "Endpoints").get(`${namespace}/${name}`);
  const subsets = recordsIn(endpoints?.subsets).map((subset) => ({
    addresses: ipSet(recordsIn(subset.addresses).map((a) => a.ip)),
    traffic: portList(recordsIn(subset.ports)),
  }));
  const slices = slicesByService(snapshot.objectsOf("discovery.k8s.io", "EndpointSlice")).get(`${namespace}/${name}`) ?? [];
  return [...subsets, ...slices.map((slice) => ({
    addresses: ipSet(recordsIn(slice.endpoints).flatMap((endpoint) => textsIn(endpoint.addresses))),
    traffic: portList(recordsIn(slice.ports)),
  }))];
}

const bySlices = new Memory<Objects, ReadonlyMap<string, readonly KubeObject[]>>();

/** EndpointSlices by the `namespace/name` of their Service, worked out once for the snapshots that share them. */
function slicesByService(slices: Objects): ReadonlyMap<string, readonly KubeObject[]> {
  const known = bySlices.get(slices);
  if (known) return known;
  const index = new Map<string, KubeObject[]>();
  for (const slice of slices.values()) {
    const key = `${slice.metadata.namespace ?? ""}/${slice.metadata.labels?.["kubernetes.io/service-name"] ?? ""}`;
    const same = index.get(key);
    if (same) same.push(slice);
    else index.set(key, [slice]);
  }
  bySlices.set(slices, index);
  return index;
}

function portList(ports: readonly Record<string, unknown>[]): TrafficSet {
  return ports.reduce((set, { port, protocol }) => (typeof port === "number" ? set.union(portRange(readProtocol(protocol), port, port)) : set), NO_TRAFFIC);
}

function ipSet(values: readonly unknown[]): IpSet {
  return values.reduce((set: IpSet, text) => {
    const address = typeof text === "string" ? parseAddress(text) : undefined;
    return address === undefined ? set : set.union(IpSet.of(address));
  }, IpSet.EMPTY);
}

export function readProtocol(value: unknown): Protocol {
  return value === "UDP" || value === "SCTP" ? value : "TCP";
}

/** Every cluster address of the Services with this selector. */
export function serviceAddresses(snapshot: Snapshot, spec: Readonly<Record<string, unknown>>): IpSet {
  return ipSet(servicesOf(snapshot, spec).flatMap((service) => [...textsIn(specOf(service).clusterIPs), specOf(service).clusterIP]));
}

function specOf(object: KubeObject): Record<string, unknown> {
  return isRecord(object.spec) ? object.spec : {};
}
