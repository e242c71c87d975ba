import type { Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, type TrafficSet } from "../model/traffic.js";
import { next, type Range, type Whole } from "../sets/interval-set.js";
import { textOnce } from "./connectivity.js";
import type { End } from "./ends.js";
import { INGRESS_CONTROLLER } from "./ingress-controller.js";
import { cutsOf, externalName, externalParty, rangesOf, survey, type Party, type Survey, type SurveyOptions } from "./survey.js";

/** Traffic between two parties that is not what it was. */
export interface ConnectionDiff {
  readonly type: "changed" | "added" | "removed";
  readonly src: string;
  readonly dst: string;
  /** `No Connections` where there was none, or where an end was missing. */
  readonly old: string;
  readonly new: string;
  /** `workload ns/name[Kind] added` (or `removed`) when an end came or went. */
  readonly info: string | null;
}

/** Both sides of the comparison. */
interface Sides {
  readonly old: Survey;
  readonly now: Survey;
  readonly options: SurveyOptions;
  readonly workloads: readonly Both[];
}

/** A party on each side; absent where it is not there. */
interface Both {
  readonly name: string;
  readonly old?: Party | undefined;
  readonly now?: Party | undefined;
}

interface Difference {
  readonly src: Both;
  readonly dst: Both;
  readonly old: TrafficSet;
  readonly now: TrafficSet;
}

type AddressRange = Range<number> | Range<bigint>;

/**
 * What differs between two snapshots in the traffic between workloads and with external ranges: first what comes from outside,
 * then by source and destination. Symmetric: exchanging the snapshots exchanges old and new, added and removed.
 */
export function* compare(before: Snapshot, after: Snapshot, options: SurveyOptions): Generator<ConnectionDiff> {
  const old = survey(before, options);
  const now = survey(after, options, old);
  const sides: Sides = { old, now, options, workloads: inBoth(old.workloads, now.workloads) };
  const text = textOnce();
  for (const differences of [fromOutside(sides), fromWorkloads(sides), fromController(sides)]) {
    for (const { src, dst, old, now } of differences) {
      const type = old.isEmpty ? "added" : now.isEmpty ? "removed" : "changed";
      yield { type, src: src.name, dst: dst.name, old: text(old), new: text(now), info: infoOf(src, dst) };
    }
  }
}

function* fromOutside(sides: Sides): Generator<Difference> {
  const externals = externalsOf(sides, "ingress");
  for (const dst of sides.workloads) yield* mergeRanges(externals.map((src) => ({ ...differenceOf(sides, src, dst), range: src.range })), "src");
}

function* fromWorkloads(sides: Sides): Generator<Difference> {
  const externals = externalsOf(sides, "egress");
  const unlike = new Set(sides.workloads.filter((workload) => isUnlike(sides, workload)));
  for (const src of sides.workloads) {
    yield* mergeRanges(externals.map((dst) => ({ ...differenceOf(sides, src, dst), range: dst.range })), "dst");
    // Where nothing about the source differs, only destinations that differ can make a difference.
    for (const dst of unlike.has(src) ? sides.workloads : unlike) {
      const difference = differenceOf(sides, src, dst);
      if (src !== dst && !isSame(difference)) yield difference;
    }
  }
}

function* fromController(sides: Sides): Generator<Difference> {
  const [old, now] = [sides.old.ingressController, sides.now.ingressController];
  for (const dst of old ?? now ? sides.workloads : []) {
    const difference = differenceOf(sides, { name: INGRESS_CONTROLLER, old, now }, dst);
    if (!isSame(difference)) yield difference;
  }
}

/** Parties of either side by name, in order. */
function inBoth(before: readonly Party[], after: readonly Party[]): readonly Both[] {
  const [olds, nows] = [before, after].map((parties) => new Map(parties.map((party) => [party.name, party])));
  return [...new Set([...before, ...after].map(({ name }) => name))].sort().map((name) => ({ name, old: olds?.get(name), now: nows?.get(name) }));
}

/** False only when both sides have the workload, made of the same classes with the same rows. */
function isUnlike(sides: Sides, { old, now }: Both): boolean {
  if (!old || !now || old.ends.length !== now.ends.length) return true;
  return old.ends.some((end, i) => {
    const other = now.ends[i] as End;
    const sameRows = (["ingress", "egress"] as const).every((direction) => sides.old.reach.row(end, direction) === sides.now.reach.row(other, direction));
    return !sameRows || end.families !== other.families || ([0, 4, 6] as const).some((family) => end.classIn(family) !== other.classIn(family));
  });
}

function differenceOf({ old, now }: Sides, src: Both, dst: Both): Difference {
  return {
    src, dst,
    old: src.old && dst.old ? old.between(src.old, dst.old) : NO_TRAFFIC,
    now: src.now && dst.now ? now.between(src.now, dst.now) : NO_TRAFFIC,
  };
}

/** Equal sets mostly are one object, because the sides share their work. */
function isSame({ old, now }: Pick<Difference, "old" | "now">): boolean {
  return old === now || old.equals(now);
}

/** The outside, cut at the boundaries of both sides. */
function externalsOf({ old, now, options }: Sides, direction: Direction): readonly (Both & { readonly range: AddressRange })[] {
  const ranges = rangesOf([...cutsOf(old.reach, direction), ...cutsOf(now.reach, direction)], options);
  return ranges.map((range) => ({ name: externalName(range), range, old: externalParty(old.reach, range), now: externalParty(now.reach, range) }));
}

/** The ranges whose traffic differs; neighbours that fare alike are one. `field` is the end that is a range. */
function mergeRanges(differences: readonly (Difference & { readonly range: AddressRange })[], field: "src" | "dst"): Difference[] {
  const merged: (Difference & { readonly range: AddressRange })[] = [];
  for (const difference of differences) {
    const last = merged.at(-1);
    if (last && last.old.equals(difference.old) && last.now.equals(difference.now) && follows(last.range, difference.range)) {
      const range = [last.range[0], difference.range[1]] as AddressRange;
      merged[merged.length - 1] = { ...last, range, [field]: { ...last[field], name: externalName(range) } };
    } else merged.push(difference);
  }
  return merged.filter((difference) => !isSame(difference));
}

function follows(before: AddressRange, range: AddressRange): boolean {
  return typeof before[1] === typeof range[0] && next<Whole>(before[1]) === range[0];
}

function infoOf(src: Both, dst: Both): string | null {
  const come = [src, dst].filter((party) => !party.old && party.now?.kind === "workload").map(({ name }) => name);
  const gone = [src, dst].filter((party) => !party.now && party.old?.kind === "workload").map(({ name }) => name);
  if (come.length > 0) return `workload ${come.join(" and ")} added`;
  return gone.length > 0 ? `workload ${gone.join(" and ")} removed` : null;
}
