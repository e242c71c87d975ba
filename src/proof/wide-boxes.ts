import { Memory } from "../model/memory.js";
import type { LabelBox } from "../sets/label-box.js";
import { ABSENT, isAnything, isNothing, isSameSet, oneOf, type ValueSet } from "../sets/value-set.js";
import { FALSE, not, TRUE, type Formula, type Formulas, type Variable } from "./formula.js";
import { labelValuesIn, valueIn, valueOutside } from "./label-values.js";

type Constraints = ReadonlyMap<string, ValueSet>;

/** What boxes are about: the labels of one party, with an unknown for each key that is looked at by itself. */
export interface LabelUnknowns {
  readonly name: string;
  readonly formulas: Formulas;
  /** Keys that have an unknown of their own so far. */
  readonly keys: ReadonlyMap<string, Variable>;
  /** "The value of the key lies in the set"; the key has an unknown of its own from then on. */
  labelIn(key: string, values: ValueSet): Formula;
  /** An unknown that is absent or `SET`. */
  unknown(name: string): Variable;
}

/** The value of an unknown that is not as it is without any label. */
export const SET = "set";

interface Wide {
  readonly constraints: Constraints;
  readonly holds: Formula;
}

/** Keys that the same boxes constrain, each in the same way in all of them, and nothing else reads: they count only together. */
interface Group {
  readonly constraints: Constraints;
  readonly holdsWithoutLabels: boolean;
}

/**
 * Boxes of more constraints than a question can afford to look at one by one, of the labels of one party: each is one unknown, "the
 * labels lie in the box", and what nothing else reads of it is another one. Keys that something else reads are looked at one by one.
 */
export class WideBoxes {
  private readonly labels: LabelUnknowns;
  private readonly boxes = new Map<LabelBox, Wide>();
  private readonly groups = new Map<Variable, Group>();
  private tied: { readonly keys: number; readonly boxes: number; readonly formula: Formula } = { keys: 0, boxes: 0, formula: TRUE };

  constructor(labels: LabelUnknowns) {
    this.labels = labels;
  }

  /** "The labels lie in the box." */
  lies(box: LabelBox): Formula {
    const constraints = readableIn(box);
    if (constraints === "none") return FALSE;
    let wide = this.boxes.get(box);
    if (!wide) {
      const holds = this.unknown(`box ${this.boxes.size}`, holdsWithoutLabels(constraints));
      this.boxes.set(box, (wide = { constraints, holds: holds.formula }));
    }
    return wide.holds;
  }

  /** Unknowns for groups of keys, as of the last `ties`. */
  unknowns(): Iterable<Variable> {
    return this.groups.keys();
  }

  reads(key: string): boolean {
    for (const { constraints } of this.boxes.values()) if (constraints.has(key)) return true;
    return false;
  }

  /** What `ties` has to go through: keys for one box, constraints for several. */
  get size(): number {
    const { keys, boxes } = this.tied;
    if (this.boxes.size === 0 || (keys === this.labels.keys.size && boxes === this.boxes.size)) return 0;
    return this.boxes.size === 1 ? 1 + this.labels.keys.size : [...this.boxes.values()].reduce((sum, { constraints }) => sum + constraints.size, 0);
  }

  /** What the unknowns of the boxes have to do with each other and with the keys: to be true of every solution. */
  ties(): Formula {
    if (this.size === 0) return this.tied.formula;
    const { formulas, keys } = this.labels;
    const wides = [...this.boxes.values()];
    const own = wides.map((): Formula[] => []);
    for (const { boxes, constraints } of this.groupsOf(wides)) {
      const { variable, formula: holds } = this.unknown(`group ${this.groups.size}`, holdsWithoutLabels(constraints));
      this.groups.set(variable, { constraints, holdsWithoutLabels: holdsWithoutLabels(constraints) });
      for (const i of boxes) own[i]?.push(holds);
    }
    const formula = formulas.and(wides.map(({ constraints, holds }, i) => {
      const whole = formulas.and([...(own[i] ?? []), ...this.lookedAt(constraints)]);
      return formulas.choose(holds, whole, not(whole));
    }));
    this.tied = { keys: keys.size, boxes: this.boxes.size, formula };
    return formula;
  }

