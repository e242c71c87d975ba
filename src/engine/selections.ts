import { NAME_LABEL } from "../model/endpoint.js";
import type { Peer } from "../model/policy.js";
import type { LabelBox } from "../sets/label-box.js";
import { addBit, emptyBits, type Bitset } from "./bitset.js";
import type { Classes, EndClass, NamespaceClass } from "./classes.js";
import type { Vocabulary } from "./vocabulary.js";

/** The classes a peer selects among those known when it was last asked; the bits grow with the classes. */
interface Selection {
  bits: Bitset;
  width: number;
}

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
    const listed = this.candidates(peer, from);
    if (listed) {
      for (const id of listed) if (id >= from && matches(this.classes.at(id))) addBit(bits, id);
    } else {
      for (let id = from; id < selection.width; id++) if (matches(this.classes.at(id))) addBit(bits, id);
    }
  }

  private matcher(peer: Peer): (end: EndClass) => boolean {
    if (peer.kind === "pods") {
      return (end) => end.namespace !== undefined && peer.pods.matches(end.labels) && this.admits(peer.namespaces, end.namespace);
    }
    if (peer.kind === "nodes") return (end) => end.nodes.some((labels) => peer.labels.matches(labels));
    // What is listed for a set of addresses has an address in it.
    return () => peer.kind === "addresses";
  }

  /** The shortest list of the classes that may match; undefined when there is none, or when it is quicker to try each. */
  private candidates(peer: Peer, from: number): readonly number[] | undefined {
    switch (peer.kind) {
      case "addresses":
        return this.classes.withAddressSet(this.vocabulary.numberOf(peer.addresses));
      case "nodes":
        return this.classes.standingForNodes();
      case "symbolic":
        return [];
      case "pods": {
        if (this.classes.size - from < FEW) return undefined;
        const names = namesIn(peer.namespaces);
        const inNamespaces = names?.flatMap((name) => this.classes.namespacesNamed(name)).flatMap(({ members }) => members);
        const [shortest] = [...(inNamespaces ? [inNamespaces] : []), ...this.listsByLabel(peer.pods)].sort((a, b) => a.length - b.length);
        return shortest;
      }
    }
  }

  /** For each label that the box requires, the classes that have it. */
  private listsByLabel({ constraints }: LabelBox): (readonly number[])[] {
    return [...constraints].flatMap(([key, { allBut, values, absent }]) =>
      allBut || absent ? [] : [[...values].flatMap((value) => this.classes.withLabel(key, value))],
    );
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
