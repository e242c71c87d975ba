import { isRecord } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";

/**
 * Typed fields of one parsed record. A field of another type is noted as a problem and read as absent;
 * `null` counts as absent, as it does in Kubernetes.
 */
export class Fields {
  private readonly record: Readonly<Record<string, unknown>>;
  private readonly path: string;
  private readonly problems: Problem[];

  private constructor(record: Readonly<Record<string, unknown>>, path: string, problems: Problem[]) {
    this.record = record;
    this.path = path;
    this.problems = problems;
  }

  /** `problems` is added to as fields are read. Undefined, with a problem, when the value is no record. */
  static of(value: unknown, path: string, problems: Problem[]): Fields | undefined {
    if (isRecord(value)) return new Fields(value, path, problems);
    problems.push(wrongType(path, "an object", value));
    return undefined;
  }

  at(name: string): string {
    return this.path === "" ? name : `${this.path}.${name}`;
  }

  get hasNulls(): boolean {
    for (const name in this.record) if (this.record[name] === null) return true;
    return false;
  }

  value(name: string): unknown {
    return Object.hasOwn(this.record, name) ? (this.record[name] ?? undefined) : undefined;
  }

  text(name: string): string | undefined {
    const value = this.value(name);
    if (value === undefined || typeof value === "string") return value;
    this.problems.push(wrongType(this.at(name), "a string", value));
    return undefined;
  }

  /** A string that must be there and not be empty; empty when it is not. */
  needed(name: string): string {
    const value = this.text(name);
    if (value === undefined ? this.value(name) === undefined : value === "") this.missing(name);
    return value ?? "";
  }

  missing(name: string): undefined {
    this.problems.push({ code: "request/missing-field", path: this.at(name), message: "is missing" });
  }

  wrong(name: string, message: string): void {
    this.problems.push({ code: "request/wrong-value", path: this.at(name), message });
  }

  flag(name: string): boolean {
    const value = this.value(name);
    if (value === undefined || typeof value === "boolean") return value ?? false;
    this.problems.push(wrongType(this.at(name), "true or false", value));
    return false;
  }

  texts(name: string): readonly string[] {
    return this.list(name).flatMap((value, index) => {
      if (typeof value === "string") return [value];
      this.problems.push(wrongType(`${this.at(name)}[${index}]`, "a string", value));
      return [];
    });
  }

  /** Checks that a field is a map of strings; null and absent are. */
  textMap(name: string): void {
    const map = this.child(name);
    for (const key of Object.keys(map?.record ?? {})) {
      if (map && typeof map.record[key] !== "string") map.problems.push(wrongType(`${map.path}["${key}"]`, "a string", map.record[key]));
    }
  }

  child(name: string): Fields | undefined {
    const value = this.value(name);
    return value === undefined ? undefined : Fields.of(value, this.at(name), this.problems);
  }

  children(name: string): readonly Fields[] {
    return this.list(name).flatMap((value, index) => Fields.of(value, `${this.at(name)}[${index}]`, this.problems) ?? []);
  }

  private list(name: string): readonly unknown[] {
    const value = this.value(name);
    if (value === undefined) return [];
    if (Array.isArray(value)) return value;
    this.problems.push(wrongType(this.at(name), "a list", value));
    return [];
  }
}

function wrongType(path: string, wanted: string, got: unknown): Problem {
  const kind = got === null || got === undefined ? "nothing" : Array.isArray(got) ? "a list" : typeof got === "object" ? "an object" : `a ${typeof got}`;
  return { code: "request/wrong-type", path, message: `must be ${wanted}, not ${kind}` };
}
