import type { Direction, Policy } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { FALSE, TRUE, type Formula } from "./formula.js";
import { viewsOf, type FlowCase } from "./flow-question.js";
import { isFuture } from "./inquiry.js";
import type { Party } from "./party.js";
import type { Flow, PodSpace } from "./question.js";
import { policiesFor } from "../engine/relevant.js";
import { runningPeers, type Care } from "./sight.js";
import { flowBreaks, flowReaches, HYPOTHETICAL, setScene, slotId, type Slot, type SpaceParty, type Stage } from "./symbolic-flow.js";

/** True of the pods that answer no: "held before and does not hold now", or "reaches a peer now and did not before". */
export function wanted(question: FlowCase, stage: Stage, subject: Party): Formula {
  if (isNobody(question, subject)) return FALSE;
  const views = viewsOf(question);
  const scene = setScene({ views, stage, subject });
  return question.mode === "excludes" ? flowReaches(views, scene) : flowBreaks(views, scene);
}

/** "The flow does not hold now", whatever was before. */
export function brokenNow(question: FlowCase, stage: Stage, subject: Party): Formula {
  if (isNobody(question, subject)) return FALSE;
  const { present } = question;
  const options = { views: [present] as const, stage, subject };
  const coarse = flowBreaks([present], setScene({ ...options, coarse: true }));
  return coarse === FALSE ? FALSE : flowBreaks([present], setScene(options));
}

function isNobody({ inquiry }: FlowCase, subject: Party): boolean {
  return subject.kind === "space" && !inquiry.isInhabited(subject);
}

/** The peers of the flow, each space as one pod nobody has created yet. */
export function hypotheticalStage({ flow, inquiry }: FlowCase): Stage {
  const slots = new Map<string, Slot>();
  for (const [target, { peers }] of flow.anyOf.entries()) {
    for (const [index, peer] of peers.entries()) {
      const id = slotId(target, index);
      if (peer.kind !== "space") continue;
      const party: SpaceParty = { kind: "space", id, space: peer };
      const isThere = inquiry.isInhabited(party);
      slots.set(id, { party, running: [], isInhabited: isThere, isPicked: (option) => (isThere && option === HYPOTHETICAL ? TRUE : FALSE) });
    }
  }
  return { flow, slots };
}

/** The same with the running pods of each space that rules could treat differently from the hypothetical one; itself when there are none. */
export function fullStage(question: FlowCase, stage: Stage, care: Care): Stage {
  const slots = new Map([...stage.slots].map(([id, slot]) => [id, fullSlot(question, slot, { id, care })]));
  return [...slots].every(([id, slot]) => slot === stage.slots.get(id)) ? stage : { flow: stage.flow, slots };
}

function fullSlot(question: FlowCase, slot: Slot, { id, care }: { readonly id: string; readonly care: Care }): Slot {
  // Two of each group, so that every subject has a peer that is not itself.
  const running = runningPeers(question, slot.party, care).flatMap((group) => group.slice(0, 2));
  if (running.length === 0) return slot;
  const options = [...running.map(({ name }) => name), ...(slot.isInhabited ? [HYPOTHETICAL] : [])];
  return { ...slot, running, isPicked: question.inquiry.choice(`${id} is`, options) };
}

/** True when nothing that could decide about the flow differs between two snapshots: the usual case of a change elsewhere, at no cost. */
export function isUnchanged(before: Snapshot, after: Snapshot, flow: Flow): boolean {
  if (before.nodes !== after.nodes) return false;
  const peers = flow.anyOf.flatMap((target) => target.peers);
  const other = flow.direction === "egress" ? "ingress" : "egress";
  const names = peers.flatMap((peer) => (peer.kind === "pod" ? [peer.pod.namespace] : []));
  const spaces = peers.flatMap((peer) => (peer.kind === "space" ? [peer.namespace] : []));
  if ([flow.subject.namespace, ...spaces].some(isFuture) && before.clusterPolicies !== after.clusterPolicies) return false;
  const namespaces = new Set([...names, ...spaces.flatMap(nameOf)]);
  return (
    nameOf(flow.subject.namespace).every((name) => isSameNamespace(before, after, { name, direction: flow.direction })) &&
    [...namespaces].every((name) => isSameNamespace(before, after, { name, direction: other }))
  );
}

function nameOf(namespace: PodSpace["namespace"]): readonly string[] {
  return isFuture(namespace) ? [] : [namespace.name];
}

/** The same pods and labels, and the same policies that can select them and say something about the direction (about any, when none is named). */
export function isSameNamespace(before: Snapshot, after: Snapshot, { name, direction }: { readonly name: string; readonly direction?: Direction }): boolean {
  const [was, is] = [before.namespaces.get(name), after.namespaces.get(name)];
  if (was === is && before.clusterPolicies === after.clusterPolicies) return true;
  if (!was || !is || was.pods !== is.pods || was.namespace !== is.namespace) return false;
  const counts = (policy: Policy): boolean => direction === undefined || policy.isolates[direction] || policy.rules[direction].length > 0;
  const [old, now] = [policiesFor(before, was.namespace).list.filter(counts), policiesFor(after, is.namespace).list.filter(counts)];
  return old.length === now.length && old.every((policy, i) => policy === now[i]);
}
