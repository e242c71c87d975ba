import { NAME_LABEL, type ContainerPort, type Namespace, type Pod } from "../model/endpoint.js";
import type { Labels } from "../sets/label-box.js";
import type { Vocabulary } from "./vocabulary.js";
import { Memory } from "../model/memory.js";

/** A namespace as policies see it: its labels, its name among them. One that is labelled anew is another one. */
export interface NamespaceClass {
  readonly number: number;
  readonly labels: Labels;
  /** Ids of the classes of pods in it. */
  readonly members: number[];
}

/**
 * Ends of connections that no policy can tell apart (R1): live pods of one namespace that agree in the labels and port names
 * that policies read, or other ends; in both cases with the same sets of addresses and the same nodes behind them.
 */
export interface EndClass extends Surroundings {
  readonly id: number;
  /** Absent for ends that selectors never select: addresses, hostNetwork and finished pods. */
  readonly namespace?: NamespaceClass;
  readonly labels: Labels;
  readonly ports: readonly ContainerPort[];
}

/** What an end is beside a pod that selectors can select. */
export interface Surroundings {
  /** Numbers of the address sets (vocabulary) that hold the end's address, ascending. */
  readonly addressSets: readonly number[];
  /** Labels of the nodes the end stands for. */
  readonly nodes: readonly Labels[];
}

export const NOWHERE: Surroundings = { addressSets: [], nodes: [] };

/** Every class met so far, numbered from 0. Classes are never taken back: one that has no pods any more just is not asked for. */
export class Classes {
  private readonly list: EndClass[] = [];
  private readonly byKey = new Map<string, EndClass>();
  private readonly labelNumbers = new Map<string, Map<string, number>>();
  /** By number of the label. */
  private readonly withLabels: number[][] = [];
  private readonly withPortNames = new Map<string, number[]>();
  /** By number of the set of addresses. */
  private readonly withAddressSets: number[][] = [];
  private readonly withNodes: number[] = [];
  private readonly namespaces = new Map<string, NamespaceClass>();
  private readonly namespacesByName = new Map<string, NamespaceClass[]>();
  private readonly known = new Memory<Namespace, NamespaceClass>();
  private readonly vocabulary: Vocabulary;

  constructor(vocabulary: Vocabulary) {
    this.vocabulary = vocabulary;
  }

  get size(): number {
    return this.list.length;
  }

  at(id: number): EndClass {
    return this.list[id] as EndClass;
  }

  /** Ids of the classes that have the label. */
  withLabel(key: string, value: string): readonly number[] {
    const number = this.labelNumbers.get(key)?.get(value);
    return number === undefined ? [] : (this.withLabels[number] as number[]);
  }

  /** Ids of the classes of pods that have a port of this name. */
  withPortName(name: string): readonly number[] {
    return this.withPortNames.get(name) ?? [];
  }

  /** Ids of the classes of ends with an address in this set. */
  withAddressSet(number: number): readonly number[] {
    return this.withAddressSets[number] ?? [];
  }

  /** Ids of the classes of ends that stand for nodes. */
  standingForNodes(): readonly number[] {
    return this.withNodes;
  }

  namespacesNamed(name: string): readonly NamespaceClass[] {
    return this.namespacesByName.get(name) ?? [];
  }

  ofNamespace(namespace: Namespace): NamespaceClass {
    const known = this.known.get(namespace);
    if (known) return known;
    const key = labelsText(namespace.labels);
    let found = this.namespaces.get(key);
    if (!found) {
      this.namespaces.set(key, (found = { number: this.namespaces.size, labels: namespace.labels, members: [] }));
      append(this.namespacesByName, namespace.labels[NAME_LABEL] ?? "", found);
    }
    this.known.set(namespace, found);
    return found;
  }

  /** The class of a live pod. */
  ofPod(pod: Pod, namespace: NamespaceClass, around: Surroundings): EndClass {
    const numbers: number[] = [];
    for (const key in pod.labels) if (this.vocabulary.labelKeys.has(key)) numbers.push(this.labelNumber(key, pod.labels[key] as string));
    if (numbers.length > 1) numbers.sort(ascending);
    const ports = pod.ports.filter(({ name }) => name !== undefined && this.vocabulary.portNames.has(name));
    const key = `${namespace.number}|${numbers.join()}|${portsText(ports)}|${aroundText(around)}`;
    const found = this.byKey.get(key);
    if (found) return found;
    const labels = Object.fromEntries(Object.entries(pod.labels).filter(([label]) => this.vocabulary.labelKeys.has(label)));
    const added = this.add(key, { namespace, labels, ports, ...around });
    namespace.members.push(added.id);
    for (const number of numbers) this.withLabels[number]?.push(added.id);
    for (const name of new Set(ports.map((port) => port.name as string))) append(this.withPortNames, name, added.id);
    return added;
  }

  /** The class of any other end. */
  ofOther(around: Surroundings): EndClass {
    const key = aroundText(around);
    return this.byKey.get(key) ?? this.add(key, { labels: {}, ports: [], ...around });
  }

  private add(key: string, parts: Omit<EndClass, "id">): EndClass {
    const added: EndClass = { id: this.list.length, ...parts };
    this.list.push(added);
    this.byKey.set(key, added);
    for (const number of parts.addressSets) (this.withAddressSets[number] ??= []).push(added.id);
    if (parts.nodes.length > 0) this.withNodes.push(added.id);
    return added;
  }

  private labelNumber(key: string, value: string): number {
    let values = this.labelNumbers.get(key);
    if (!values) this.labelNumbers.set(key, (values = new Map()));
    let number = values.get(value);
    if (number === undefined) values.set(value, (number = this.withLabels.push([]) - 1));
    return number;
  }
}

function append<T>(lists: Map<string, T[]>, key: string, item: T): void {
  const list = lists.get(key);
  if (list) list.push(item);
  else lists.set(key, [item]);
}

function ascending(a: number, b: number): number {
  return a - b;
}

function portsText(ports: readonly ContainerPort[]): string {
  return ports.length === 0 ? "" : JSON.stringify(ports.map(({ name, protocol, port }) => [name, protocol, port].join("/")).sort());
}

function aroundText({ addressSets, nodes }: Surroundings): string {
  if (nodes.length === 0) return addressSets.join();
  return `${addressSets.join()};${nodes.map(labelsText).sort().join()}`;
}

function labelsText(labels: Labels): string {
  return JSON.stringify(Object.entries(labels).sort(([a], [b]) => (a < b ? -1 : 1)));
}
