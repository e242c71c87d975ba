import { namespaceLabels, type ContainerPort, type Namespace, type Node, type Pod } from "../model/endpoint.js";
import { isRecord, type KubeObject, type OwnerReference } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import { parseAddress, type Address } from "../sets/ip-set.js";
import type { Labels } from "../sets/label-box.js";
import { Part, quote, type Dialect } from "./dialect.js";
import { readPlainProtocol, readPortNumber } from "./port-selector.js";

const NO_LABELS: Labels = {};

/** "kubernetes.io/metadata.name=<name> is set automatically on every namespace" (S8). */
export function readNamespace(object: KubeObject, problems: Problem[]): Namespace {
  const whole = Part.of(object, problems);
  const name = object.metadata.name ?? "";
  const status = whole.at("status").at("phase").value;
  return {
    name,
    labels: namespaceLabels(name, readLabels(whole.at("metadata").at("labels"))),
    terminating: !whole.at("metadata").at("deletionTimestamp").absent || status === "Terminating",
    object,
  };
}

export function readPod(object: KubeObject, problems: Problem[]): Pod {
  const whole = Part.of(object, problems);
  const status = whole.at("status");
  const phase = status.at("phase").value;
  const { namespace = "default", name = "" } = object.metadata;
  // "Succeeded and Failed pods are not endpoints" (S16).
  const finished = phase === "Succeeded" || phase === "Failed";
  return readPodParts(whole, { namespace, name, addresses: readPodAddresses(status), finished, origin: "pod", object });
}

/**
 * The pod that a workload makes, by its template: Deployment, StatefulSet, DaemonSet, ReplicaSet, Job, CronJob and whatever else
 * has a template in the same place. It has the workload's name, the workload as owner, and no address. Absent for other objects.
 */
export function readTemplate(workload: KubeObject): { readonly pod?: Pod; readonly problems: readonly Problem[] } {
  const problems: Problem[] = [];
  const whole = Part.of(workload, problems);
  const [metadata, spec] = [whole.at("metadata"), whole.at("spec")];
  const template = [spec.at("jobTemplate").at("spec").at("template"), spec.at("template")].find((part) => isRecord(part.at("spec").value));
  if (!template) return { problems };
  const { apiVersion, kind } = workload;
  const name = metadata.at("name").text() ?? "";
  const owner = { apiVersion, kind, name, uid: metadata.at("uid").text() ?? "", controller: true };
  const namespace = metadata.at("namespace").text() ?? "default";
  return { pod: { ...readPodParts(template, { namespace, name, addresses: [], finished: false, origin: "workload", object: workload }), owner }, problems };
}

type Identity = Pick<Pod, "namespace" | "name" | "addresses" | "finished" | "origin" | "object">;

/** What a Pod and a pod template have in common. One object per pod, written in place: clusters have 100,000 of them. */
function readPodParts(part: Part, { namespace, name, addresses, finished, origin, object }: Identity): Pod {
  const [metadata, spec] = [part.at("metadata"), part.at("spec")];
  const hostNetwork = spec.at("hostNetwork").value === true;
  const pod: { -readonly [field in keyof Pod]: Pod[field] } = {
    namespace, name, labels: readLabels(metadata.at("labels")), addresses, ports: readPorts(spec), hostNetwork, finished, origin,
  };
  const nodeName = spec.at("nodeName").text();
  if (nodeName) pod.nodeName = nodeName;
  const owner = readOwner(metadata.at("ownerReferences"));
  if (owner) pod.owner = owner;
  const serviceAccount = spec.at("serviceAccountName").text();
  if (serviceAccount) pod.serviceAccount = serviceAccount;
  if (object) pod.object = object;
  return pod;
}

export function readNode(object: KubeObject, problems: Problem[]): Node {
  const whole = Part.of(object, problems);
  const texts = (whole.at("status").at("addresses").items() ?? []).map((item) => item.at("address").text());
  const addresses = texts.map((text) => (text === undefined ? undefined : parseAddress(text))).filter((address) => address !== undefined);
  return {
    name: object.metadata.name ?? "",
    labels: readLabels(whole.at("metadata").at("labels")),
    // Host names stand in the same list; only addresses count ("matches node IPs in status.addresses", A5).
    addresses: [...new Set(addresses)],
  };
}

