import type { Pod } from "../model/endpoint.js";
import { viewsOf, type FlowCase } from "./flow-question.js";
import { isFuture } from "./inquiry.js";
import { addressesOf, familyOf, isSubject, type Party } from "./party.js";
import type { Flow, PodSpace } from "./question.js";
import { crowdOf, familyText, groupBySight, isIn, portsText, runningGroups, runningPods, type Groups, type Sight } from "./running.js";
import { hypotheticalPod, type SpaceParty, type Stage } from "./symbolic-flow.js";
import { peersOf, type Block, type End, type View } from "./view.js";

/**
 * Which running pods a question could answer otherwise than for the hypothetical pod with their labels: because of addresses,
 * declared ports, or a change of labels. Usually none, and then what runs costs nothing.
 *
 * "unhelpful" leaves out blocks that only accept, because being in one can only allow more: enough once the flow is known to hold
 * for hypothetical pods. "all" asks for every running pod.
 */
export type Care = "any" | "unhelpful" | "all";

/** Running subjects in groups that the question cannot tell apart; "all": also those for which the hypothetical pod can stand. */
export function runningSubjects(question: FlowCase, stage: Stage, care: Care): Groups {
  const { flow, subject, present } = question;
  if (crowdOf(present.snapshot, flow.subject).kinds.length === 0) return [];
  const views = viewsOf(question);
  const own = views.map((view) => view.end(subject, flow.direction));
  const others = views.flatMap((view) => peerParties(view, stage).map((party) => view.end(party, opposite(flow))));
  const peers = flow.anyOf.flatMap((target) => target.peers);
  const isDestination = flow.direction === "ingress";
  const node = isDestination && peers.some((peer) => peer.kind === "addresses" || (peer.kind === "pod" && peer.pod.hostNetwork));
  const hasRunningPeers = [...stage.slots.values()].some((slot) => slot.running.length > 0);
  const always = (node && question.mode === "excludes") || (hasRunningPeers && own.some((end) => end.blocks.length > 0));
  const { namespace } = flow.subject;
  const named = new Set(peers.flatMap((peer) => (peer.kind === "pod" && !isFuture(namespace) && peer.pod.namespace === namespace.name ? [peer.pod.name] : [])));
  return groupsOf(question, { space: flow.subject, party: subject, own, others, isDestination, node, care: always ? "all" : care, families: familiesOf(present, stage) }, named.size === 0 ? undefined : (pod) => named.has(pod.name));
}

/** The running pods of a space that is a peer. */
export function runningPeers(question: FlowCase, party: SpaceParty, care: Care): Groups {
  const { flow, subject, present } = question;
  if (crowdOf(present.snapshot, party.space).kinds.length === 0) return [];
  const views = viewsOf(question);
  const own = views.map((view) => view.end(party, opposite(flow)));
  const others = views.map((view) => view.end(subject, flow.direction));
  const isDestination = flow.direction === "egress";
  const always = care === "any" && own.some((end) => end.blocks.length > 0);
  return groupsOf(question, { space: party.space, party, own, others, isDestination, node: false, care: always ? "all" : care, families: "" }, undefined);
}

/** A space in its role in the flow. */
interface Role {
  readonly space: PodSpace;
  readonly party: SpaceParty;
  readonly own: readonly End[];
  readonly others: readonly End[];
  readonly isDestination: boolean;
  readonly node: boolean;
  readonly care: Care;
  /** Families its pods need to be like one without any address. */
  readonly families: string;
}

/** `isNamed`: the pods that the flow names as peers; undefined for none. */
function groupsOf(question: FlowCase, role: Role, isNamed: Test | undefined): Groups {
  const isDifferent = differences(question, role, isNamed);
  if (!isDifferent) return [];
  const { snapshot } = question.present;
  if (role.care === "all" && !isNamed && !mayRelabel(question, role)) return runningGroups(snapshot, role.space, sightOf(question, role));
  const pods = runningPods(snapshot, role.space).filter(isDifferent);
  return pods.length === 0 ? [] : groupBySight(pods, sightOf(question, role), (pod) => isNamed?.(pod) === true || isRelabelled(question, pod));
}

/** What makes a pod different; undefined when nothing can. */
function differences(question: FlowCase, role: Role, isNamed: Test | undefined): Test | undefined {
  if (role.care === "all") return () => true;
  // A pod that the flow names as a peer owes itself nothing, so the flow may have held for it alone.
  const named = role.care === "any" && question.past && isNamed ? [isNamed] : [];
  const tests = [...byAddress(question, role), ...byPorts(question, role), ...byChange(question, role), ...named];
  return tests.length > 0 ? (pod) => tests.some((test) => test(pod)) : undefined;
}

