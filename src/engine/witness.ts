import { namespaceLabels, NAME_LABEL, type Endpoint, type Namespace, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { evaluate } from "./evaluate.js";
import type { FlowCase } from "./flow-case.js";
import type { Variable } from "./formula.js";
import { isFuture, namespaceIn, type Inquiry } from "./inquiry.js";
import type { Party } from "./party.js";
import type { Counterexample, Flow } from "./question.js";
import { cellsOf, HYPOTHETICAL, hypotheticalPod, slotId, type Stage } from "./symbolic-flow.js";
import type { Cell } from "./symbolic-verdict.js";
import type { Verdict } from "./verdict.js";
import { View } from "./view.js";

type SpaceParty = Extract<Party, { kind: "space" }>;
type Values = ReadonlyMap<Variable, string | undefined>;

/** A pod that a proof made up or found, with its namespace. */
export interface Found {
  readonly pod: Pod;
  readonly namespace: Namespace;
}

/** The pod of a space that a solution's values describe. `name` tells several in one namespace apart. */
export function makePod(view: View, party: SpaceParty, { values, name }: { readonly values: Values; readonly name: string }): Found {
  const { inquiry, snapshot } = view;
  const namespace = namespaceFor(inquiry, snapshot, { party, values });
  const taken = (candidate: string): boolean => snapshot.pod(namespace.name, candidate) !== undefined;
  let free = name;
  for (let i = 2; taken(free); i++) free = `${name}-${i}`;
  return { namespace, pod: { ...hypotheticalPod(party.space), namespace: namespace.name, name: free, labels: inquiry.labelsOf(party, "pod", values) } };
}

function namespaceFor(inquiry: Inquiry, snapshot: Snapshot, { party, values }: { readonly party: SpaceParty; readonly values: Values }): Namespace {
  const { namespace } = party.space;
  if (!isFuture(namespace)) return namespaceIn(snapshot, namespace);
  const labels = inquiry.labelsOf(party, "namespace", values);
  const name = labels[NAME_LABEL] ?? "";
  return { name, labels: namespaceLabels(name, labels), terminating: false };
}

/** A snapshot with pods and namespaces that do not exist in it. */
export function insert(snapshot: Snapshot, found: readonly Found[]): Snapshot {
  const namespaces = found.filter(({ namespace }) => !snapshot.namespaces.has(namespace.name));
  const pods = found.filter(({ pod }) => pod.origin === "hypothetical");
  return snapshot.with([
    ...namespaces.map(({ namespace }) => ({ put: { fact: "namespace" as const, value: namespace } })),
    ...pods.map(({ pod }) => ({ put: { fact: "pod" as const, value: pod } })),
  ]);
}

/**
 * The counterexample that a solution describes, confirmed by the judge: everyone it needs is put into the snapshot, and each
 * connection of the flow is evaluated there.
 */
export function confirmed(question: FlowCase, stage: Stage, { subject, values }: { readonly subject: Found; readonly values: Values }): Counterexample {
  const peers = pickedPeers(question, stage, values);
  const flow = withPeers(stage.flow, peers);
  const everyone = [subject, ...peers.values()];
  const now = judgedFlow(question, new View(question.inquiry, insert(question.present.snapshot, everyone), "present"), { flow, subject: subject.pod });
  const before = question.past && judgedFlow(question, new View(question.inquiry, insert(question.past.snapshot, everyone), "past"), { flow, subject: subject.pod });
  const connection = question.mode === "excludes" ? openedConnection(now, before) : brokenConnection(now, before);
  if (!connection) throw unconfirmed(subject.pod);
  return { subject: subject.pod, subjectNamespace: subject.namespace, connection };
}

/** A proof and the judge disagree: that is a bug of the engine, never an answer. */
export function unconfirmed(pod: Pod): Error {
  return new Error(`internal: the judge does not confirm the counterexample \`${pod.namespace}/${pod.name}\` with labels ${JSON.stringify(pod.labels)}`);
}

function pickedPeers(question: FlowCase, stage: Stage, values: Values): ReadonlyMap<string, Found> {
  const { present, inquiry } = question;
  const out = new Map<string, Found>();
  for (const [id, slot] of stage.slots) {
    const options = [...slot.running.map((pod) => pod.name), HYPOTHETICAL];
    const picked = options.find((option) => inquiry.formulas.evaluate(slot.isPicked(option), (variable) => values.get(variable) ?? options[0]));
    const running = slot.running.find((pod) => pod.name === picked);
    out.set(id, running ? { pod: running, namespace: present.snapshot.namespace(running.namespace) } : makePod(present, slot.party, { values, name: `hypothetical-${id.replace(/\W+/g, "-")}` }));
  }
  return out;
}

function withPeers(flow: Flow, peers: ReadonlyMap<string, Found>): Flow {
  const anyOf = flow.anyOf.map((target, t) => ({
    ...target,
    peers: target.peers.map((peer, p) => {
      const found = peers.get(slotId(t, p));
      return found ? { kind: "pod" as const, pod: found.pod } : peer;
    }),
  }));
  return { ...flow, anyOf };
}

interface Judged extends Cell {
  readonly connection: { readonly src: Endpoint; readonly dst: Endpoint; readonly traffic: number; readonly verdict: Verdict };
}

/** Every connection of the flow by target and peer, each group being one address or pod of the peer. */
type JudgedFlow = readonly { readonly groups: readonly (readonly Judged[])[]; readonly some: boolean }[][];

function judgedFlow(question: FlowCase, view: View, { flow, subject }: { readonly flow: Flow; readonly subject: Pod }): JudgedFlow {
  const stage: Stage = { flow, slots: new Map() };
  const party = view.party(subject);
  // Rules of both snapshots cut the cells, so that both are judged on the same connections.
  const others = (question.past ? [question.past, question.present] : []).filter((other) => other.snapshot !== view.snapshot);
  return flow.anyOf.map((target, t) => target.peers.map((peer) => {
    const { groups, some } = cellsOf([view, ...others], { stage, subject: party, target: t }, peer);
    return { some, groups: [...groups].map((cells) => cells.map((cell) => judged(question, view, cell))) };
  }));
}

function judged({ inquiry }: FlowCase, { snapshot }: View, cell: Cell): Judged {
  const [src, dst] = [endpoint(cell.src), endpoint(cell.dst)];
  const verdict = evaluate(snapshot, { src, dst, traffic: cell.point }, inquiry.profile);
  return { ...cell, connection: { src, dst, traffic: cell.point, verdict } };
}

function endpoint(party: Party): Endpoint {
  if (party.kind === "space") throw new Error("internal: a pod without labels is no endpoint");
  return party.kind === "pod" ? { kind: "pod", pod: party.pod } : party;
}

/** The first denied connection of the first target, when every target has one; and some target had none before. */
function brokenConnection(now: JudgedFlow, before: JudgedFlow | undefined): Judged["connection"] | undefined {
  const denied = now.map(firstDenied);
  const held = before?.some((target) => firstDenied(target) === undefined) ?? true;
  return held && denied.every((connection) => connection !== undefined) ? denied[0] : undefined;
}

function firstDenied(target: JudgedFlow[number]): Judged["connection"] | undefined {
  for (const { groups, some } of target) {
    const denied = groups.map((cells) => cells.find(({ connection }) => !connection.verdict.allowed)?.connection);
    const failing = some && denied.includes(undefined) ? undefined : denied.find((connection) => connection !== undefined);
    if (failing) return failing;
  }
  return undefined;
}

function openedConnection(now: JudgedFlow, before: JudgedFlow | undefined): Judged["connection"] | undefined {
  const all = (flow: JudgedFlow): readonly Judged[] => flow.flatMap((target) => target.flatMap(({ groups }) => groups.flat()));
  const was = before && all(before);
  return all(now).find(({ connection }, i) => connection.verdict.allowed && !was?.[i]?.connection.verdict.allowed)?.connection;
}

