import type { Pod } from "../model/endpoint.js";
import type { TrafficSet } from "../model/traffic.js";
import { each, FALSE, not, TRUE, type Formula } from "./formula.js";
import { isSamePod, type Party } from "./party.js";
import type { Flow, FlowPeer, FlowTarget, PodSpace } from "./question.js";
import { addressPoints, trafficPoints } from "./symbolic-cells.js";
import { allowed, type Cell } from "./symbolic-verdict.js";
import type { View } from "./view.js";

export type SpaceParty = Extract<Party, { kind: "space" }>;

/** A flow with its spaces as peers made concrete as far as need be. */
export interface Stage {
  readonly flow: Flow;
  /** By `slotId`. */
  readonly slots: ReadonlyMap<string, Slot>;
}

/** A space as peer: one pod nobody has created yet, or one of the running ones that rules could treat differently. */
export interface Slot {
  readonly party: SpaceParty;
  readonly running: readonly Pod[];
  /** Could there be a pod that nobody has created yet? */
  readonly isInhabited: boolean;
  /** "The peer is this one": a running pod by its name, or `HYPOTHETICAL`. */
  readonly isPicked: (option: string) => Formula;
}

export const HYPOTHETICAL = "(hypothetical)";

export function slotId(target: number, peer: number): string {
  return `peer ${target}.${peer}`;
}

/** The connections of one peer, by address or pod. */
interface PeerCells {
  readonly groups: readonly (readonly Cell[])[];
  /** One group is enough. */
  readonly some: boolean;
  /** The peer is this one of several. */
  readonly picked: Formula;
  /** The subject itself: never picked as its own peer. */
  readonly isSelf?: boolean;
}

/** All connections that a flow is about for one subject, cut by the rules of every view: the same ones are asked about in each. */
export type Scene = readonly (readonly PeerCells[])[];

export interface SceneOptions {
  /** The first is the one the parties are of. */
  readonly views: readonly [View, ...View[]];
  readonly stage: Stage;
  readonly subject: Party;
  /** true: addresses are not cut where the end's rules only accept. What holds so does hold; the opposite does not follow. */
  readonly coarse?: boolean;
}

/** By target: the cells of each peer. */
export function setScene(options: SceneOptions): Scene {
  const { stage } = options;
  return stage.flow.anyOf.map((target, t) => target.peers.flatMap((peer, p) => {
    const slot = stage.slots.get(slotId(t, p));
    return slot ? slotCells(options, target, slot) : [peerCells(options, target, peer)];
  }));
}

function slotCells(options: SceneOptions, target: FlowTarget, { party, running, isPicked }: Slot): readonly PeerCells[] {
  const pods = running.map((pod): PeerCells => {
    const party = options.views[0].party(pod);
    return { ...podCells(options, target, party), picked: isPicked(pod.name), isSelf: isSamePod(options.subject, party) };
  });
  return [{ ...podCells(options, target, party), picked: isPicked(HYPOTHETICAL) }, ...pods];
}

function peerCells(options: SceneOptions, target: FlowTarget, peer: FlowPeer): PeerCells {
  if (peer.kind === "pod") return podCells(options, target, options.views[0].party(peer.pod));
  if (peer.kind === "space") throw new Error("internal: a space needs a slot");
  const { views, stage, subject, coarse } = options;
  const ends = views.map((view) => view.end(view.seen(subject), stage.flow.direction));
  if (coarse && ends.every((end) => end.tiers.every((tier) => tier.acceptsOnly))) {
    return { groups: [cellsBetween(options, target, { kind: "range", addresses: peer.addresses })], some: false, picked: TRUE };
  }
  const addresses = addressPoints(peer.addresses, ends);
  const groups = addresses.map((address) => cellsBetween(options, target, { kind: "address", address }));
  return { groups, some: target.some === true && groups.length > 0, picked: TRUE };
}

function podCells(options: SceneOptions, target: FlowTarget, party: Party): PeerCells {
  // "Self traffic cannot be blocked": never gate on it (S14).
  return { groups: isSamePod(options.subject, party) ? [] : [cellsBetween(options, target, party)], some: false, picked: TRUE };
}

function cellsBetween({ views, stage, subject }: SceneOptions, target: FlowTarget, peer: Party): readonly Cell[] {
  const [src, dst] = stage.flow.direction === "egress" ? [subject, peer] : [peer, subject];
  const ends = views.flatMap((view) => [view.end(view.seen(src), "egress"), view.end(view.seen(dst), "ingress")]);
  return trafficPoints(trafficTo(target, dst), ends, views.map((view) => view.seen(dst))).map((point) => ({ src, dst, point }));
}

function trafficTo({ traffic }: FlowTarget, dst: Party): TrafficSet {
  if (typeof traffic !== "function") return traffic;
  if (dst.kind === "address" || dst.kind === "range") throw new Error("traffic by destination pod needs a pod as destination");
  return traffic(dst.kind === "pod" ? dst.pod : hypotheticalPod(dst.space));
}

/**
 * "The flow does not hold" in the first view, and held in the others. It holds when some alternative is allowed in full. A target
 * without peers or traffic demands nothing; so does a flow without alternatives.
 */
export function flowBreaks([now, ...before]: readonly [View, ...View[]], scene: Scene): Formula {
  const broken = not(flowHolds(now, scene));
  if (broken === FALSE) return FALSE;
  const selves = scene.flat().filter(({ isSelf }) => isSelf);
  return now.inquiry.formulas.and([broken, ...before.map((view) => flowHolds(view, scene)), ...selves.map(({ picked }) => not(picked))]);
}

function flowHolds(view: View, scene: Scene): Formula {
  const { formulas } = view.inquiry;
  const isAllowed = (cell: Cell): Formula => allowed(view, inView(view, cell));
  const groupHolds = (cells: readonly Cell[]): Formula => formulas.and(each(cells, isAllowed));
  const peerHolds = ({ groups, some, picked }: PeerCells): Formula => {
    const holds = some ? formulas.or(each(groups, groupHolds)) : formulas.and(each(groups, groupHolds));
    return formulas.or([not(picked), holds]);
  };
  if (scene.length === 0) return TRUE;
  return formulas.or(each(scene, (peers) => formulas.and(each(peers, peerHolds))));
}

/** "The subject reaches a peer on some of the traffic" in the first view and not in the others: what a forbidden flow must not be, or become. */
export function flowReaches([now, ...before]: readonly [View, ...View[]], scene: Scene): Formula {
  const { formulas } = now.inquiry;
  const opened = (cell: Cell): Formula => formulas.and([allowed(now, cell), ...before.map((view) => not(allowed(view, inView(view, cell))))]);
  const peerReached = ({ groups, picked }: PeerCells): Formula => formulas.and([picked, formulas.or(each(groups.flat(), opened))]);
  return formulas.or(each(scene.flat(), peerReached));
}

/** A cell as another view sees its ends. */
export function inView(view: View, { src, dst, point }: Cell): Cell {
  return { src: view.seen(src), dst: view.seen(dst), point };
}

/** A pod of the space that nobody has created yet, before its labels are known. */
export function hypotheticalPod({ namespace, ports }: PodSpace): Pod {
  const name = "name" in namespace ? namespace.name : "";
  return { namespace: name, name: "hypothetical", labels: {}, addresses: [], ports, hostNetwork: false, finished: false, origin: "hypothetical" };
}
