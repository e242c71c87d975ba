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
  return {
    ...readPodParts(whole),
    namespace: object.metadata.namespace ?? "default",
    name: object.metadata.name ?? "",
    addresses: readPodAddresses(status),
    // "Succeeded and Failed pods are not endpoints" (S16).
    finished: phase === "Succeeded" || phase === "Failed",
    origin: "pod",
    object,
  };
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
  const pod: Pod = {
    ...readPodParts(template),
    namespace: metadata.at("namespace").text() ?? "default",
    name,
    addresses: [],
    finished: false,
    owner: { apiVersion, kind, name, uid: metadata.at("uid").text() ?? "", controller: true },
    origin: "workload",
    object: workload,
  };
  return { pod, problems };
}

/** What a Pod and a pod template have in common. */
function readPodParts(part: Part): Pick<Pod, "labels" | "ports" | "hostNetwork" | "nodeName" | "owner" | "serviceAccount"> {
  const [metadata, spec] = [part.at("metadata"), part.at("spec")];
  const [nodeName, serviceAccount] = [spec.at("nodeName").text(), spec.at("serviceAccountName").text()];
  const owner = readOwner(metadata.at("ownerReferences"));
  return {
    labels: readLabels(metadata.at("labels")),
    ports: readPorts(spec),
    hostNetwork: spec.at("hostNetwork").value === true,
    ...(nodeName ? { nodeName } : {}),
    ...(owner ? { owner } : {}),
    ...(serviceAccount ? { serviceAccount } : {}),
  };
}

export function readNode(object: KubeObject, problems: Problem[]): Node {
  const whole = Part.of(object, problems);
  const texts = (whole.at("status").at("addresses").items() ?? []).map((item) => item.at("address").text());
  return {
    name: object.metadata.name ?? "",
    labels: readLabels(whole.at("metadata").at("labels")),
    // Host names stand in the same list; only addresses count ("matches node IPs in status.addresses", A5).
    addresses: distinct(texts.map((text) => (text === undefined ? undefined : parseAddress(text)))),
  };
}

/** Labels as they are, when they are a map of texts; else what of them is. */
function readLabels(part: Part): Labels {
  if (part.absent) return NO_LABELS;
  if (!isRecord(part.value)) return part.problem("object/type", "`labels` must be a map of texts") ?? NO_LABELS;
  const entries = Object.entries(part.value);
  if (entries.every(([, value]) => typeof value === "string")) return part.value as Labels;
  const kept = entries.filter(([key, value]) => {
    if (typeof value === "string") return true;
    part.at(key).problem("object/label", `the value of label ${quote(key)} must be text, not ${quote(value)}; write it in quotes`);
    return false;
  });
  return Object.fromEntries(kept) as Labels;
}

function readPodAddresses(status: Part): readonly Address[] {
  const listed = (status.at("podIPs").items() ?? []).map((item) => item.at("ip"));
  return distinct([...listed, status.at("podIP")].map(readAddress));
}

function readAddress(part: Part): Address | undefined {
  const text = part.text();
  if (text === undefined || text === "") return undefined;
  return parseAddress(text) ?? part.problem("object/address", `${quote(text)} is no IP address`);
}

function distinct(addresses: readonly (Address | undefined)[]): readonly Address[] {
  return [...new Set(addresses.filter((address) => address !== undefined))];
}

/** The controlling owner: at most one owner reference has `controller: true`. */
function readOwner(part: Part): OwnerReference | undefined {
  const owner = part.items()?.find((item) => item.at("controller").value === true);
  const [kind, name] = [owner?.at("kind").text(), owner?.at("name").text()];
  if (!owner || kind === undefined || name === undefined) return undefined;
  return { apiVersion: owner.at("apiVersion").text() ?? "", kind, name, uid: owner.at("uid").text() ?? "", controller: true };
}

/** Containers, and init containers that keep running beside them ("Names on sidecar initContainers count for real CNIs", S10). */
function readPorts(spec: Part): readonly ContainerPort[] {
  const sidecars = (spec.at("initContainers").items() ?? []).filter((item) => item.at("restartPolicy").value === "Always");
  return [...(spec.at("containers").items() ?? []), ...sidecars].flatMap((container) =>
    (container.at("ports").items() ?? []).flatMap((port) => readPort(port, container.at("name").text() ?? "")),
  );
}

function readPort(part: Part, container: string): ContainerPort[] {
  const [name, port, protocol] = [part.at("name").text(), readPortNumber(part.at("containerPort")), readPlainProtocol(part.at("protocol"))];
  return port === undefined || protocol === undefined ? [] : [{ ...(name ? { name } : {}), port, protocol, container }];
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
