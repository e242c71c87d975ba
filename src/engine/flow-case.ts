import type { Pod } from "../model/endpoint.js";
import type { Peer } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { FALSE, not, TRUE, type Formula } from "./formula.js";
import { Inquiry, isFuture, type ProofContext } from "./inquiry.js";
import { addressesOf, familyOf, isSubject, type Party } from "./party.js";
import type { Flow, FlowPeer } from "./question.js";
import { familyText, groupBySight, runningPods, type Sight } from "./running.js";
import { flowHolds, flowReaches, HYPOTHETICAL, setScene, slotId, type Slot, type SpaceParty, type Stage } from "./symbolic-flow.js";
import { policiesFor } from "./relevant.js";
import { View, type End } from "./view.js";

/** One question about a flow, made ready: what it asks of the labels of a pod, and which running pods need a look of their own. */
export interface FlowCase {
  readonly inquiry: Inquiry;
  readonly present: View;
  readonly past?: View;
  readonly flow: Flow;
  /** "holds": a pod for which the flow does not hold is looked for; "excludes": a pod for which some of it is allowed. */
  readonly mode: "holds" | "excludes";
  readonly subject: SpaceParty;
}

export interface FlowQuestion {
  readonly flow: Flow;
  readonly mode: FlowCase["mode"];
  readonly context: ProofContext;
  readonly after: Snapshot;
  readonly before?: Snapshot;
}

export function openCase({ flow, mode, context, after, before }: FlowQuestion): FlowCase {
  const inquiry = new Inquiry(context, before ? [after, before] : [after]);
  const subject: SpaceParty = { kind: "space", id: "subject", space: flow.subject };
  const common = { inquiry, flow, mode, subject, present: new View(inquiry, after, "present") };
  return before ? { ...common, past: new View(inquiry, before, "past") } : common;
}

/** True of the pods that answer no: "held before and does not hold now", or "reaches a peer now and did not before". */
export function wanted(question: FlowCase, stage: Stage, subject: Party): Formula {
  const { inquiry, present, past, mode } = question;
  const views = viewsOf(question);
  const scene = setScene({ views, stage, subject });
  if (mode === "excludes") return flowReaches(views, scene);
  const now = flowHolds(present, scene);
  if (now === TRUE) return FALSE;
  return inquiry.formulas.and([not(now), past ? flowHolds(past, scene) : TRUE]);
}

/** The peers of the flow, each space as one pod nobody has created yet. */
export function hypotheticalStage(flow: Flow): Stage {
  const slots = new Map<string, Slot>();
  for (const [target, { peers }] of flow.anyOf.entries()) {
    for (const [index, peer] of peers.entries()) {
      const id = slotId(target, index);
      if (peer.kind === "space") slots.set(id, { party: { kind: "space", id, space: peer }, running: [], isPicked: (option) => (option === HYPOTHETICAL ? TRUE : FALSE) });
    }
  }
  return { flow, slots };
}

/** The same with the running pods of each space that rules could treat differently from the hypothetical one; itself when there are none. */
export function fullStage(question: FlowCase, stage: Stage): Stage {
  const slots = new Map([...stage.slots].map(([id, slot]) => [id, fullSlot(question, id, slot)]));
  return [...slots].every(([id, slot]) => slot === stage.slots.get(id)) ? stage : { flow: stage.flow, slots };
}

function fullSlot(question: FlowCase, id: string, slot: Slot): Slot {
  const pods = runningPods(question.present.snapshot, slot.party.space);
  if (pods.length === 0) return slot;
  const sight = sightOfPeer(question, slot.party);
  const groups = groupBySight(pods.filter(sight.needsLook), sight, (pod) => isRelabelled(question, pod));
  // Two of each group, so that every subject has a peer that is not itself.
  const running = groups.flatMap((group) => group.slice(0, 2));
  if (running.length === 0) return slot;
  return { party: slot.party, running, isPicked: question.inquiry.choice(`${id} is`, [...running.map(({ name }) => name), HYPOTHETICAL]) };
}

/** What rules can see of a running pod, and whether it needs a look of its own beside the hypothetical pod with its labels. */
interface Look extends Sight {
  readonly needsLook: (pod: Pod) => boolean;
}

/** Running subjects in groups that the question cannot tell apart; only those that need a look of their own, or all. */
export function runningSubjects(question: FlowCase, stage: Stage, which: "different" | "all"): readonly (readonly [Pod, ...Pod[]])[] {
  const pods = runningPods(question.present.snapshot, question.flow.subject);
  if (pods.length === 0) return [];
  const sight = sightOfSubject(question, stage);
  const peers = new Set(question.flow.anyOf.flatMap((target) => target.peers.flatMap((peer) => (peer.kind === "pod" ? [`${peer.pod.namespace}/${peer.pod.name}`] : []))));
  const alone = (pod: Pod): boolean => peers.has(`${pod.namespace}/${pod.name}`) || isRelabelled(question, pod);
  return groupBySight(which === "all" ? pods : pods.filter(sight.needsLook), sight, alone);
}

