import { admits, intersectAllValues, isAnything, isNothing, valueSetKey, type ValueSet } from "./value-set.js";

/** A map of labels, as Kubernetes objects carry it. */
export type Labels = Readonly<Record<string, string>>;

/**
 * A set of label maps that is a conjunction of one constraint per key: a box in the product of the keys' values.
 * Every Kubernetes label selector is one box. Keys that are not constrained are not stored.
 */
export class LabelBox {
  readonly constraints: ReadonlyMap<string, ValueSet>;
  readonly isEmpty: boolean;
  private text: string | undefined;

  private constructor(constraints: ReadonlyMap<string, ValueSet>, isEmpty: boolean) {
    this.constraints = constraints;
    this.isEmpty = isEmpty;
  }

  /** Every label map. */
  static readonly ALL = new LabelBox(new Map(), false);
  /** No label map. */
  static readonly NONE = new LabelBox(new Map(), true);

  /** The box of these constraints; several for one key are intersected. */
  static from(entries: Iterable<readonly [key: string, values: ValueSet]>): LabelBox {
    const constraints = new Map<string, ValueSet>();
    const repeated = new Map<string, ValueSet[]>();
    for (const [key, values] of entries) {
      if (isAnything(values)) continue;
      const known = constraints.get(key);
      const sets = repeated.get(key);
      if (known === undefined) constraints.set(key, values);
      else if (sets) sets.push(values);
      else if (known !== values) repeated.set(key, [known, values]);
    }
    for (const [key, sets] of repeated) constraints.set(key, intersectAllValues(sets));
    if ([...constraints.values()].some(isNothing)) return LabelBox.NONE;
    return constraints.size === 0 ? LabelBox.ALL : new LabelBox(constraints, false);
  }

  get isAll(): boolean {
    return !this.isEmpty && this.constraints.size === 0;
  }

  matches(labels: Labels): boolean {
    if (this.isEmpty) return false;
    for (const [key, values] of this.constraints) {
      if (!admits(values, Object.hasOwn(labels, key) ? labels[key] : undefined)) return false;
    }
    return true;
  }

  intersect(other: LabelBox): LabelBox {
    if (this.isEmpty || other.isEmpty) return LabelBox.NONE;
    if (this.isAll) return other;
    if (other.isAll) return this;
    return LabelBox.from([...this.constraints, ...other.constraints]);
  }

  /** Canonical text: equal boxes, equal text. Computed once. */
  get key(): string {
    this.text ??= this.isEmpty
      ? "none"
      : [...this.constraints].map(([key, values]) => `${JSON.stringify(key)}:${valueSetKey(values)}`).sort().join(",");
    return this.text;
  }
}
