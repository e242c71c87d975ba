import { readObjects } from "../../src/dialects/index.js";
import { endpointOf } from "../../src/engine/endpoints.js";
import { evaluate } from "../../src/engine/evaluate.js";
import type { EngineProfile, Verdict } from "../../src/engine/verdict.js";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { OTHER_TRAFFIC, trafficPoint, type Protocol } from "../../src/model/traffic.js";

/** Small clusters in few words, and questions about them. */

export const PODS_BY_CIDR: EngineProfile = { cidrSelectsPods: true };
export const PODS_APART: EngineProfile = { cidrSelectsPods: false };

type Spec = Record<string, unknown>;
type Labels = Record<string, string>;

interface PodTraits {
  readonly labels?: Labels;
  readonly ips?: readonly string[];
  readonly ports?: readonly Spec[];
  readonly spec?: Spec;
  readonly phase?: string;
}

/** `namespace/name`; `default` without a slash. */
export function pod(fullName: string, { labels = {}, ips = [], ports = [], spec = {}, phase = "Running" }: PodTraits = {}): KubeObject {
  return {
    apiVersion: "v1",
    kind: "Pod",
    metadata: { ...nameOf(fullName), labels },
    spec: { containers: [{ name: "main", ports }], ...spec },
    status: { phase, podIPs: ips.map((ip) => ({ ip })) },
  };
}

export function namespace(name: string, labels: Labels = {}): KubeObject {
  return { apiVersion: "v1", kind: "Namespace", metadata: { name, labels } };
}

export function node(name: string, address: string, labels: Labels = {}): KubeObject {
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status: { addresses: [{ type: "InternalIP", address }, { type: "Hostname", address: name }] } };
}

export function networkPolicy(fullName: string, spec: Spec): KubeObject {
  return { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: nameOf(fullName), spec: { podSelector: {}, ...spec } };
}

export function adminPolicy(name: string, priority: number, spec: Spec): KubeObject {
  const apiVersion = "policy.networking.k8s.io/v1alpha1";
  return { apiVersion, kind: "AdminNetworkPolicy", metadata: { name }, spec: { priority, subject: { namespaces: {} }, ...spec } };
}

export function baselinePolicy(spec: Spec): KubeObject {
  const apiVersion = "policy.networking.k8s.io/v1alpha1";
  return { apiVersion, kind: "BaselineAdminNetworkPolicy", metadata: { name: "default" }, spec: { subject: { namespaces: {} }, ...spec } };
}

export function clusterPolicy(name: string, place: { readonly tier: string; readonly priority: number }, spec: Spec): KubeObject {
  const apiVersion = "policy.networking.k8s.io/v1alpha2";
  return { apiVersion, kind: "ClusterNetworkPolicy", metadata: { name }, spec: { ...place, subject: { namespaces: {} }, ...spec } };
}

export function cluster(...objects: readonly KubeObject[]): Snapshot {
  return Snapshot.EMPTY.with(readObjects(objects).changes);
}

interface Question {
  readonly profile?: EngineProfile;
  readonly hairpin?: boolean;
}

/** The verdict for `src > dst TCP 80`, `src > dst ICMP`; ends are `namespace/name`, a name in `default`, or an address. */
export function ask(snapshot: Snapshot, question: string, { profile = PODS_BY_CIDR, hairpin = false }: Question = {}): Verdict {
  const [from = "", , to = "", protocol = "TCP", port = "80"] = question.split(" ");
  const [src, dst] = [from, to].map((text) => endpointOf(snapshot, /[/:]|^\d/.test(text) ? text : `default/${text}`));
  if (!src || !dst) throw new Error(`no such end in: ${question}`);
  return evaluate(snapshot, { src, dst, traffic: pointFor(protocol, port), hairpin }, profile);
}

export function allows(snapshot: Snapshot, question: string, options?: Question): boolean {
  return ask(snapshot, question, options).allowed;
}

/** Every allowed `src > dst protocol port` among pods, for one port of each protocol and ICMP. */
export function connections(snapshot: Snapshot, ports: readonly string[] = ["TCP 80", "UDP 53", "ICMP"]): readonly string[] {
  const names = [...snapshot.pods()].map((one) => `${one.namespace}/${one.name}`).sort();
  const pairs = names.flatMap((src) => names.filter((dst) => dst !== src).map((dst) => `${src} > ${dst}`));
  return pairs.flatMap((pair) => ports.map((port) => `${pair} ${port}`)).filter((question) => allows(snapshot, question));
}

function pointFor(protocol: string, port: string): number {
  if (protocol === "ICMP") return OTHER_TRAFFIC.ranges[0]?.[0] ?? 0;
  return trafficPoint(protocol as Protocol, Number(port));
}

function nameOf(fullName: string): { readonly name: string; readonly namespace: string } {
  const [namespaceOrName = "", name] = fullName.split("/");
  return name === undefined ? { namespace: "default", name: namespaceOrName } : { namespace: namespaceOrName, name };
}