/** Labels as they are, when they are a map of texts; else what of them is. */
function readLabels(part: Part): Labels {
  if (part.absent) return NO_LABELS;
  if (!isRecord(part.value)) return part.problem("object/type", "`labels` must be a map of texts") ?? NO_LABELS;
  const { value } = part;
  const odd = Object.keys(value).filter((key) => typeof value[key] !== "string");
  if (odd.length === 0) return value as Labels;
  for (const key of odd) {
    part.at(key).problem("object/label", `the value of label ${quote(key)} must be text, not ${quote(value[key])}; write it in quotes`);
  }
  return Object.fromEntries(Object.entries(value).filter(([key]) => !odd.includes(key))) as Labels;
}

/** `podIP` is the first of `podIPs`, where both are given. */
function readPodAddresses(status: Part): readonly Address[] {
  const addresses: Address[] = [];
  for (const item of status.at("podIPs").items() ?? []) addAddress(addresses, item.at("ip"));
  if (addresses.length === 0) addAddress(addresses, status.at("podIP"));
  return addresses;
}

function addAddress(addresses: Address[], part: Part): void {
  const text = part.text();
  if (text === undefined || text === "") return;
  const address = parseAddress(text);
  if (address === undefined) part.problem("object/address", `${quote(text)} is no IP address`);
  else if (!addresses.includes(address)) addresses.push(address);
}

/** The controlling owner: at most one owner reference has `controller: true`. */
function readOwner(part: Part): OwnerReference | undefined {
  const owner = part.items()?.find((item) => item.at("controller").value === true);
  if (!owner) return undefined;
  const readable = ["apiVersion", "kind", "name", "uid"].every((field) => typeof owner.at(field).value === "string");
  if (readable) return owner.value as OwnerReference;
  return owner.problem("object/owner", "an owner reference needs `apiVersion`, `kind`, `name` and `uid` as texts");
}

const NO_PORTS: readonly ContainerPort[] = [];

/** Containers, and init containers that keep running beside them ("Names on sidecar initContainers count for real CNIs", S10). */
function readPorts(spec: Part): readonly ContainerPort[] {
  const ports: ContainerPort[] = [];
  for (const container of spec.at("containers").items() ?? []) addPorts(ports, container);
  for (const container of spec.at("initContainers").items() ?? []) {
    if (container.at("restartPolicy").value === "Always") addPorts(ports, container);
  }
  return ports.length === 0 ? NO_PORTS : ports;
}

function addPorts(ports: ContainerPort[], part: Part): void {
  const container = part.at("name").text() ?? "";
  for (const item of part.at("ports").items() ?? []) {
    const [port, protocol, name] = [readPortNumber(item.at("containerPort")), readPlainProtocol(item.at("protocol")), item.at("name").text()];
    if (port !== undefined && protocol !== undefined) ports.push(name ? { name, port, protocol, container } : { port, protocol, container });
  }
}

export const core = {
  group: "",
  kinds: [
    {
      kind: "Namespace", resource: "namespaces", versions: ["v1"], namespaced: false, policy: false,
      read: (object) => {
        const problems: Problem[] = [];
        return { facts: [{ fact: "namespace", value: readNamespace(object, problems) }], problems };
      },
    },
    {
      kind: "Pod", resource: "pods", versions: ["v1"], namespaced: true, policy: false,
      read: (object) => {
        const problems: Problem[] = [];
        return { facts: [{ fact: "pod", value: readPod(object, problems) }], problems };
      },
    },
    {
      kind: "Node", resource: "nodes", versions: ["v1"], namespaced: false, policy: false,
      read: (object) => {
        const problems: Problem[] = [];
        return { facts: [{ fact: "node", value: readNode(object, problems) }], problems };
      },
    },
  ],
} satisfies Dialect;
