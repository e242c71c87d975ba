import { isRecord, type KubeObject } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import { Assembly, type Written } from "./assembly.js";

/**
 * `spec.extends`: a pack is made of others without a copy of them. Weakest first: the packs it names, from left to right, each
 * with what it extends itself (a pack that is reached twice counts once, where it is reached first), then the pack's own text.
 */
export interface ExtendedPack {
  /** The pack as if it had been written whole; its `extends` is gone. */
  readonly object: KubeObject;
  /** What it is made of, weakest first, itself last. */
  readonly lineage: readonly string[];
  /** Where a path of `object` was written. */
  whence(path: string): Written;
}

export interface ExtendProblem extends Problem {
  readonly object: KubeObject;
}

export interface Extended {
  readonly packs: readonly ExtendedPack[];
  readonly problems: readonly ExtendProblem[];
}

/** Longer chains are a slip, or meant to exhaust the reader. */
const MAX_DEPTH = 20;

/** Every pack made whole, in the order given. Packs that cannot be are left out, with problems that say why. */
export function extendPacks(objects: readonly KubeObject[]): Extended {
  const known = new Map(objects.map((object) => [nameOf(object), object]));
  const problems: ExtendProblem[] = [];
  const packs = objects.flatMap((object): readonly ExtendedPack[] => {
    const lineage = new Map<string, KubeObject>();
    const found = problems.length;
    collect(object, [], { known, lineage, problems });
    return problems.length > found ? [] : [assemble(object, lineage)];
  });
  return { packs, problems: unique(problems) };
}

function assemble(object: KubeObject, lineage: ReadonlyMap<string, KubeObject>): ExtendedPack {
  if (lineage.size === 1) return { object, lineage: [...lineage.keys()], whence: (path) => ({ object, path }) };
  const assembly = new Assembly();
  for (const part of lineage.values()) assembly.add(part);
  // Whether it is in force is said of the pack itself, not of those it extends.
  const own = isRecord(object.spec) && object.spec["inForce"] !== undefined ? { inForce: object.spec["inForce"] } : {};
  return { object: { ...object, spec: { ...assembly.spec(), ...own } }, lineage: [...lineage.keys()], whence: (path) => assembly.whence(path) ?? { object, path } };
}

interface Search {
  readonly known: ReadonlyMap<string, KubeObject>;
  readonly lineage: Map<string, KubeObject>;
  readonly problems: ExtendProblem[];
}

/** Adds what the pack extends, then itself. `above`: the packs that led here. */
function collect(object: KubeObject, above: readonly string[], search: Search): void {
  const own = nameOf(object);
  const chain = [...above, own];
  const complain = (message: string, i: number): void => void search.problems.push({ code: "pack/extends", message, path: `spec.extends[${i}]`, object });
  for (const [i, name] of basesOf(object).entries()) {
    const base = search.known.get(name);
    if (chain.includes(name)) complain(`pack \`${name}\` extends itself: ${[...chain.slice(chain.indexOf(name)), name].join(" -> ")}`, i);
    else if (!base) complain(`no pack \`${name}\` was read; known are ${[...search.known.keys()].join(", ")}`, i);
    else if (chain.length >= MAX_DEPTH) complain(`packs extend each other more than ${MAX_DEPTH} deep`, i);
    else if (!search.lineage.has(name)) collect(base, chain, search);
  }
  search.lineage.set(own, object);
}

/** A list of names; what is none of it, the schema tells. */
function basesOf({ spec }: KubeObject): readonly string[] {
  const bases = isRecord(spec) ? spec["extends"] : undefined;
  return Array.isArray(bases) ? bases.map(String) : [];
}

function nameOf({ metadata }: KubeObject): string {
  return String(metadata.name);
}

/** One slip in a base is told once, not by each pack that extends it. */
function unique(problems: readonly ExtendProblem[]): readonly ExtendProblem[] {
  return [...new Map(problems.map((problem) => [`${nameOf(problem.object)} ${problem.path} ${problem.message}`, problem])).values()];
}
