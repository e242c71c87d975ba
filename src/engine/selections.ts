import { NAME_LABEL } from "../model/endpoint.js";
import type { Peer, PodClass } from "../model/policy.js";
import type { LabelBox } from "../sets/label-box.js";
import { addBit, emptyBits, type Bitset } from "./bitset.js";
import type { Classes, EndClass, NamespaceClass } from "./classes.js";
import type { Vocabulary } from "./vocabulary.js";

/** The classes a peer selects among those known when it was last asked; the bits grow with the classes. */
interface Selection {
  bits: Bitset;
  width: number;
}

type Lists = readonly (readonly number[])[];

/** Below this many classes it is cheaper to try each than to look for a short list. */
const FEW = 64;

/** Which classes a peer matches, remembered by the peer's text: the same few selectors stand in most policies (R2). */
export class Selections {
  private readonly selections = new Map<string, Selection>();
  private readonly namespaceMatches = new Map<string, boolean[]>();
  private readonly classes: Classes;
  private readonly vocabulary: Vocabulary;

  constructor(classes: Classes, vocabulary: Vocabulary) {
    this.classes = classes;
    this.vocabulary = vocabulary;
  }

  get size(): number {
    return this.selections.size;
  }

  /** Members among all classes known now; not to be written to. */
  of(peer: Peer): Bitset {
    const key = this.keyOf(peer);
    let selection = this.selections.get(key);
    if (!selection) this.selections.set(key, (selection = { bits: emptyBits(0), width: 0 }));
    if (selection.width < this.classes.size) this.extend(selection, peer);
    return selection.bits;
  }

  private keyOf(peer: Peer): string {
    switch (peer.kind) {
      case "pods":
        return `${peer.namespaces.key}/${peer.pods.key}`;
      case "addresses":
        return `addresses ${this.vocabulary.numberOf(peer.addresses)}`;
      case "nodes":
        return `nodes ${peer.labels.key}`;
      case "symbolic":
        return "symbolic";
    }
  }

  private extend(selection: Selection, peer: Peer): void {
    const from = selection.width;
    const bits = emptyBits(this.classes.size);
    bits.set(selection.bits);
    selection.bits = bits;
    selection.width = this.classes.size;
    const matches = this.matcher(peer);
    const lists = this.candidates(peer, from);
    for (const list of lists ?? []) for (const id of list) if (id >= from && matches(this.classes.at(id))) addBit(bits, id);
    if (!lists) for (let id = from; id < selection.width; id++) if (matches(this.classes.at(id))) addBit(bits, id);
  }

  private matcher(peer: Peer): (end: EndClass) => boolean {
    if (peer.kind === "pods") {
      return (end) => end.namespace !== undefined && peer.pods.matches(end.labels) && this.admits(peer.namespaces, end.namespace);
    }
    if (peer.kind === "nodes") return (end) => end.nodes.some((labels) => peer.labels.matches(labels));
    // What is listed for a set of addresses has an address in it.
    return () => peer.kind === "addresses";
  }

  /** Lists that together hold the classes that may match; undefined when there are none, or when it is quicker to try each class. */
  private candidates(peer: Peer, from: number): Lists | undefined {
    switch (peer.kind) {
      case "addresses":
        return [this.classes.withAddressSet(this.vocabulary.numberOf(peer.addresses))];
      case "nodes":
        return [this.classes.standingForNodes()];
      case "symbolic":
        return [];
      case "pods":
        return this.classes.size - from < FEW ? undefined : this.fewest(peer);
    }
  }

  /** By the names of the namespaces, when the peer lists them, or by a label that it requires: whichever holds fewest. */
  private fewest({ namespaces, pods }: PodClass): Lists | undefined {
    const names = namesIn(namespaces);
    const choices: Lists[] = names ? [names.flatMap((name) => this.classes.namespacesNamed(name)).map(({ members }) => members)] : [];
    for (const [key, { allBut, values, absent }] of pods.constraints) {
      if (!allBut && !absent) choices.push([...values].map((value) => this.classes.withLabel(key, value)));
    }
    const sizes = choices.map((lists) => lists.reduce((sum, list) => sum + list.length, 0));
    return choices[sizes.indexOf(Math.min(...sizes))];
  }

  private admits(box: LabelBox, namespace: NamespaceClass): boolean {
    // A box that names its namespaces is not remembered: most policies have their own, and it is quick to try.
    if (box.isAll || namesIn(box)) return box.matches(namespace.labels);
    let known = this.namespaceMatches.get(box.key);
    if (!known) this.namespaceMatches.set(box.key, (known = []));
    return (known[namespace.number] ??= box.matches(namespace.labels));
  }
}

/** The names a box admits, when it lists them: `kubernetes.io/metadata.name In [...]`, as every policy's own namespace. */
function namesIn(box: LabelBox): readonly string[] | undefined {
  const names = box.constraints.get(NAME_LABEL);
  return names === undefined || names.allBut || names.absent ? undefined : [...names.values];
}