  /** The labels by which groups are as a solution wants them. */
  labelsOf(values: ReadonlyMap<Variable, string | undefined>): readonly (readonly [key: string, value: string])[] {
    return [...this.groups].flatMap(([variable, { constraints, holdsWithoutLabels }]) => {
      if (values.get(variable) !== SET) return [];
      if (!holdsWithoutLabels) return [...constraints].filter(([, { absent }]) => !absent).map(([key, set]) => [key, valueIn(set)] as const);
      return [...constraints].slice(0, 1).map(([key, set]) => [key, valueOutside(set)] as const);
    });
  }

  private unknown(name: string, holdsWithoutLabels: boolean): { readonly variable: Variable; readonly formula: Formula } {
    const variable = this.labels.unknown(`${this.labels.name} ${name}`);
    return { variable, formula: this.labels.formulas.atom(variable, holdsWithoutLabels ? ABSENT : oneOf([SET])) };
  }

  /** The constraints on keys that have an unknown of their own. */
  private lookedAt(constraints: Constraints): readonly Formula[] {
    const { keys } = this.labels;
    const both = keys.size < constraints.size ? [...keys.keys()].filter((key) => constraints.has(key)) : [...constraints.keys()].filter((key) => keys.has(key));
    return both.map((key) => this.labels.labelIn(key, constraints.get(key) as ValueSet));
  }

  private groupsOf(wides: readonly Wide[]): readonly Shared[] {
    const { keys } = this.labels;
    const [only, ...others] = wides;
    if (only && others.length === 0) return aloneIn(only.constraints, keys);
    const shared = new Map<string, { readonly values: ValueSet; readonly boxes: number[] }>();
    const unlike = new Map<string, ValueSet>();
    for (const [i, { constraints }] of wides.entries()) {
      for (const [key, values] of constraints) {
        const known = keys.has(key) ? undefined : shared.get(key);
        if (!known && !keys.has(key)) shared.set(key, { values, boxes: [i] });
        else if (known && !isSameSet(known.values, values)) unlike.set(key, values);
        else known?.boxes.push(i);
      }
    }
    for (const [key, values] of unlike) this.labels.labelIn(key, values);
    const groups = new Map<string, { readonly boxes: readonly number[]; readonly constraints: Map<string, ValueSet> }>();
    for (const [key, { values, boxes }] of shared) {
      if (unlike.has(key)) continue;
      const name = boxes.length === 1 ? String(boxes[0]) : boxes.join();
      const group = groups.get(name);
      if (group) group.constraints.set(key, values);
      else groups.set(name, { boxes, constraints: new Map([[key, values]]) });
    }
    return [...groups.values()];
  }
}

interface Shared {
  /** Positions of the boxes. */
  readonly boxes: readonly number[];
  readonly constraints: Constraints;
}

/** What a single box constrains and nothing else reads. */
function aloneIn(constraints: Constraints, keys: ReadonlyMap<string, Variable>): readonly Shared[] {
  const isRead = [...keys.keys()].some((key) => constraints.has(key));
  const alone = isRead ? new Map([...constraints].filter(([key]) => !keys.has(key))) : constraints;
  return alone.size > 0 ? [{ boxes: [0], constraints: alone }] : [];
}

const readable = new Memory<LabelBox, Constraints | "none">();

/** The box in values that labels can have, without what is then always true; "none": no labels lie in it. */
function readableIn(box: LabelBox): Constraints | "none" {
  let known = readable.get(box);
  if (known === undefined) {
    const all = [...box.constraints].map(([key, set]) => [key, { ...set, values: labelValuesIn(set.values) }] as const);
    known = all.some(([, set]) => isNothing(set)) ? "none" : new Map(all.filter(([, set]) => !isAnything(set)));
    readable.set(box, known);
  }
  return known;
}

function holdsWithoutLabels(constraints: Constraints): boolean {
  for (const { absent } of constraints.values()) if (!absent) return false;
  return true;
}
