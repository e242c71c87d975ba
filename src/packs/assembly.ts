import { isRecord, type KubeObject } from "../model/kubernetes.js";

/** A path in an object that somebody wrote. */
export interface Written {
  readonly object: KubeObject;
  readonly path: string;
}

/** One item of a list or one entry of a map, and who wrote which of its fields; the last one wins. */
interface Entry {
  readonly value: unknown;
  readonly by: readonly (Written & { readonly fields: ReadonlySet<string> })[];
}

/** Items of weaker packs come first; rules by id. */
export const LISTS = ["exemptNamespaces", "watches", "detects", "rules", "exemptions", "provisions"] as const;
/** By name: fields of a parameter one by one, all else as a whole. */
export const MAPS = ["parameters", "namespaces", "endpoints", "baselines"] as const;
export const SCALARS = ["description", "failureMode", "unproven", "link", "rollout"] as const;

/** Puts the texts of several packs over each other, weakest first, and remembers where each part was written. */
export class Assembly {
  private readonly lists = new Map<string, Entry[]>(LISTS.map((name) => [name, []]));
  private readonly maps = new Map<string, Map<string, Entry>>(MAPS.map((name) => [name, new Map<string, Entry>()]));
  private readonly scalars: Record<string, unknown> = {};

  add(object: KubeObject): void {
    const spec = isRecord(object.spec) ? object.spec : {};
    for (const name of SCALARS) if (spec[name] !== undefined) this.scalars[name] = spec[name];
    for (const name of MAPS) if (isRecord(spec[name])) this.addMap(name, spec[name], object);
    for (const name of LISTS) if (Array.isArray(spec[name])) this.addList(name, spec[name], object);
  }

  spec(): Record<string, unknown> {
    const maps = [...this.maps].filter(([, entries]) => entries.size > 0).map(([name, entries]) => [name, Object.fromEntries([...entries].map(([key, { value }]) => [key, value]))]);
    const lists = [...this.lists].filter(([, entries]) => entries.length > 0).map(([name, entries]) => [name, entries.map(({ value }) => value)]);
    return { rules: [], ...this.scalars, ...Object.fromEntries([...maps, ...lists] as [string, unknown][]) };
  }

  /** Undefined for what no list or map holds: the pack's own head. */
  whence(path: string): Written | undefined {
    const [, part = "", index, name, rest = ""] = /^spec\.(\w+)(?:\[(\d+)\]|\.([^.[]+))(.*)$/s.exec(path) ?? [];
    const entry = index !== undefined ? this.lists.get(part)?.[Number(index)] : name !== undefined ? this.maps.get(part)?.get(name) : undefined;
    if (!entry) return undefined;
    const field = /^\.([^.[]+)/.exec(rest)?.[1];
    const by = [...entry.by].reverse().find(({ fields }) => field === undefined || fields.has(field)) ?? entry.by[0];
    return by && { object: by.object, path: `${by.path}${rest}` };
  }

  private addMap(part: string, values: Record<string, unknown>, object: KubeObject): void {
    const entries = this.maps.get(part) as Map<string, Entry>;
    for (const [name, value] of Object.entries(values)) {
      const before = part === "parameters" ? entries.get(name) : undefined;
      entries.set(name, over(before, written(value, object, `spec.${part}.${name}`)));
    }
  }

  private addList(part: string, values: readonly unknown[], object: KubeObject): void {
    const entries = this.lists.get(part) as Entry[];
    const weaker = new Set(entries);
    values.forEach((value, i) => {
      const entry = written(value, object, `spec.${part}[${i}]`);
      if (part === "rules") this.addRule(entry, weaker);
      else entries.push(entry);
    });
  }

  /** A rule without `check` changes the fields it gives of every rule with its id in weaker packs; one with `check` stands in their place. */
  private addRule(entry: Entry, weaker: Set<Entry>): void {
    const rules = this.lists.get("rules") as Entry[];
    const [first, ...others] = rules.filter((rule) => weaker.has(rule) && idOf(rule) === idOf(entry));
    if (!first) return void rules.push(entry);
    const isChange = isRecord(entry.value) && entry.value["check"] === undefined;
    const replace = (rule: Entry, ...by: Entry[]): void => void rules.splice(rules.indexOf(rule), 1, ...by);
    if (!isChange) {
      for (const other of others) replace(other);
      return replace(first, entry);
    }
    for (const rule of [first, ...others]) {
      const changed = over(rule, entry);
      weaker.add(changed);
      replace(rule, changed);
    }
  }
}

function idOf({ value }: Entry): unknown {
  return isRecord(value) ? value["id"] : undefined;
}

function written(value: unknown, object: KubeObject, path: string): Entry {
  return { value, by: [{ object, path, fields: new Set(isRecord(value) ? Object.keys(value) : []) }] };
}

/** Fields of one entry over those of another. */
function over(before: Entry | undefined, entry: Entry): Entry {
  if (!before || !isRecord(before.value) || !isRecord(entry.value)) return entry;
  return { value: { ...before.value, ...entry.value }, by: [...before.by, ...entry.by] };
}
