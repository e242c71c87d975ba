import { NAME_LABEL, type Namespace } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import type { LabelBox } from "../sets/label-box.js";
import { ABSENT, admits, ANYTHING, complementValues, includes, intersectValues, isAnything, oneOf, PRESENT, type ValueSet } from "../sets/value-set.js";
import { each, FALSE, Formulas, not, TRUE, type Formula, type Variable } from "./formula.js";
import { freshValue, isLabelValue, labelValuesIn, OTHER, sortingCost, sortsOf } from "./label-values.js";
import { Meter } from "./meter.js";
import type { Party } from "./party.js";
import type { Budget, PodSpace } from "./question.js";
import { solve, type Candidates, type Solution } from "./solver.js";
import { SET, WideBoxes } from "./wide-boxes.js";
import type { EngineProfile } from "../engine/verdict.js";

/** What every proof needs besides its question. */
export interface ProofContext {
  readonly profile: EngineProfile;
  readonly budget: Budget;
  /** Constraints of a selector from which it is one unknown, whatever it consists of. */
  readonly wide?: number;
}

/** People write a handful. */
const WIDE = 64;

/** Constraints of wide selectors that are put in groups in a step, and values that are told apart. */
const [STEP_CONSTRAINTS, STEP_VALUES] = [8, 8];

type SpaceParty = Extract<Party, { kind: "space" }>;

/** Whose label: the pod's, or its future namespace's. */
export type Scope = "pod" | "namespace";

/** What an unknown may be. */
interface Unknown {
  readonly values: ValueSet;
  readonly possible: (value: string) => boolean;
  /** Stem of the value that stands for all that nobody mentions. */
  readonly fresh: string;
}

/** The labels of one scope of a party: an unknown for each key, and the boxes asked about so far. */
interface Owner {
  readonly keys: Map<string, Variable>;
  readonly boxes: Map<LabelBox, Formula>;
  readonly wide: WideBoxes;
}

const NO_VALUES: readonly ReadonlySet<string>[] = [];
const NAMESPACE_NAME = /^[a-z0-9]([-a-z0-9]{0,61}[a-z0-9])?$/;

/** One question being answered: its formulas over unknown labels, and the work spent on it. */
export class Inquiry {
  readonly formulas = new Formulas();
  readonly meter: Meter;
  readonly profile: EngineProfile;
  private readonly snapshots: readonly Snapshot[];
  private readonly wide: number;
  private readonly unknowns: Unknown[] = [];
  private readonly owners = { pod: new Map<SpaceParty, Owner>(), namespace: new Map<SpaceParty, Owner>() };

  /** `snapshots`: every one the question is about; a future namespace has a name that none of them has. */
  constructor(context: ProofContext, snapshots: readonly Snapshot[]) {
    this.meter = new Meter(context.budget);
    this.profile = context.profile;
    this.wide = context.wide ?? WIDE;
    this.snapshots = snapshots;
  }

  /** An inquiry of its own into the same snapshots, without a budget. */
  unlimited(): Inquiry {
    return new Inquiry({ profile: this.profile, budget: Meter.unlimited(), wide: this.wide }, this.snapshots);
  }

  /** "The labels lie in the box". */
  labelsIn(party: SpaceParty, scope: Scope, box: LabelBox): Formula {
    if (box.isEmpty) return FALSE;
    const { boxes } = this.owner(party, scope);
    let formula = boxes.get(box);
    if (formula === undefined) {
      const isWide = scope === "pod" && box.constraints.size >= this.wide;
      this.meter.spend(isWide ? 1 : box.constraints.size);
      formula = isWide ? this.liesWide(party, box) : this.formulas.and(each(box.constraints, (constraint) => this.labelIn(party, scope, constraint)));
      boxes.set(box, formula);
    }
    return formula;
  }

  private liesWide(party: SpaceParty, box: LabelBox): Formula {
    for (const key of party.space.pods.constraints.keys()) {
      this.label(party, "pod", key);
      const values = box.constraints.get(key);
      if (values && this.labelIn(party, "pod", [key, values]) === FALSE) return FALSE;
    }
    return this.owner(party, "pod").wide.lies(box);
  }

  /** An unknown that is one of the options; the first is preferred. */
  choice(name: string, options: readonly string[]): (option: string) => Formula {
    const variable = this.formulas.variable(name);
    this.unknowns[variable] = { values: oneOf(options), possible: () => true, fresh: "" };
    return (option) => this.formulas.atom(variable, oneOf([option]));
  }

