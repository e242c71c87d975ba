import { isLive, type Pod } from "../model/endpoint.js";
import type { Direction, Peer, PodClass, Policy, PolicyRule, Tier } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { IntervalSet } from "../sets/interval-set.js";
import { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import { FALSE, TRUE, type Formula } from "./formula.js";
import { isFuture, namespaceIn, type Inquiry } from "./inquiry.js";
import { isSubject, podParty, type Party } from "./party.js";
import { textOfTraffic } from "../engine/covers.js";
import { policiesFor, policiesForFuture, type RelevantPolicies, type TierGroups } from "../engine/relevant.js";
import { Memory } from "../model/memory.js";

/** A policy and the formula "it selects the end". */
export interface SelectingPolicy {
  readonly policy: Policy;
  readonly selects: Formula;
}

export interface SelectingTier {
  readonly tier: Tier;
  readonly groups: readonly (readonly SelectingPolicy[])[];
  /** All of them, those that select every pod first: for tiers where order does not matter. */
  readonly policies: readonly SelectingPolicy[];
  /** No rule does anything but accept. */
  readonly acceptsOnly: boolean;
  /** "Some policy that selects the end isolates it, and the tier denies by default." */
  readonly isolated: Formula;
}

/** A snapshot as one inquiry sees it. */
export class View {
  readonly inquiry: Inquiry;
  readonly snapshot: Snapshot;
  private readonly isPast: boolean;
  private readonly parties = new Map<Pod, Party>();
  private readonly ends = { ingress: new Map<Party, End>(), egress: new Map<Party, End>() };

  /** `past`: the state before a change; pods are looked up in it by name, for a change may have relabelled them. */
  constructor(inquiry: Inquiry, snapshot: Snapshot, time: "past" | "present") {
    this.inquiry = inquiry;
    this.snapshot = snapshot;
    this.isPast = time === "past";
  }

  /** A pod as an end of connections in this snapshot. */
  party(pod: Pod): Party {
    let party = this.parties.get(pod);
    if (!party) this.parties.set(pod, (party = podParty(this.snapshot, this.actual(pod))));
    return party;
  }

  /** A party of another view as this one sees it. */
  seen(party: Party): Party {
    return party.kind === "pod" && this.isPast ? this.party(party.pod) : party;
  }

  /** The pod as this snapshot has it; as it is when the snapshot does not have it, or has another sort of pod by that name. */
  actual(pod: Pod): Pod {
    const known = this.isPast && pod.origin !== "hypothetical" ? this.snapshot.pod(pod.namespace, pod.name) : undefined;
    return known && isLive(known) === isLive(pod) ? known : pod;
  }

  /** "The party is a pod of the class." Both selectors of one item: AND (S6). */
  belongs(party: Party, { namespaces, pods }: PodClass): Formula {
    if (party.kind === "address" || party.kind === "range") return FALSE;
    if (party.kind === "pod") {
      return isLive(party.pod) && namespaces.matches(this.snapshot.namespace(party.pod.namespace).labels) && pods.matches(party.pod.labels) ? TRUE : FALSE;
    }
    const { namespace } = party.space;
    if (!isFuture(namespace)) {
      return namespaces.matches(namespaceIn(this.snapshot, namespace).labels) ? this.inquiry.labelsIn(party, "pod", pods) : FALSE;
    }
    const inNamespace = this.inquiry.labelsIn(party, "namespace", namespaces);
    return inNamespace === FALSE ? FALSE : this.inquiry.formulas.and([inNamespace, this.inquiry.labelsIn(party, "pod", pods)]);
  }

  /** What decides about a party in a direction; nothing does about ends that no policy can select. */
  end(party: Party, direction: Direction): End {
    let end = this.ends[direction].get(party);
    if (!end) this.ends[direction].set(party, (end = new End(this, party, direction)));
    return end;
  }

  /** The policies that could select a party. */
  relevant(party: Party): RelevantPolicies | undefined {
    if (!isSubject(party) || (party.kind !== "pod" && party.kind !== "space")) return undefined;
    const namespace = party.kind === "pod" ? this.snapshot.namespace(party.pod.namespace) : party.space.namespace;
    return isFuture(namespace) ? policiesForFuture(this.snapshot) : policiesFor(this.snapshot, namespaceIn(this.snapshot, namespace));
  }
}

/** One end that policies decide about: those that can select it, as they are walked, and what their rules look at. */
export class End {
  readonly view: View;
  readonly party: Party;
  readonly direction: Direction;
  readonly tiers: readonly SelectingTier[];
  private seen: { readonly rules: readonly PolicyRule[]; readonly blocks: readonly Block[]; readonly nodes: readonly LabelBox[]; readonly namesPorts: boolean } | undefined;

  constructor(view: View, party: Party, direction: Direction) {
    this.view = view;
    this.party = party;
    this.direction = direction;
    this.tiers = (view.relevant(party)?.[direction] ?? []).map((tier) => this.selecting(tier));
  }

  get rules(): readonly PolicyRule[] {
    return this.look().rules;
  }

  /** Blocks of addresses that rules name as peers. */
  get blocks(): readonly Block[] {
    return this.look().blocks;
  }

  /** Nodes that rules name as peers. */
  get nodes(): readonly LabelBox[] {
    return this.look().nodes;
  }

  get namesPorts(): boolean {
    return this.look().namesPorts;
  }

  private look(): NonNullable<End["seen"]> {
    if (this.seen) return this.seen;
    const found = this.tiers.flatMap((tier) => tier.policies.flatMap((policy) => policy.policy.rules[this.direction].map((rule) => ({ tier, policy, rule }))));
    const blocks = new Map<string, { readonly addresses: IpSet[]; readonly accepts: boolean }>();
    for (const [i, { tier, policy, rule }] of found.entries()) {
      const { addresses } = peersOf(rule);
      if (!addresses) continue;
      // Rules that accept the same traffic for the same pods are one, wherever order does not matter.
      const key = tier.acceptsOnly ? `${policy.selects} ${textOfTraffic(rule.traffic)}` : `rule ${i}`;
      const known = blocks.get(key);
      if (known) known.addresses.push(addresses);
      else blocks.set(key, { addresses: [addresses], accepts: rule.action === "Accept" });
    }
    const nodes = found.flatMap(({ rule }) => peersOf(rule).others.flatMap((peer) => (peer.kind === "nodes" ? [peer.labels] : [])));
    this.seen = { rules: found.map(({ rule }) => rule), blocks: [...blocks.values()].map(({ addresses, accepts }) => ({ addresses: IpSet.unionOf(addresses), accepts })), nodes, namesPorts: found.some(({ rule }) => rule.traffic.named.length > 0) };
    return this.seen;
  }

  private selecting({ tier, groups, acceptsOnly }: TierGroups): SelectingTier {
    const { inquiry } = this.view;
    const isolating: Formula[] = [];
    const selecting = groups.map((group) => {
      inquiry.meter.spend(group.length);
      const out: SelectingPolicy[] = [];
      for (const policy of group) {
        const selects = this.view.belongs(this.party, policy.subject);
        if (selects === FALSE) continue;
        if (policy.isolates[this.direction]) isolating.push(selects);
        out.push({ policy, selects });
      }
      return out;
    });
    const policies = selecting.flat();
    return { tier, groups: selecting, policies: [...policies.filter(isSure), ...policies.filter((policy) => !isSure(policy))], acceptsOnly, isolated: tier.defaultAction === "Deny" ? inquiry.formulas.or(isolating) : FALSE };
  }
}

/** A block of addresses a rule names, and whether being in it can only help. */
export interface Block {
  readonly addresses: IpSet;
  readonly accepts: boolean;
}

function isSure({ selects }: SelectingPolicy): boolean {
  return selects === TRUE;
}

/** The peers of a rule with its blocks of addresses as one; rules can have thousands. */
export interface RulePeers {
  readonly everyone: boolean;
  readonly others: readonly Exclude<Peer, { kind: "addresses" }>[];
  readonly addresses: IpSet | undefined;
}

const peersByRule = new Memory<PolicyRule, RulePeers>();

export function peersOf(rule: PolicyRule): RulePeers {
  let peers = peersByRule.get(rule);
  if (!peers) peersByRule.set(rule, (peers = sortPeers(rule.peers)));
  return peers;
}

function sortPeers(peers: PolicyRule["peers"]): RulePeers {
  if (peers === "everyone") return { everyone: true, others: [], addresses: undefined };
  const blocks = peers.flatMap((peer) => (peer.kind === "addresses" ? [peer.addresses] : []));
  const together = new IpSet(IntervalSet.from(blocks.flatMap(({ v4 }) => v4.ranges)), IntervalSet.from(blocks.flatMap(({ v6 }) => v6.ranges)));
  return { everyone: false, others: peers.filter((peer) => peer.kind !== "addresses"), addresses: blocks.length > 0 ? together : undefined };
}
