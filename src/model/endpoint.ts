import { formatAddress, type Address } from "../sets/ip-set.js";
import type { Labels } from "../sets/label-box.js";
import type { KubeObject, OwnerReference } from "./kubernetes.js";
import type { Protocol } from "./traffic.js";

export const NAME_LABEL = "kubernetes.io/metadata.name";

export interface Namespace {
  readonly name: string;
  /** Always with `kubernetes.io/metadata.name`, which the API server sets on every namespace (S8). */
  readonly labels: Labels;
  /** True once deletion has begun. */
  readonly terminating: boolean;
  /** Absent for a namespace that only its objects tell of. */
  readonly object?: KubeObject;
}

export interface ContainerPort {
  readonly name?: string;
  readonly port: number;
  readonly protocol: Protocol;
  readonly container: string;
}

export interface Pod {
  readonly namespace: string;
  readonly name: string;
  readonly labels: Labels;
  /** Addresses of both families; empty while the pod has none: then labels match it and no ipBlock does. */
  readonly addresses: readonly Address[];
  readonly ports: readonly ContainerPort[];
  readonly hostNetwork: boolean;
  /** Phase Succeeded or Failed: no endpoint any more (S16). */
  readonly finished: boolean;
  readonly nodeName?: string;
  /** The controlling owner. */
  readonly owner?: OwnerReference;
  readonly serviceAccount?: string;
  /** Where it comes from: a Pod object, a workload's template, or a proof's counterexample. */
  readonly origin: "pod" | "workload" | "hypothetical";
  readonly object?: KubeObject;
}

export interface Node {
  readonly name: string;
  readonly labels: Labels;
  readonly addresses: readonly Address[];
}

/** A Node that says what is known of it, for writing it down. */
export function nodeObject({ name, labels, addresses }: Node): KubeObject {
  const written = addresses.map((address) => ({ type: "InternalIP", address: formatAddress(address) }));
  return { apiVersion: "v1", kind: "Node", metadata: { name, labels }, status: { addresses: written } };
}

/** One end of a connection. A pod end may name which of its addresses is used; else any of them counts (edge case 25). */
export type Endpoint =
  | { readonly kind: "pod"; readonly pod: Pod; readonly address?: Address }
  | { readonly kind: "address"; readonly address: Address };

/** True for pods that policies can select and that can be peers: hostNetwork and finished ones are not (S15, S16). */
export function isLive(pod: Pod): boolean {
  return !pod.hostNetwork && !pod.finished;
}

/** Labels of a namespace with the one the API server forces. */
export function namespaceLabels(name: string, labels: Labels = {}): Labels {
  return { ...labels, [NAME_LABEL]: name };
}