  /** The unknowns of one scope of a party: of label keys, and of what wide selectors say of many. */
  unknownsOf(party: SpaceParty, scope: Scope): readonly Variable[] {
    const { keys, wide } = this.owner(party, scope);
    return [...keys.values(), ...wide.unknowns()];
  }

  /** Those of some pod label keys that selectors of the party read. */
  readAmong(party: SpaceParty, among: ReadonlySet<string>): ReadonlySet<string> {
    const { keys, wide } = this.owner(party, "pod");
    return new Set([...among].filter((key) => keys.has(key) || wide.reads(key)));
  }

  mayBeAbsent(variable: Variable): boolean {
    return this.unknowns[variable]?.values.absent === true;
  }

  solve(root: Formula): Solution {
    return solve(this.formulas, this.tied(root), { candidatesOf: (variable, mentioned) => this.candidatesOf(variable, mentioned), meter: this.meter });
  }

  private tied(root: Formula): Formula {
    if (root === TRUE) return root;
    const wides = [...this.owners.pod.values()].map(({ wide }) => wide);
    this.meter.spend(wides.reduce((sum, { size }) => sum + size, 0) / STEP_CONSTRAINTS);
    return this.meter.exhausted ? root : this.formulas.and([root, ...wides.map((wide) => wide.ties())]);
  }

  /** False when no pod could ever lie in the space: contradictory selectors, or values that no label can have. */
  isInhabited(party: SpaceParty): boolean {
    const scopes: readonly Scope[] = isFuture(party.space.namespace) ? ["pod", "namespace"] : ["pod"];
    return scopes.every((scope) => {
      const box = limitsOf(party.space, scope);
      return !box.isEmpty && [...box.constraints.keys()].every((key) => this.candidatesOf(this.label(party, scope, key), NO_VALUES).length > 0);
    });
  }

  /** The label map a solution stands for: keys it leaves open have the preferred value, absent where the space permits. */
  labelsOf(party: SpaceParty, scope: Scope, values: ReadonlyMap<Variable, string | undefined>): Readonly<Record<string, string>> {
    const box = limitsOf(party.space, scope);
    const labels: Record<string, string> = {};
    for (const key of new Set([...this.owner(party, scope).keys.keys(), ...box.constraints.keys(), ...(scope === "namespace" ? [NAME_LABEL] : [])])) {
      const variable = this.label(party, scope, key);
      const value = values.has(variable) ? values.get(variable) : this.candidatesOf(variable, NO_VALUES)[0];
      if (value !== undefined) labels[key] = value;
    }
    for (const [key, value] of this.owner(party, scope).wide.labelsOf(values)) labels[key] = value;
    return labels;
  }

  /**
   * "Parties in future namespaces are in different ones, or in one with the same labels." Only names that `root` mentions can
   * be one: two fresh names are two.
   */
  consistent(root: Formula, parties: readonly SpaceParty[]): Formula {
    const future = parties.filter((party) => isFuture(party.space.namespace));
    return this.formulas.and([root, ...future.flatMap((a, i) => future.slice(i + 1).map((b) => this.apartOrAlike(root, [a, b])))]);
  }

  private apartOrAlike(root: Formula, [a, b]: readonly [SpaceParty, SpaceParty]): Formula {
    const { formulas } = this;
    const keys = new Set([a, b].flatMap((party) => [NAME_LABEL, ...this.owner(party, "namespace").keys.keys(), ...limitsOf(party.space, "namespace").constraints.keys()]));
    const both = (key: string, values: ValueSet): readonly [Formula, Formula] => [formulas.atom(this.label(a, "namespace", key), values), formulas.atom(this.label(b, "namespace", key), values)];
    const alike = [...keys].flatMap((key) => [ABSENT, ...this.mentioned(root, [a, b], key).map((value) => oneOf([value]))].map((values) => {
      const [one, other] = both(key, values);
      return formulas.choose(one, other, not(other));
    }));
    const same = formulas.and(alike);
    return formulas.and(this.mentioned(root, [a, b], NAME_LABEL).map((name) => formulas.or([not(formulas.and(both(NAME_LABEL, oneOf([name])))), same])));
  }

  /** Values of a namespace label that the formula or the spaces mention. */
  private mentioned(root: Formula, parties: readonly SpaceParty[], key: string): readonly string[] {
    const variables = new Set(parties.map((party) => this.label(party, "namespace", key)));
    const inRoot = this.formulas.below(root).flatMap((index) => {
      const node = this.formulas.node(index * 2);
      return node.kind === "atom" && variables.has(node.variable) ? [...node.values.values] : [];
    });
    return [...new Set([...inRoot, ...parties.flatMap(({ space }) => [...(limitsOf(space, "namespace").constraints.get(key)?.values ?? [])])])];
  }