function sightOfSubject(question: FlowCase, stage: Stage): Look {
  const { flow, subject, inquiry } = question;
  const own = viewsOf(question).map((view) => view.end(subject, flow.direction));
  const others = viewsOf(question).flatMap((view) => peerParties(view, stage).map((party) => view.end(party, opposite(flow))));
  const isDestination = flow.direction === "ingress";
  const peers = flow.anyOf.flatMap((target) => target.peers);
  const families = familiesNeeded(question, peers);
  const serves = isDestination ? servedBy(flow) : [];
  const ports = isDestination && [...own, ...others].some((end) => end.namesPorts);
  const node = isDestination && peers.some((peer) => peer.kind === "addresses" || (peer.kind === "pod" && peer.pod.hostNetwork));
  const blocks = others.flatMap((end) => end.blocks);
  const always = blocks.length > 0 || ports || serves.length > 0 || (node && question.mode === "excludes") || (seesAddresses(own) && [...stage.slots.values()].some((slot) => slot.running.length > 0));
  const needsLook = (pod: Pod): boolean => always || isRelabelled(question, pod) || lacks(pod, families);
  return { keys: keysRead(inquiry.unknownLabels(subject, "pod").keys(), others), blocks, ports, serves, node, needsLook };
}

function sightOfPeer(question: FlowCase, party: SpaceParty): Look {
  const { flow, subject, inquiry } = question;
  const subjectEnds = viewsOf(question).map((view) => view.end(subject, flow.direction));
  const own = viewsOf(question).map((view) => view.end(party, opposite(flow)));
  const isDestination = flow.direction === "egress";
  const serves = isDestination ? servedBy(flow) : [];
  const ports = isDestination && [...own, ...subjectEnds].some((end) => end.namesPorts);
  const always = ports || serves.length > 0 || seesAddresses(own) || seesAddresses(subjectEnds);
  const needsLook = (pod: Pod): boolean => always || isRelabelled(question, pod);
  return { keys: keysRead(inquiry.unknownLabels(party, "pod").keys(), subjectEnds), blocks: subjectEnds.flatMap((end) => end.blocks), ports, serves, node: false, needsLook };
}

/** Label keys by which a party is selected (all known once its ends have been looked at), and those by which other ends' rules pick it. */
function keysRead(selecting: Iterable<string>, others: readonly End[]): readonly string[] {
  const peers = others.flatMap((end) => end.rules.flatMap((rule): readonly Peer[] => (rule.peers === "everyone" ? [] : rule.peers)));
  return [...new Set([...selecting, ...peers.flatMap((peer) => (peer.kind === "pods" ? [...peer.pods.constraints.keys()] : []))])];
}

export function viewsOf({ present, past }: FlowCase): readonly [View, ...View[]] {
  return past ? [present, past] : [present];
}

function opposite({ direction }: Flow): Flow["direction"] {
  return direction === "egress" ? "ingress" : "egress";
}

/** The peers that policies can select. */
function peerParties(view: View, { flow, slots }: Stage): readonly Party[] {
  const pods = flow.anyOf.flatMap((target) => target.peers.flatMap((peer) => (peer.kind === "pod" ? [view.party(peer.pod)] : [])));
  return [...pods.filter(isSubject), ...[...slots.values()].map(({ party }) => party)];
}

function servedBy(flow: Flow): Sight["serves"] {
  return flow.anyOf.flatMap(({ traffic }) => (typeof traffic === "function" ? [traffic] : []));
}

function seesAddresses(ends: readonly End[]): boolean {
  return ends.some((end) => end.blocks.length > 0 || end.nodes.length > 0);
}

/** The address families of the pods that are peers: a pod without one of them is not what a pod without any address is. */
function familiesNeeded({ present }: FlowCase, peers: readonly FlowPeer[]): string {
  const addresses = peers.flatMap((peer) => (peer.kind === "pod" ? addressesOf(present.party(peer.pod)) : []));
  return `${addresses.some((address) => familyOf(address) === "v4") ? "4" : ""}${addresses.some((address) => familyOf(address) === "v6") ? "6" : ""}`;
}

function lacks(pod: Pod, families: string): boolean {
  const own = familyText(pod);
  return own !== "" && [...families].some((family) => !own.includes(family));
}

/** True when the pod was there before, otherwise. */
function isRelabelled({ past }: FlowCase, pod: Pod): boolean {
  return past !== undefined && past.actual(pod) !== pod;
}

/** True when nothing that could decide about the flow differs between two snapshots: the usual case of a change elsewhere, at no cost. */
export function isUnchanged(before: Snapshot, after: Snapshot, flow: Flow): boolean {
  if (before.nodes !== after.nodes) return false;
  const peers = flow.anyOf.flatMap((target) => target.peers);
  const names = peers.flatMap((peer) => (peer.kind === "pod" ? [peer.pod.namespace] : []));
  const spaces = [flow.subject, ...peers.filter((peer) => peer.kind === "space")].map(({ namespace }) => namespace);
  if (spaces.some(isFuture) && before.clusterPolicies !== after.clusterPolicies) return false;
  const namespaces = new Set([...names, ...spaces.flatMap((namespace) => (isFuture(namespace) ? [] : [namespace.name]))]);
  return [...namespaces].every((name) => isSameNamespace(before, after, name));
}

function isSameNamespace(before: Snapshot, after: Snapshot, name: string): boolean {
  const [was, is] = [before.namespaces.get(name), after.namespaces.get(name)];
  if (was === is && before.clusterPolicies === after.clusterPolicies) return true;
  if (!was || !is || was.pods !== is.pods || was.namespace !== is.namespace) return false;
  const [old, now] = [policiesFor(before, was.namespace).list, policiesFor(after, is.namespace).list];
  return old.length === now.length && old.every((policy, i) => policy === now[i]);
}
