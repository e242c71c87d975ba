import { readFileSync } from "node:fs";
import { join } from "node:path";
import { objectsIn } from "../../src/sources/manifest.js";
import { parseDocuments } from "../../src/sources/documents.js";
import { readObjects } from "../../src/dialects/index.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { IntervalSet, type Range } from "../../src/sets/interval-set.js";
import { parseAddress } from "../../src/sets/ip-set.js";

/** The snapshot of a case's file, read as the command line reads it: documents without a kind are recognised. */
export function readCluster(folder: string, file: string): Snapshot {
  const { documents } = parseDocuments(readFileSync(join(folder, file), "utf8"), file);
  const objects = documents.flatMap(({ value }) => objectsIn(value)).flatMap(({ value }) => value ?? []);
  return Snapshot.EMPTY.with(readObjects(objects).changes);
}

/**
 * Lines in a form that compares ranges as sets of addresses ("compare ranges as sets of addresses, not by text"): external
 * ends of lines that agree in everything else are one set.
 */
export function comparable<T extends { readonly src: string; readonly dst: string }>(lines: Iterable<T>): readonly string[] {
  const plain: string[] = [];
  const ranges = new Map<string, Range<number>[]>();
  for (const line of lines) {
    const [src, dst] = [rangeOf(line.src), rangeOf(line.dst)];
    const text = JSON.stringify({ ...line, src: src ? "External" : line.src, dst: dst ? "External" : line.dst });
    const range = src ?? dst;
    if (range) ranges.set(text, [...(ranges.get(text) ?? []), range]);
    else plain.push(text);
  }
  return [...plain, ...[...ranges].map(([text, found]) => `${text} ${JSON.stringify(IntervalSet.from(found).ranges)}`)].sort();
}

function rangeOf(name: string): Range<number> | undefined {
  const [, low = "", high = ""] = /^([^-]+)-([^-]+)\[External\]$/.exec(name) ?? [];
  const [from, to] = [parseAddress(low), parseAddress(high)];
  return typeof from === "number" && typeof to === "number" ? [from, to] : undefined;
}
