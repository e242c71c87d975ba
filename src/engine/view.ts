import { isLive, type Pod } from "../model/endpoint.js";
import type { Direction, Peer, Policy, PolicyRule, PodClass, Tier } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import type { IpSet } from "../sets/ip-set.js";
import type { LabelBox } from "../sets/label-box.js";
import { FALSE, TRUE, type Formula } from "./formula.js";
import { isFuture, namespaceIn, type Inquiry } from "./inquiry.js";
import { isSubject, podParty, type Party } from "./party.js";
import { policiesFor, policiesForFuture, type RelevantPolicies } from "./relevant.js";

/** A policy and the formula "it selects the end". */
export interface SelectingPolicy {
  readonly policy: Policy;
  readonly selects: Formula;
}

export interface SelectingTier {
  readonly tier: Tier;
  readonly groups: readonly (readonly SelectingPolicy[])[];
}

/** One end that policies decide about: those that can select it, as they are walked, and what their rules look at. */
export interface End {
  readonly view: View;
  readonly direction: Direction;
  readonly party: Party;
  readonly tiers: readonly SelectingTier[];
  readonly rules: readonly PolicyRule[];
  /** Blocks of addresses that rules name as peers. */
  readonly blocks: readonly IpSet[];
  readonly namesPorts: boolean;
  /** Nodes that rules name as peers. */
  readonly nodes: readonly LabelBox[];
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
    if (party.kind === "address") return FALSE;
    if (party.kind === "pod") {
      const { labels } = this.snapshot.namespace(party.pod.namespace);
      return isLive(party.pod) && namespaces.matches(labels) && pods.matches(party.pod.labels) ? TRUE : FALSE;
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
    if (!end) this.ends[direction].set(party, (end = this.lookAt(party, direction)));
    return end;
  }

  private lookAt(party: Party, direction: Direction): End {
    const tiers = (this.relevant(party)?.[direction] ?? []).map(({ tier, groups }) => ({ tier, groups: groups.map((group) => this.selecting(party, group)) }));
    const policies = tiers.flatMap(({ groups }) => groups.flat());
    const rules = policies.flatMap(({ policy }) => policy.rules[direction]);
    const peers = rules.flatMap((rule): readonly Peer[] => (rule.peers === "everyone" ? [] : rule.peers));
    return {
      view: this,
      direction,
      party,
      tiers,
      rules,
      blocks: peers.flatMap((peer) => (peer.kind === "addresses" ? [peer.addresses] : [])),
      namesPorts: rules.some((rule) => rule.traffic.named.length > 0),
      nodes: peers.flatMap((peer) => (peer.kind === "nodes" ? [peer.labels] : [])),
    };
  }

  private selecting(party: Party, group: readonly Policy[]): readonly SelectingPolicy[] {
    this.inquiry.meter.spend(group.length);
    return group.map((policy) => ({ policy, selects: this.belongs(party, policy.subject) })).filter(({ selects }) => selects !== FALSE);
  }

  private relevant(party: Party): RelevantPolicies | undefined {
    if (!isSubject(party) || party.kind === "address") return undefined;
    const namespace = party.kind === "pod" ? this.snapshot.namespace(party.pod.namespace) : party.space.namespace;
    return isFuture(namespace) ? policiesForFuture(this.snapshot) : policiesFor(this.snapshot, namespaceIn(this.snapshot, namespace));
  }
}