  private labelIn(party: SpaceParty, scope: Scope, [key, values]: readonly [string, ValueSet]): Formula {
    const variable = this.label(party, scope, key);
    const { values: limit, possible } = this.unknowns[variable] as Unknown;
    const kept = valuesOf(values, possible);
    if (isAnything(limit)) return this.formulas.atom(variable, kept);
    if (includes(complementValues(kept), limit)) return FALSE;
    return includes(kept, limit) ? TRUE : this.formulas.atom(variable, kept);
  }

  private owner(party: SpaceParty, scope: Scope): Owner {
    let owner = this.owners[scope].get(party);
    if (!owner) this.owners[scope].set(party, (owner = this.newOwner(party, scope)));
    return owner;
  }

  private newOwner(party: SpaceParty, scope: Scope): Owner {
    const keys = new Map<string, Variable>();
    const labelIn = (key: string, values: ValueSet): Formula => this.labelIn(party, scope, [key, values]);
    const wide = new WideBoxes({ name: `${party.id} ${scope}`, formulas: this.formulas, keys, labelIn, unknown: (name) => this.switch(name) });
    return { keys, boxes: new Map(), wide };
  }

  private switch(name: string): Variable {
    const variable = this.formulas.variable(name);
    this.unknowns[variable] = { values: { allBut: false, values: new Set([SET]), absent: true }, possible: () => true, fresh: "" };
    return variable;
  }

  private label(party: SpaceParty, scope: Scope, key: string): Variable {
    const { keys } = this.owner(party, scope);
    let variable = keys.get(key);
    if (variable === undefined) {
      variable = this.formulas.variable(`${party.id} ${scope} ${key}`);
      keys.set(key, variable);
      this.unknowns[variable] = this.unknownOf(party, scope, key);
    }
    return variable;
  }

  private unknownOf({ id, space }: SpaceParty, scope: Scope, key: string): Unknown {
    const values = limitsOf(space, scope).constraints.get(key) ?? ANYTHING;
    // Fresh names differ between parties, so that two future namespaces nobody mentions are two.
    const stem = `future-namespace${id === "subject" ? "" : `-of-${id.replace(/\W+/g, "-")}`}`;
    if (scope === "namespace" && key === NAME_LABEL) {
      // "kubernetes.io/metadata.name=<name> is set automatically on every namespace" (S8).
      const possible = (name: string) => NAMESPACE_NAME.test(name) && !this.snapshots.some((snapshot) => snapshot.namespaces.has(name));
      return { values: intersectValues(values, PRESENT), possible, fresh: stem };
    }
    return { values, possible: isLabelValue, fresh: OTHER };
  }

  /** Absent first, then the values somebody mentions, then one that stands for all others. */
  private candidatesOf(variable: Variable, mentioned: readonly ReadonlySet<string>[]): Candidates {
    const { values, possible, fresh } = this.unknowns[variable] as Unknown;
    const absent = values.absent ? [undefined] : [];
    if (!values.allBut) return [...absent, ...[...values.values].filter(possible)];
    this.meter.spend(sortingCost(mentioned) / STEP_VALUES);
    const named = this.meter.exhausted ? [] : sortsOf(mentioned, (value) => admits(values, value) && possible(value));
    const isTaken = (value: string): boolean => mentioned.some((set) => set.has(value)) || values.values.has(value) || !possible(value);
    return [...absent, ...[...named].sort(), freshValue(fresh, isTaken)];
  }
}

/** The set with those of its values only that are possible. */
function valuesOf(set: ValueSet, possible: (value: string) => boolean): ValueSet {
  const values = possible === isLabelValue ? labelValuesIn(set.values) : new Set([...set.values].filter(possible));
  return values.size === set.values.size ? set : { ...set, values };
}

function limitsOf({ namespace, pods }: PodSpace, scope: Scope): LabelBox {
  return scope === "pod" ? pods : (namespace as { readonly future: LabelBox }).future;
}

export function isFuture(namespace: PodSpace["namespace"]): namespace is { readonly future: LabelBox } {
  return "future" in namespace;
}

/** The labels a snapshot has for an existing namespace; those of the question when it does not know the namespace yet. */
export function namespaceIn(snapshot: Snapshot, namespace: Namespace): Namespace {
  return snapshot.namespaces.get(namespace.name)?.namespace ?? namespace;
}
