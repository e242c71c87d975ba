import { Memory } from "./memory.js";

/** Stands in a layer for a key that the base has and the map has not. */
const GONE = Symbol("gone");

/**
 * Past so many changed keys a map is written out whole: reading stays at two look-ups, and copying a thousand
 * namespaces is paid once in this many changes instead of at each.
 */
const MAX_LAYER = 64;

/** Changes to a map: new values by key, and keys that go. */
export class MapEdits<V> {
  readonly changed = new Map<string, V | typeof GONE>();

  set(key: string, value: V): void {
    this.changed.set(key, value);
  }

  delete(key: string): void {
    this.changed.set(key, GONE);
  }

  /** The value of a key after these changes to `map`. */
  get(map: ReadonlyMap<string, V>, key: string): V | undefined {
    const value = this.changed.get(key);
    if (value === GONE) return undefined;
    return value === undefined ? map.get(key) : value;
  }

  /** The map after these changes; `map` itself when there are none. */
  applyTo(map: ReadonlyMap<string, V>): ReadonlyMap<string, V> {
    if (this.changed.size === 0) return map;
    const [base, layer] = map instanceof LayeredMap ? [map.base, map.layer] : [map, undefined];
    const merged = new Map([...(layer ?? []), ...this.changed]);
    return merged.size > MAX_LAYER || merged.size > base.size ? flatten(base, merged) : new LayeredMap(base, merged);
  }
}

function flatten<V>(base: ReadonlyMap<string, V>, layer: ReadonlyMap<string, V | typeof GONE>): ReadonlyMap<string, V> {
  const whole = new Map(base);
  for (const [key, value] of layer) {
    if (value === GONE) whole.delete(key);
    else whole.set(key, value);
  }
  return whole;
}

/** An immutable map that shares its base with the maps it was made from; in the order of the base, then of what came new. */
class LayeredMap<V> implements ReadonlyMap<string, V> {
  readonly base: ReadonlyMap<string, V>;
  readonly layer: ReadonlyMap<string, V | typeof GONE>;
  readonly size: number;

  constructor(base: ReadonlyMap<string, V>, layer: ReadonlyMap<string, V | typeof GONE>) {
    this.base = base;
    this.layer = layer;
    let size = base.size;
    for (const [key, value] of layer) size += Number(value !== GONE) - Number(base.has(key));
    this.size = size;
  }

  get(key: string): V | undefined {
    const value = this.layer.get(key);
    if (value === GONE) return undefined;
    return value === undefined ? this.base.get(key) : value;
  }

  has(key: string): boolean {
    return this.get(key) !== undefined;
  }

  *entries(): MapIterator<[string, V]> {
    for (const [key, value] of this.base) {
      const changed = this.layer.get(key);
      if (changed !== GONE) yield [key, changed === undefined ? value : changed];
    }
    for (const [key, value] of this.layer) if (value !== GONE && !this.base.has(key)) yield [key, value];
  }

  *keys(): MapIterator<string> {
    for (const [key] of this.entries()) yield key;
  }

  *values(): MapIterator<V> {
    for (const [, value] of this.entries()) yield value;
  }

  [Symbol.iterator](): MapIterator<[string, V]> {
    return this.entries();
  }

  forEach(visit: (value: V, key: string, map: ReadonlyMap<string, V>) => void): void {
    for (const [key, value] of this.entries()) visit(value, key, this);
  }
}

interface Layers<V> {
  readonly base: ReadonlyMap<string, V>;
  readonly layer: ReadonlyMap<string, V | typeof GONE>;
}

const NO_LAYER = new Map<string, never>();

function layersOf<V>(map: ReadonlyMap<string, V>): Layers<V> {
  return map instanceof LayeredMap ? (map as LayeredMap<V>) : { base: map, layer: NO_LAYER };
}

/** Keys whose values are not the same object in both maps. Cost: the changes since their common base; all keys where they have none. */
export function differingKeys<V>(a: ReadonlyMap<string, V>, b: ReadonlyMap<string, V>): readonly string[] {
  if (a === b) return [];
  const [one, other] = [layersOf(a), layersOf(b)];
  const keys = one.base === other.base ? [one.layer, other.layer] : [a, b];
  return [...new Set(keys.flatMap((map) => [...map.keys()]))].filter((key) => a.get(key) !== b.get(key));
}

/** The values of maps that pass a test, in the maps' order; worked out once for all that share a base. */
export class Selection<V> {
  private readonly test: (value: V) => boolean;
  private readonly values = new Memory<ReadonlyMap<string, V>, readonly V[]>();
  private readonly known = new Memory<ReadonlyMap<string, V>, ReadonlyMap<string, V>>();

  constructor(test: (value: V) => boolean) {
    this.test = test;
  }

  of(map: ReadonlyMap<string, V>): readonly V[] {
    let values = this.values.get(map);
    if (!values) this.values.set(map, (values = this.select(map)));
    return values;
  }

  private select(map: ReadonlyMap<string, V>): readonly V[] {
    const { base, layer } = layersOf(map);
    let chosen = this.known.get(base);
    if (!chosen) this.known.set(base, (chosen = new Map([...base].filter(([, value]) => this.test(value)))));
    if (layer.size === 0) return [...chosen.values()];
    const present = [...layer].filter((entry): entry is [string, V] => entry[1] !== GONE);
    // One of the base that was left out and fits now has its place among the others.
    if (present.some(([key, value]) => base.has(key) && !chosen.has(key) && this.test(value))) return [...map.values()].filter(this.test);
    const kept = [...chosen].flatMap(([key, value]) => (layer.has(key) ? (layer.get(key) as V | typeof GONE) : value));
    const added = present.flatMap(([key, value]) => (base.has(key) ? [] : value));
    return [...kept.filter((value): value is V => value !== GONE && this.test(value as V)), ...added.filter(this.test)];
  }
}

/** The sorts of values that maps hold, each once; counted once for all that share a base. */
export class Tally<V> {
  private readonly sortOf: (value: V) => string | undefined;
  private readonly counts = new Memory<ReadonlyMap<string, V>, ReadonlyMap<string, number>>();

  /** `sortOf`: pure; undefined for a value that is not counted. */
  constructor(sortOf: (value: V) => string | undefined) {
    this.sortOf = sortOf;
  }

  of(map: ReadonlyMap<string, V>): string[] {
    const { base, layer } = layersOf(map);
    let counts = this.counts.get(base);
    if (!counts) this.counts.set(base, (counts = this.count(base.values())));
    const changes = new Map<string, number>();
    for (const [key, value] of layer) {
      this.add(changes, base.get(key), -1);
      if (value !== GONE) this.add(changes, value, 1);
    }
    const kept = [...counts].flatMap(([sort, count]) => (count + (changes.get(sort) ?? 0) > 0 ? sort : []));
    return [...kept, ...[...changes].flatMap(([sort, count]) => (count > 0 && !counts.has(sort) ? sort : []))];
  }

  private count(values: Iterable<V>): Map<string, number> {
    const counts = new Map<string, number>();
    for (const value of values) this.add(counts, value, 1);
    return counts;
  }

  private add(counts: Map<string, number>, value: V | undefined, by: 1 | -1): void {
    const sort = value === undefined ? undefined : this.sortOf(value);
    if (sort !== undefined) counts.set(sort, (counts.get(sort) ?? 0) + by);
  }
}