type Test = (pod: Pod) => boolean;

/** Rules of other ends name blocks that some pod of the namespace could be in, or it lacks a family that a hypothetical pod may use. */
function byAddress({ present }: FlowCase, role: Role): readonly Test[] {
  const { span, families } = crowdOf(present.snapshot, role.space);
  const isNear = ({ addresses }: Block): boolean => addresses.v4.overlaps(span.v4) || addresses.v6.overlaps(span.v6);
  const blocks = blocksSeen(role).filter((block) => (role.care === "any" || !block.accepts) && isNear(block));
  return [
    ...(blocks.length > 0 ? [(pod: Pod) => blocks.some((block) => isIn(block.addresses, pod))] : []),
    ...([...families].some((own) => lacks(own, role.families)) ? [(pod: Pod) => lacks(familyText(pod), role.families)] : []),
  ];
}

/** It declares other ports than a hypothetical pod is taken to, and they matter. */
function byPorts({ flow }: FlowCase, role: Role): readonly Test[] {
  if (!role.isDestination) return [];
  const assumed = hypotheticalPod(role.space);
  const declared = portsText(assumed.ports);
  const served = servedBy(flow).map((trafficOf): Test => {
    const usual = trafficOf(assumed);
    return (pod) => !trafficOf(pod).equals(usual);
  });
  return namesPorts(role) ? [...served, (pod) => portsText(pod.ports) !== declared] : served;
}

function byChange(question: FlowCase, role: Role): readonly Test[] {
  return role.care === "any" && mayRelabel(question, role) ? [(pod) => isRelabelled(question, pod)] : [];
}

function mayRelabel({ present, past }: FlowCase, { space }: Role): boolean {
  return past !== undefined && crowdOf(present.snapshot, space) !== crowdOf(past.snapshot, space);
}

function sightOf(question: FlowCase, role: Role): Sight {
  return {
    keys: keysRead(question, role),
    blocks: blocksSeen(role).map((block) => block.addresses),
    ports: namesPorts(role),
    serves: role.isDestination ? servedBy(question.flow) : [],
    node: role.node,
  };
}

function blocksSeen({ others }: Role): readonly Block[] {
  return others.flatMap((end) => end.blocks);
}

function namesPorts({ isDestination, own, others }: Role): boolean {
  return isDestination && [...own, ...others].some((end) => end.namesPorts);
}

/** Those of the label keys of running pods by which a party is selected (all known once its ends have been looked at), or by which other ends' rules pick it. */
function keysRead(question: FlowCase, { party, others, space }: Role): ReadonlySet<string> {
  const { keys } = crowdOf(question.present.snapshot, space);
  const read = new Set(question.inquiry.readAmong(party, keys));
  const peers = others.flatMap((end) => end.rules.flatMap((rule) => peersOf(rule).others));
  for (const peer of peers) if (peer.kind === "pods") for (const key of peer.pods.constraints.keys()) if (keys.has(key)) read.add(key);
  return read;
}

function opposite({ direction }: Flow): Flow["direction"] {
  return direction === "egress" ? "ingress" : "egress";
}

/** The peers that policies can select. */
function peerParties(view: View, stage: Stage): readonly Party[] {
  return [...peerPods(view, stage).filter(isSubject), ...[...stage.slots.values()].map(({ party }) => party)];
}

function peerPods(view: View, { flow }: Stage): readonly Party[] {
  return flow.anyOf.flatMap((target) => target.peers.flatMap((peer) => (peer.kind === "pod" ? [view.party(peer.pod)] : [])));
}

function servedBy(flow: Flow): Sight["serves"] {
  return flow.anyOf.flatMap(({ traffic }) => (typeof traffic === "function" ? [traffic] : []));
}

/** The address families of the pods that are peers: a pod without one of them is not what a pod without any address is. */
function familiesOf(view: View, stage: Stage): string {
  const families = new Set(peerPods(view, stage).flatMap((party) => addressesOf(party).map(familyOf)));
  return `${families.has("v4") ? "4" : ""}${families.has("v6") ? "6" : ""}`;
}

function lacks(own: string, families: string): boolean {
  return own !== "" && [...families].some((family) => !own.includes(family));
}

/** True when the pod was there before, otherwise. */
function isRelabelled({ past }: FlowCase, pod: Pod): boolean {
  return past !== undefined && past.actual(pod) !== pod;
}
