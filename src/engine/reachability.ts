import { isLive, type Endpoint } from "../model/endpoint.js";
import type { Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { TrafficSet } from "../model/traffic.js";
import type { Address } from "../sets/ip-set.js";
import { addressesOfOther, LivePodEnd, nodesOfOther, OtherEnd, type End, type Family } from "./ends.js";
import { RowIndex, type View } from "./row-index.js";
import type { Row } from "./rows.js";
import { ALL, NONE } from "./traffic-table.js";
import type { Connection, EngineProfile } from "./verdict.js";

/** What the fast evaluator says of one connection: the judge's verdict without the reasons. */
export interface Answer {
  readonly allowed: boolean;
  readonly egressAllowed: boolean;
  readonly ingressAllowed: boolean;
}

/**
 * The fast evaluator: whole sets of traffic between two ends of a snapshot (R1-R6). Agrees with `evaluate` point by point.
 *
 * `previous` is the evaluator of an earlier or alternative snapshot; what both share is not worked out again.
 */
export function reachability(snapshot: Snapshot, profile: EngineProfile, previous?: Reachability): Reachability {
  const same = previous !== undefined && previous.profile.cidrSelectsPods === profile.cidrSelectsPods && previous.index.isFit;
  return new Reachability(snapshot, profile, same ? previous.index : new RowIndex());
}

export class Reachability {
  readonly snapshot: Snapshot;
  readonly profile: EngineProfile;
  readonly index: RowIndex;
  private readonly views = new Map<string, View>();
  /** By the id of the subject's class. */
  private readonly rows: Readonly<Record<Direction, (Row | undefined)[]>> = { ingress: [], egress: [] };

  constructor(snapshot: Snapshot, profile: EngineProfile, index: RowIndex) {
    this.snapshot = snapshot;
    this.profile = profile;
    this.index = index;
  }

  /** The traffic that `src` can send to `dst`: egress at the source and ingress at the destination (S3). */
  reach(src: Endpoint, dst: Endpoint): TrafficSet {
    return this.between(this.end(src), this.end(dst));
  }

  /** The traffic that the source's end accepts. */
  egressOf(src: Endpoint, dst: Endpoint): TrafficSet {
    return this.oneEnd("egress", this.end(src), this.end(dst));
  }

  /** The traffic that the destination's end accepts. */
  ingressOf(src: Endpoint, dst: Endpoint): TrafficSet {
    return this.oneEnd("ingress", this.end(src), this.end(dst));
  }

  /** One connection, as `evaluate` answers; `hairpin` is the judge's alone. */
  check({ src, dst, traffic }: Connection): Answer {
    const [from, to, sets] = [this.end(src), this.end(dst), this.index.tools.traffic];
    let first: Answer | undefined;
    for (const family of familiesBetween(from, to)) {
      const egressAllowed = sets.at(this.egress(from, to, family)).contains(traffic);
      const ingressAllowed = sets.at(this.ingress(from, to, family)).contains(traffic);
      const answer = { allowed: egressAllowed && ingressAllowed, egressAllowed, ingressAllowed };
      if (answer.allowed) return answer;
      first ??= answer;
    }
    return first as Answer;
  }

  /** `reach` for ends that are asked about often. Equal sets are one object. */
  between(from: End, to: End): TrafficSet {
    const sets = this.index.tools.traffic;
    let total = NONE;
    for (const family of familiesBetween(from, to)) total = sets.join(total, sets.meet(this.egress(from, to, family), this.ingress(from, to, family)));
    return sets.at(total);
  }

  /** The one object that stands for all sets equal to this one. */
  intern(set: TrafficSet): TrafficSet {
    const sets = this.index.tools.traffic;
    return sets.at(sets.numberOf(set));
  }

  /** Makes an endpoint ready to be asked about, by this evaluator only. */
  end(endpoint: Endpoint): End {
    if (endpoint.kind === "address" || !isLive(endpoint.pod)) {
      const addresses = addressesOfOther(this.snapshot, endpoint);
      return new OtherEnd(endpoint, { registry: this.index, addresses, nodes: (family) => nodesOfOther(this.snapshot, endpoint, family) });
    }
    const { namespace } = this.view(endpoint.pod.namespace);
    const known = this.index.endOf(endpoint, namespace);
    if (known) return known;
    const made = new LivePodEnd(endpoint, namespace, { registry: this.index, matchesAddresses: this.profile.cidrSelectsPods });
    this.index.keepEnd(made);
    return made;
  }

  /** The end that an address is when neither a pod nor a node has it. */
  stranger(address: Address): End {
    return new OtherEnd({ kind: "address", address }, { registry: this.index, addresses: [address], nodes: () => [] });
  }

  /** What an end accepts, by class of the other end; undefined for ends that no policy selects: they accept everything. */
  row(end: End, direction: Direction): Row | undefined {
    if (!end.subject) return undefined;
    const subject = end.classIn(end.families & 1 ? 4 : end.families & 2 ? 6 : 0);
    return (this.rows[direction][subject.id] ??= this.index.rowOf(this.view(end.subject.namespace), subject, direction));
  }

  private oneEnd(direction: Direction, from: End, to: End): TrafficSet {
    const sets = this.index.tools.traffic;
    let total = NONE;
    for (const family of familiesBetween(from, to)) total = sets.join(total, this[direction](from, to, family));
    return sets.at(total);
  }

  private egress(from: End, to: End, family: Family): number {
    if (isSamePod(from, to)) return ALL;
    return this.row(from, "egress")?.with(to.classIn(family).id) ?? ALL;
  }

  private ingress(from: End, to: End, family: Family): number {
    if (isSamePod(from, to) || isOwnNode(from, to, family)) return ALL;
    return this.row(to, "ingress")?.with(from.classIn(family).id) ?? ALL;
  }

  private view(name: string): View {
    let view = this.views.get(name);
    if (!view) this.views.set(name, (view = this.index.view(this.snapshot, name)));
    return view;
  }
}

/** By bits: 1 for IPv4, 2 for IPv6. */
const FAMILIES: readonly (readonly Family[])[] = [[0], [4], [6], [4, 6]];

/** The families to try: that of the address an end names; else those both pods have, where one without any address may use each (edge case 25). */
function familiesBetween(from: End, to: End): readonly Family[] {
  if (from.uniform && to.uniform) return FAMILIES[0] as readonly Family[];
  const named = from.named | to.named;
  if (named > 0) return FAMILIES[named === 3 ? 0 : named] as readonly Family[];
  return FAMILIES[from.families === 0 || to.families === 0 ? from.families | to.families : from.families & to.families] as readonly Family[];
}

/** "Self traffic: a pod cannot block access to itself" (S14). */
function isSamePod({ subject: a }: End, { subject: b }: End): boolean {
  return a !== undefined && b !== undefined && a.name === b.name && a.namespace === b.namespace;
}

/** "Traffic from the pod's own node is always allowed" (S13), and from the hostNetwork pods there, which have its address (S15). */
function isOwnNode(from: End, { subject }: End, family: Family): boolean {
  if (from.subject || subject?.nodeName === undefined) return false;
  const { endpoint } = from;
  const neighbour = endpoint.kind === "pod" && endpoint.pod.hostNetwork && endpoint.pod.nodeName === subject.nodeName;
  return neighbour || from.nodesIn(family).some(({ name }) => name === subject.nodeName);
}
