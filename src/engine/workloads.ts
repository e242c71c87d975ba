import type { ContainerPort, Pod } from "../model/endpoint.js";
import { groupOf, isRecord, type KubeObject, type OwnerReference } from "../model/kubernetes.js";
import type { Snapshot } from "../model/snapshot.js";
import { PROTOCOLS } from "../model/traffic.js";
import type { Labels } from "../sets/label-box.js";

/** One line of a connectivity report: the pods that one owner makes, or one pod without owner. */
export interface Workload {
  /** `ns/name[Kind]` of the controlling owner; `ns/pod[Pod]` for a bare pod. */
  readonly name: string;
  readonly namespace: string;
  /** Its replicas. Their labels may differ; what one of them may do, the workload may do. */
  readonly pods: readonly Pod[];
}

/** Kinds that make pods from a template, by API group. */
const KINDS: readonly (readonly [group: string, kind: string])[] = [
  ["apps", "Deployment"], ["apps", "StatefulSet"], ["apps", "DaemonSet"], ["apps", "ReplicaSet"],
  ["batch", "Job"], ["batch", "CronJob"], ["", "ReplicationController"], ["argoproj.io", "Rollout"],
  ["extensions", "Deployment"], ["extensions", "DaemonSet"], ["extensions", "ReplicaSet"],
];

/**
 * The workloads of a snapshot in order of their names. Pods that are there stand for their workload; one without pods is
 * represented by its template, however many replicas it asks for. "Finished pods are not endpoints" (S16).
 *
 * A pod on the host's network is read as the pod it says it is: policies that select it apply ("plugin can distinguish them",
 * S15), which is also how the conformance cases read it.
 */
export function workloads(snapshot: Snapshot): readonly Workload[] {
  const running = podsByWorkload(snapshot);
  const made = KINDS.flatMap(([group, kind]) => [...snapshot.objectsOf(group, kind).values()]).flatMap((workload) => madeBy(snapshot, workload) ?? []);
  return [...[...running].map(([name, pods]) => ({ name, pods })), ...made.filter(({ name }) => !running.has(name))]
    .map(({ name, pods }) => ({ name, namespace: pods[0]?.namespace ?? "", pods: pods.filter((pod) => !pod.finished).map(onPodNetwork) }))
    .filter(({ pods }) => pods.length > 0)
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

function podsByWorkload(snapshot: Snapshot): ReadonlyMap<string, readonly Pod[]> {
  const found = new Map<string, Pod[]>();
  for (const pod of snapshot.pods()) {
    const name = workloadName(snapshot, pod);
    const replicas = found.get(name);
    if (replicas) replicas.push(pod);
    else found.set(name, [pod]);
  }
  return found;
}

/** The workload that an object is, by its template; undefined when it has none, or when its owner makes the pods. */
function madeBy(snapshot: Snapshot, workload: KubeObject): { readonly name: string; readonly pods: readonly Pod[] } | undefined {
  const pod = templatePod(workload);
  return pod && !ownerIn(snapshot, workload) ? { name: nameOf(pod.namespace, pod.name, workload.kind), pods: [pod] } : undefined;
}

function onPodNetwork(pod: Pod): Pod {
  return pod.hostNetwork ? { ...pod, hostNetwork: false } : pod;
}

function nameOf(namespace: string, name: string, kind: string): string {
  return `${namespace}/${name}[${kind}]`;
}

/** The name of the workload that a pod belongs to: its owner, or the owner's owner where the snapshot has both. */
function workloadName(snapshot: Snapshot, pod: Pod): string {
  const owner = pod.owner ?? controllerOf(pod.object);
  // The kubelet owns the mirror pods of its static pods: a node is no workload.
  if (!owner || owner.kind === "Node") return nameOf(pod.namespace, pod.name, "Pod");
  const above = ownerIn(snapshot, objectOf(snapshot, pod.namespace, owner));
  return above ? nameOf(pod.namespace, above.metadata.name ?? "", above.kind) : nameOf(pod.namespace, owner.name, owner.kind);
}

/** The object that controls this one, when the snapshot has it: a ReplicaSet's Deployment, a Job's CronJob. */
function ownerIn(snapshot: Snapshot, object: KubeObject | undefined): KubeObject | undefined {
  const owner = controllerOf(object);
  return owner && objectOf(snapshot, object?.metadata.namespace ?? "default", owner);
}

function objectOf(snapshot: Snapshot, namespace: string, { apiVersion, kind, name }: OwnerReference): KubeObject | undefined {
  return snapshot.objectsOf(groupOf(apiVersion), kind).get(`${namespace}/${name}`);
}

/** "At most one owner is the managing controller"; an owner that does not say its kind is taken for a pod. */
function controllerOf(object: KubeObject | undefined): OwnerReference | undefined {
  const owners: unknown = object?.metadata.ownerReferences;
  const owner: unknown = Array.isArray(owners) ? owners.find((reference) => isRecord(reference) && reference.controller === true) : undefined;
  if (!isRecord(owner) || typeof owner.name !== "string") return undefined;
  return { apiVersion: textOr(owner.apiVersion, ""), kind: textOr(owner.kind, "Pod"), name: owner.name, uid: textOr(owner.uid, ""), controller: true };
}

/** The pod that a workload makes, by its template: no address, the workload's name. */
function templatePod(workload: KubeObject): Pod | undefined {
  const { spec, metadata, apiVersion, kind } = workload;
  const template = at(at(spec, "jobTemplate", "spec"), "template") ?? at(spec, "template");
  const inner = at(template, "spec");
  if (!isRecord(inner)) return undefined;
  const name = metadata.name ?? "";
  return {
    namespace: metadata.namespace ?? "default",
    name,
    labels: labelsOf(at(template, "metadata", "labels")),
    addresses: [],
    ports: portsOf(inner),
    hostNetwork: false,
    finished: false,
    owner: { apiVersion, kind, name, uid: metadata.uid ?? "", controller: true },
    origin: "workload",
    object: workload,
  };
}

function labelsOf(value: unknown): Labels {
  return isRecord(value) ? Object.fromEntries(Object.entries(value).filter((entry): entry is [string, string] => typeof entry[1] === "string")) : {};
}

/** Containers, and init containers that keep running beside them ("names on sidecar initContainers count for real CNIs", S10). */
function portsOf(spec: Record<string, unknown>): readonly ContainerPort[] {
  const sidecars = itemsOf(spec.initContainers).filter((container) => at(container, "restartPolicy") === "Always");
  return [...itemsOf(spec.containers), ...sidecars].flatMap((container) =>
    itemsOf(at(container, "ports")).flatMap((item) => portOf(item, textOr(at(container, "name"), ""))),
  );
}

function portOf(item: unknown, container: string): ContainerPort[] {
  const [name, port] = [at(item, "name"), at(item, "containerPort")];
  const protocol = PROTOCOLS.find((known) => known === (at(item, "protocol") ?? "TCP"));
  if (protocol === undefined || typeof port !== "number" || !Number.isInteger(port) || port < 1 || port > 65_535) return [];
  return [{ ...(typeof name === "string" && name !== "" ? { name } : {}), port, protocol, container }];
}

function itemsOf(value: unknown): readonly unknown[] {
  return Array.isArray(value) ? value : [];
}

function textOr(value: unknown, fallback: string): string {
  return typeof value === "string" ? value : fallback;
}

/** The value under a path of fields; undefined where there is none. */
function at(value: unknown, ...path: readonly string[]): unknown {
  return path.reduce<unknown>((inner, field) => (isRecord(inner) && Object.hasOwn(inner, field) ? inner[field] ?? undefined : undefined), value);
}
