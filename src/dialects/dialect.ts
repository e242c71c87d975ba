import type { KubeObject } from "../model/kubernetes.js";
import { isRecord } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import type { Problem } from "../model/result.js";
import type { Fact } from "../model/snapshot.js";
import { LabelBox } from "../sets/label-box.js";

/** What one object says, and what of it could not be read. */
export interface Reading {
  readonly facts: readonly Fact[];
  readonly problems: readonly Problem[];
}

/** How one kind is read. `read` is total: whatever the object holds, it answers with facts and problems. */
export interface KindReader {
  readonly kind: string;
  /** Plural name in URLs and webhook rules. */
  readonly resource: string;
  /** Versions whose fields mean what `read` takes them to mean. */
  readonly versions: readonly string[];
  readonly namespaced: boolean;
  readonly policy: boolean;
  readonly read: (object: KubeObject) => Reading;
}

/** One API group. */
export interface Dialect {
  readonly group: string;
  readonly kinds: readonly KindReader[];
}

/** The fields a part may have, and what to say about a field that belongs elsewhere. */
export interface Shape {
  /** With article: `a peer`. */
  readonly what: string;
  readonly fields: readonly string[];
  readonly hints?: Readonly<Record<string, string>>;
}

/** A part of an object with its path. What is wrong with it is noted once, in the list all parts of the object share. */
export class Part {
  readonly value: unknown;
  /** The part this one is in; the whole has the list of problems instead. */
  private readonly within: Part | Problem[];
  private readonly step: string | number;

  private constructor(value: unknown, within: Part | Problem[], step: string | number) {
    this.value = value;
    this.within = within;
    this.step = step;
  }

  /** The whole of an object; `notes` collects the problems. */
  static of(object: unknown, notes: Problem[]): Part {
    return new Part(object, notes, "");
  }

  /** Kubernetes' notation, such as `spec.ingress[0].from`. Put together on demand: most parts have no problem to tell. */
  get path(): string {
    if (Array.isArray(this.within)) return "";
    const above = this.within.path;
    if (typeof this.step === "number") return `${above}[${this.step}]`;
    return above === "" ? this.step : `${above}.${this.step}`;
  }

  /** "Treat null, missing and [] alike" (S4): null is absent. */
  get absent(): boolean {
    return this.value === undefined || this.value === null;
  }

  /** The part under a field; absent when this has none. */
  at(field: string): Part {
    const value = isRecord(this.value) && Object.hasOwn(this.value, field) ? this.value[field] : undefined;
    return new Part(value, this, field);
  }

  /** Notes a problem; its result says "could not be read". */
  problem(code: string, message: string): undefined {
    this.notes.push({ code, message, path: this.path });
    return undefined;
  }

  /** The items of a list: none when absent, undefined when it is no list. */
  items(): readonly Part[] | undefined {
    if (this.absent) return [];
    if (!Array.isArray(this.value)) {
      const advice = isRecord(this.value) ? "; write `- ` before its first field" : "";
      return this.problem("object/type", `\`${this.name}\` must be a list, not ${kindOfValue(this.value)}${advice}`);
    }
    return this.value.map((item: unknown, i) => new Part(item, this, i));
  }

  /** A text; undefined when absent or no text. */
  text(): string | undefined {
    if (typeof this.value === "string") return this.value;
    if (this.absent) return undefined;
    return this.problem("object/type", `\`${this.name}\` must be text, not ${kindOfValue(this.value)}`);
  }

  /** A whole number within bounds; undefined when absent or anything else. */
  whole(low: number, high: number): number | undefined {
    if (this.absent) return undefined;
    if (typeof this.value === "number" && Number.isInteger(this.value) && this.value >= low && this.value <= high) return this.value;
    const quoted = typeof this.value === "string" && /^\d+$/.test(this.value) ? "; write it without quotes" : "";
    return this.problem("object/number", `\`${this.name}\` must be a whole number from ${low} to ${high}, not ${quote(this.value)}${quoted}`);
  }

  /** The box of a label selector; absent means no constraint; undefined when it cannot be read. */
  selector(): LabelBox | undefined {
    if (this.absent) return LabelBox.ALL;
    const { box, problems } = readLabelSelector(this.value, this.path);
    this.notes.push(...problems);
    return problems.length > 0 ? undefined : box;
  }

  /** True iff this is an object that has no other fields than the shape's; else every stray field is noted. */
  fits(shape: Shape): boolean {
    if (!isRecord(this.value)) {
      this.problem("object/type", `${shape.what} must be an object with ${list(shape.fields)}, not ${kindOfValue(this.value)}`);
      return false;
    }
    const stray = Object.keys(this.value).filter((field) => !shape.fields.includes(field));
    for (const field of stray) this.at(field).problem("object/unknown-field", strayMessage(field, shape));
    return stray.length === 0;
  }

  /** The one field of the shape that is there; undefined, with a problem, when there is none, several or a stray one. */
  choice(shape: Shape): string | undefined {
    if (!this.fits(shape)) return undefined;
    const present = shape.fields.filter((field) => !this.at(field).absent);
    if (present.length === 1) return present[0];
    const found = present.length === 0 ? "none is given" : `${list(present)} are given`;
    return this.problem("object/one-of", `${shape.what} must have exactly one of ${list(shape.fields)}; ${found}`);
  }

  private get notes(): Problem[] {
    return Array.isArray(this.within) ? this.within : this.within.notes;
  }

  private get name(): string {
    return this.path.slice(this.path.lastIndexOf(".") + 1);
  }
}

/** `` `a`, `b` ``. */
export function list(names: readonly string[]): string {
  return names.map((name) => `\`${name}\``).join(", ");
}

/** A value as a person wrote it, cut when long, in backticks. */
export function quote(value: unknown): string {
  const text = typeof value === "string" ? value : JSON.stringify(value) ?? "nothing";
  return `\`${text.length > 60 ? `${text.slice(0, 57)}...` : text}\``;
}

/** The name a person may have meant: the nearest one, when no more than a third of it is mistyped. */
export function nearest(word: string, names: readonly string[]): string | undefined {
  const [best] = names
    .map((name) => ({ name, distance: editDistance(word.slice(0, 64).toLowerCase(), name.toLowerCase()) }))
    .filter(({ name, distance }) => distance <= Math.ceil(name.length / 3))
    .sort((a, b) => a.distance - b.distance);
  return best?.name;
}

function strayMessage(field: string, { what, fields, hints }: Shape): string {
  const hint = hints && Object.hasOwn(hints, field) ? hints[field] : undefined;
  if (hint !== undefined) return `\`${field}\` is no field of ${what}: ${hint}`;
  const meant = nearest(field, fields);
  return `unknown field ${quote(field)} in ${what}; ${meant ? `did you mean \`${meant}\`` : `it may have ${list(fields)}`}`;
}

function kindOfValue(value: unknown): string {
  if (value === null || value === undefined) return "nothing";
  if (Array.isArray(value)) return "a list";
  return isRecord(value) ? "an object" : quote(value);
}

/** Levenshtein distance, one row at a time. */
function editDistance(a: string, b: string): number {
  let row = Array.from({ length: b.length + 1 }, (_, i) => i);
  for (let i = 1; i <= a.length; i++) {
    const nextRow = [i];
    for (let j = 1; j <= b.length; j++) {
      const change = (row[j - 1] ?? 0) + (a[i - 1] === b[j - 1] ? 0 : 1);
      nextRow.push(Math.min(change, (row[j] ?? 0) + 1, (nextRow[j - 1] ?? 0) + 1));
    }
    row = nextRow;
  }
  return row[b.length] ?? 0;
}
