import type { Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { NO_TRAFFIC, type TrafficSet } from "../model/traffic.js";
import { next, type Range, type Whole } from "../sets/interval-set.js";
import { textOnce } from "./connectivity.js";
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
}

/** A party on each side; absent where it is not there. */
interface Both {
  readonly name: string;
  readonly old?: Party | undefined;
  readonly now?: Party | undefined;
}

interface Traffic {
  readonly old: TrafficSet;
  readonly now: TrafficSet;
}

type AddressRange = Range<number> | Range<bigint>;

/**
 * What differs between two snapshots in the traffic between workloads and with external ranges: first by what comes from
 * outside, then by source and destination. Symmetric: exchanging the snapshots exchanges old and new, added and removed.
 */
export function* compare(before: Snapshot, after: Snapshot, options: SurveyOptions): Generator<ConnectionDiff> {
  const old = survey(before, options);
  const sides: Sides = { old, now: survey(after, options, old) };
  const workloads = inBoth(sides.old.workloads, sides.now.workloads);
  const [controller] = inBoth(listOf(sides.old.ingressController), listOf(sides.now.ingressController));
  const unlike = new Set(workloads.filter((workload) => isUnlike(sides, workload)));
  const [sources, destinations] = (["ingress", "egress"] as const).map((direction) => externalsOf(sides, direction, options));
  const text = textOnce();
  const describe = (src: Both, dst: Both, { old, now }: Traffic): ConnectionDiff => ({
    type: old.isEmpty ? "added" : now.isEmpty ? "removed" : "changed",
    src: src.name, dst: dst.name, old: text(old), new: text(now), info: infoOf(src, dst),
  });

  for (const dst of workloads) for (const { party, traffic } of differingRanges(sources ?? [], (src) => trafficOf(sides, src, dst))) yield describe(party, dst, traffic);
  for (const src of workloads) {
    for (const { party, traffic } of differingRanges(destinations ?? [], (dst) => trafficOf(sides, src, dst))) yield describe(src, party, traffic);
    // Where nothing about the source differs, only destinations that differ can make a difference.
    for (const dst of unlike.has(src) ? workloads : unlike) {
      const traffic = trafficOf(sides, src, dst);
      if (src !== dst && traffic.old !== traffic.now) yield describe(src, dst, traffic);
    }
  }
  for (const dst of controller ? workloads : []) {
    const traffic = trafficOf(sides, controller as Both, dst);
    if (traffic.old !== traffic.now) yield describe(controller as Both, dst, traffic);
  }
}

function listOf(party: Party | undefined): readonly Party[] {
  return party ? [party] : [];
}

/** Parties of either side by name, in order. */
function inBoth(before: readonly Party[], after: readonly Party[]): readonly Both[] {
  const [olds, nows] = [new Map(before.map((party) => [party.name, party])), new Map(after.map((party) => [party.name, party]))];
  return [...new Set([...olds.keys(), ...nows.keys()])].sort().map((name) => ({ name, old: olds.get(name), now: nows.get(name) }));
}

/** False only when both sides have the workload, made of the same classes with the same rows. */
function isUnlike(sides: Sides, { old, now }: Both): boolean {
  if (!old || !now || old.ends.length !== now.ends.length) return true;
  return old.ends.some((end, i) => {
    const other = now.ends[i] as (typeof now.ends)[number];
    const sameRows = (["ingress", "egress"] as const).every((direction) => sides.old.reach.row(end, direction) === sides.now.reach.row(other, direction));
    return !sameRows || end.families !== other.families || ([0, 4, 6] as const).some((family) => end.classIn(family) !== other.classIn(family));
  });
}

/** Equal sets are one object in both surveys, because they share their work. */
function trafficOf({ old, now }: Sides, src: Both, dst: Both): Traffic {
  return {
    old: src.old && dst.old ? old.between(src.old, dst.old) : old.reach.intern(NO_TRAFFIC),
    now: src.now && dst.now ? now.between(src.now, dst.now) : now.reach.intern(NO_TRAFFIC),
  };
}

interface External extends Both {
  readonly range: AddressRange;
}

/** The outside, cut at the boundaries of both sides. */
function externalsOf({ old, now }: Sides, direction: Direction, options: SurveyOptions): readonly External[] {
  const ranges = rangesOf([...cutsOf(old.reach, direction), ...cutsOf(now.reach, direction)], options);
  return ranges.map((range) => ({ name: externalName(range), range, old: externalParty(old.reach, range), now: externalParty(now.reach, range) }));
}

/** The ranges whose traffic differs; neighbours that fare alike are one. */
function differingRanges(externals: readonly External[], trafficWith: (external: Both) => Traffic): { readonly party: Both; readonly traffic: Traffic }[] {
  const found: { range: AddressRange; readonly external: External; readonly traffic: Traffic }[] = [];
  for (const external of externals) {
    const traffic = trafficWith(external);
    const last = found.at(-1);
    const touches = last !== undefined && last.traffic.old === traffic.old && last.traffic.now === traffic.now && follows(last.range, external.range);
    if (touches) last.range = [last.range[0], external.range[1]] as AddressRange;
    else found.push({ range: external.range, external, traffic });
  }
  return found.flatMap(({ range, external, traffic }) => (traffic.old === traffic.now ? [] : [{ party: { ...external, name: externalName(range) }, traffic }]));
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
