import type { Pod } from "../model/endpoint.js";
import { each, FALSE, not, type Formula } from "./formula.js";
import type { TrafficSet } from "../model/traffic.js";
import { isSamePod, type Party } from "./party.js";
import type { Flow, FlowPeer, FlowTarget, PodSpace } from "./question.js";
import { addressPoints, trafficPoints } from "./symbolic-cells.js";
import { allowed, type Cell } from "./symbolic-verdict.js";
import type { View } from "./view.js";

/** The peers of a flow as parties of one view, and which running pods of its spaces are to be told from the hypothetical one. */
export interface Stage {
  readonly flow: Flow;
  /** By `slotId`. */
  readonly slots: ReadonlyMap<string, Slot>;
}

/** A space as peer: one pod nobody has created yet, or one of the running ones that rules could treat differently. */
export interface Slot {
  readonly party: Extract<Party, { kind: "space" }>;
  readonly running: readonly Pod[];
  /** "The peer is this one": a running pod by its name, or `HYPOTHETICAL`. */
  readonly isPicked: (option: string) => Formula;
}

export const HYPOTHETICAL = "(hypothetical)";

export function slotId(target: number, peer: number): string {
  return `peer ${target}.${peer}`;
}

/** The cells of one peer: `trafficPoints` of each of its addresses, or of the pod. */
interface PeerCells {
  readonly groups: Iterable<readonly Cell[]>;
  /** One group is enough. */
  readonly some: boolean;
}

/**
 * "The flow holds for the subject": some alternative is allowed in full. A target without peers or traffic demands
 * nothing; so does a flow without alternatives (its peer is unset).
 */
export function flowHolds(view: View, stage: Stage, subject: Party): Formula {
  const { formulas } = view.inquiry;
  const { anyOf } = stage.flow;
  if (anyOf.length === 0) return not(FALSE);
  return formulas.or(each(anyOf.keys(), (target) => targetHolds(view, { stage, subject, target })));
}

interface TargetQuestion {
  readonly stage: Stage;
  readonly subject: Party;
  readonly target: number;
}

function targetHolds(view: View, question: TargetQuestion): Formula {
  const { formulas } = view.inquiry;
  const target = question.stage.flow.anyOf[question.target] as FlowTarget;
  return formulas.and(each(target.peers.entries(), ([index, peer]) => {
    const slot = question.stage.slots.get(slotId(question.target, index));
    if (!slot) return cellsHold(view, cellsOf([view], question, peer));
    return formulas.and(each(optionsOf(slot), ([option, party]) => formulas.or([not(slot.isPicked(option)), cellsHold(view, cellsTo([view], question, party))])));
  }));
}

/**
 * "Some pod of the subject reaches a peer on some of the traffic" in the first view and in none of the others: what a
 * forbidden flow must not be, or must not become.
 */
export function flowReaches(views: readonly [View, ...View[]], stage: Stage, subject: Party): Formula {
  const { formulas } = views[0].inquiry;
  return formulas.or(each(stage.flow.anyOf.entries(), ([target, { peers }]) =>
    formulas.or(each(peers.entries(), ([index, peer]) => {
      const slot = stage.slots.get(slotId(target, index));
      const question = { stage, subject, target };
      if (!slot) return cellsReach(views, cellsOf(views, question, peer));
      return formulas.or(each(optionsOf(slot), ([option, party]) => formulas.and([slot.isPicked(option), cellsReach(views, cellsTo(views, question, party))])));
    }))));
}

type Peerage = Pod | Extract<Party, { kind: "space" }>;

function optionsOf({ party, running }: Slot): readonly (readonly [string, Peerage])[] {
  return [[HYPOTHETICAL, party], ...running.map((pod) => [pod.name, pod] as const)];
}

function cellsHold(view: View, { groups, some }: PeerCells): Formula {
  const { formulas } = view.inquiry;
  const inFull = (cells: readonly Cell[]): Formula => formulas.and(each(cells, (cell) => allowed(view, cell)));
  return some ? formulas.or(each(groups, inFull)) : formulas.and(each(groups, inFull));
}

function cellsReach([now, ...before]: readonly [View, ...View[]], { groups }: PeerCells): Formula {
  const { formulas } = now.inquiry;
  const opened = (cell: Cell): Formula => formulas.and([allowed(now, cell), ...before.map((view) => not(allowed(view, inView(view, cell))))]);
  return formulas.or(each(groups, (cells) => formulas.or(each(cells, opened))));
}

function inView(view: View, { src, dst, point }: Cell): Cell {
  return { src: view.seen(src), dst: view.seen(dst), point };
}

/** The cells of a pod as peer; `views` are all those whose rules cut the cells, the first being the one the parties are of. */
function cellsTo(views: readonly [View, ...View[]], question: TargetQuestion, peer: Peerage): PeerCells {
  const party = "kind" in peer ? peer : views[0].party(peer);
  // "Self traffic cannot be blocked": never gate on it (S14).
  return { groups: isSamePod(question.subject, party) ? [] : [cellsBetween(views, question, party)], some: false };
}

/** The cells of a peer that is no slot. */
export function cellsOf(views: readonly [View, ...View[]], question: TargetQuestion, peer: FlowPeer): PeerCells {
  if (peer.kind === "pod") return cellsTo(views, question, peer.pod);
  if (peer.kind === "space") return { groups: [], some: false };
  const { flow } = question.stage;
  const some = flow.anyOf[question.target]?.some === true;
  const addresses = addressPoints(peer.addresses, views.map((view) => view.end(view.seen(question.subject), flow.direction)));
  return { groups: addresses.map((address) => cellsBetween(views, question, { kind: "address", address })), some: some && addresses.length > 0 };
}

function cellsBetween(views: readonly [View, ...View[]], { stage, subject, target }: TargetQuestion, peer: Party): readonly Cell[] {
  const { flow } = stage;
  const [src, dst] = flow.direction === "egress" ? [subject, peer] : [peer, subject];
  const ends = views.flatMap((view) => [view.end(view.seen(src), "egress"), view.end(view.seen(dst), "ingress")]);
  return trafficPoints(trafficTo(flow.anyOf[target] as FlowTarget, dst), ends, dst).map((point) => ({ src, dst, point }));
}

function trafficTo({ traffic }: FlowTarget, dst: Party): TrafficSet {
  if (typeof traffic !== "function") return traffic;
  if (dst.kind === "address") throw new Error("traffic by destination pod needs a pod as destination");
  return traffic(dst.kind === "pod" ? dst.pod : hypotheticalPod(dst.space));
}

/** A pod of the space that nobody has created yet, before its labels are known. */
export function hypotheticalPod({ namespace, ports }: PodSpace): Pod {
  const name = "name" in namespace ? namespace.name : "";
  return { namespace: name, name: "hypothetical", labels: {}, addresses: [], ports, hostNetwork: false, finished: false, origin: "hypothetical" };
}
