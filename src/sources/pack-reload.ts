import { setImmediate as nextTurn } from "node:timers/promises";
import type { Problem, Result } from "../model/result.js";
import type { PackPart } from "./pack-parts.js";
import type { LoadedPacks } from "./packs.js";

/** What is in force, and what of the wanted parts is not. */
export interface InForce {
  readonly parts: readonly PackPart[];
  readonly loaded: LoadedPacks;
  /** By part: why it is not in force as it is wanted. */
  readonly refused: ReadonlyMap<string, readonly Problem[]>;
}

export type Compose = (parts: readonly PackPart[]) => Result<LoadedPacks>;

/**
 * The most of `wanted` that goes together with what is in force: all of it, else part by part, each tried again while
 * another one's success may have helped it. A part that does not fit stays as it is in force: nothing half-way.
 * Requests come in between two tries.
 */
export async function takeOver(inForce: InForce, wanted: readonly PackPart[], compose: Compose): Promise<InForce> {
  const whole = compose(wanted);
  if (whole.ok) return { parts: wanted, loaded: whole.value, refused: new Map() };
  let { parts, loaded } = inForce;
  let left = changedParts(parts, wanted);
  for (;;) {
    const refused = new Map<string, readonly Problem[]>();
    for (const name of left) {
      await nextTurn();
      const next = withPart(parts, wanted, name);
      const tried = compose(next);
      if (tried.ok) [parts, loaded] = [next, tried.value];
      else refused.set(name, tried.problems);
    }
    if (refused.size === 0 || refused.size === left.length) return { parts, loaded, refused };
    left = [...refused.keys()];
  }
}

/** Names of parts that are new, say something else, or are gone. */
export function changedParts(from: readonly PackPart[], to: readonly PackPart[]): readonly string[] {
  const [before, after] = [from, to].map((parts) => new Map(parts.map(({ name, fingerprint }) => [name, fingerprint])));
  return [...new Set([...(after?.keys() ?? []), ...(before?.keys() ?? [])])].filter((name) => before?.get(name) !== after?.get(name));
}

/** What would be in force with this part as it is given, or without it when `part` is absent; or what keeps it from being so. */
export function tryOut(inForce: InForce, { name, part }: { readonly name: string; readonly part?: PackPart }, compose: Compose): Result<LoadedPacks> {
  return compose(withPart(inForce.parts, part ? insertedAt(inForce.parts, part) : [], name));
}

/** New ones stand before the last one, the profiles, which stay the strongest. */
function insertedAt(parts: readonly PackPart[], part: PackPart): readonly PackPart[] {
  const others = parts.filter(({ name }) => name !== part.name);
  return [...others.slice(0, -1), part, ...others.slice(-1)];
}

/** The parts with one of them as it is wanted, in the order that is wanted: what is refused keeps its place behind what stood before it. */
function withPart(parts: readonly PackPart[], wanted: readonly PackPart[], name: string): readonly PackPart[] {
  const kept = new Map(parts.filter((part) => part.name !== name).map((part) => [part.name, part]));
  const added = wanted.find((part) => part.name === name);
  if (added) kept.set(name, added);
  const order = new Map(wanted.map((part, i) => [part.name, i]));
  return [...kept.values()].map((part, i) => ({ part, rank: order.get(part.name) ?? i })).sort((a, b) => a.rank - b.rank).map(({ part }) => part);
}
