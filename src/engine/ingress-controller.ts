import type { Endpoint, Pod } from "../model/endpoint.js";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, trafficPoint, type TrafficSet } from "../model/traffic.js";
import { IntervalSet } from "../sets/interval-set.js";
import type { Labels } from "../sets/label-box.js";

/** How reports call whoever carries the traffic of Ingress and Route objects. */
export const INGRESS_CONTROLLER = "{ingress-controller}";

/**
 * The controller as an end: which pods it is made of is not known, so it is a pod without labels in a namespace of its own,
 * whose name no namespace can have.
 */
export const ingressController: Endpoint = {
  kind: "pod",
  pod: {
    namespace: INGRESS_CONTROLLER, name: INGRESS_CONTROLLER, labels: {}, addresses: [], ports: [],
    hostNetwork: false, finished: false, origin: "hypothetical",
  },
};

/** A port of a pod, by number or name. */
type PortRef = number | string;

/** A Service as the target of a backend: the pods it selects and where on them traffic arrives. */
interface Target {
  readonly selector: Labels;
  readonly ports: readonly PortRef[];
}

/** A service that an Ingress or Route sends to; without `port`, to all of its ports. */
interface Backend {
  readonly service: string;
  readonly port?: PortRef;
}

/** Kinds that send traffic to Services, by API group. */
const SOURCES = [["networking.k8s.io", "Ingress"], ["extensions", "Ingress"], ["route.openshift.io", "Route"]] as const;

/** What Ingress and Route objects send to a pod: the TCP ports that their Services lead to and that a container declares. */
export function exposedPorts(snapshot: Snapshot): (pod: Pod) => TrafficSet {
  const targets = new Map<string, Target[]>();
  for (const object of SOURCES.flatMap(([group, kind]) => [...snapshot.objectsOf(group, kind).values()])) {
    const namespace = object.metadata.namespace ?? "default";
    const found = backendsOf(object).flatMap((backend) => targetsOf(snapshot, namespace, backend));
    if (found.length > 0) targets.set(namespace, [...(targets.get(namespace) ?? []), ...found]);
  }
  return (pod) => {
    const ports = (targets.get(pod.namespace) ?? []).filter(({ selector }) => selects(selector, pod.labels)).flatMap(({ ports }) => ports);
    return ports.length === 0 ? NO_TRAFFIC : declared(pod, new Set(ports));
  };
}

function selects(selector: Labels, labels: Labels): boolean {
  return Object.entries(selector).every(([key, value]) => Object.hasOwn(labels, key) && labels[key] === value);
}

function declared(pod: Pod, ports: ReadonlySet<PortRef>): TrafficSet {
  const points = pod.ports.filter(({ protocol, port, name }) => protocol === "TCP" && (ports.has(port) || (name !== undefined && ports.has(name))));
  return IntervalSet.from(points.map(({ port }) => [trafficPoint("TCP", port), trafficPoint("TCP", port)]));
}

/** Where on the pods a backend's traffic arrives. A Service without selector has no pods that the snapshot could tell. */
function targetsOf(snapshot: Snapshot, namespace: string, { service, port }: Backend): Target[] {
  const spec = snapshot.objectsOf("", "Service").get(`${namespace}/${service}`)?.spec;
  if (!isRecord(spec) || !isRecord(spec.selector) || Object.keys(spec.selector).length === 0) return [];
  const open = recordsIn(spec.ports).filter((item) => (item.protocol ?? "TCP") === "TCP");
  // An Ingress names the port of the Service, a Route the target port; controllers take either.
  const meant = port === undefined ? open : open.filter((item) => [item.name, item.port, item.targetPort].includes(port)).slice(0, 1);
  const ports = meant.map((item) => item.targetPort ?? item.port).filter(isPortRef);
  return [{ selector: spec.selector as Labels, ports }];
}

function isPortRef(value: unknown): value is PortRef {
  return typeof value === "number" || typeof value === "string";
}

function backendsOf(object: KubeObject): Backend[] {
  const spec = isRecord(object.spec) ? object.spec : {};
  return object.kind === "Route" ? routeBackends(spec) : ingressBackends(spec);
}

/** `defaultBackend` (once `backend`) and the backends of the rules' paths. */
function ingressBackends(spec: Record<string, unknown>): Backend[] {
  const paths = recordsIn(spec.rules).flatMap((rule) => recordsIn(isRecord(rule.http) ? rule.http.paths : undefined));
  return recordsIn([spec.defaultBackend ?? spec.backend, ...paths.map((path) => path.backend)]).flatMap((backend) => {
    const service = isRecord(backend.service) ? backend.service : {};
    const port = isRecord(service.port) ? service.port.name ?? service.port.number : backend.servicePort;
    const name = service.name ?? backend.serviceName;
    return typeof name === "string" ? [{ service: name, ...(isPortRef(port) ? { port } : {}) }] : [];
  });
}

/** `to` and `alternateBackends`; "only Service is allowed as the kind of target". */
function routeBackends(spec: Record<string, unknown>): Backend[] {
  const port = isRecord(spec.port) ? spec.port.targetPort : undefined;
  return recordsIn([spec.to, ...recordsIn(spec.alternateBackends)]).flatMap(({ kind, name }) =>
    (kind ?? "Service") === "Service" && typeof name === "string" ? [{ service: name, ...(isPortRef(port) ? { port } : {}) }] : [],
  );
}

function recordsIn(value: unknown): readonly Record<string, unknown>[] {
  return Array.isArray(value) ? value.filter(isRecord) : [];
}
