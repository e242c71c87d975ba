import { namespaceLabels, NAME_LABEL, type Endpoint, type Namespace, type Pod } from "../model/endpoint.js";
import type { Snapshot } from "../model/snapshot.js";
import { evaluate } from "../engine/evaluate.js";
import type { FlowCase } from "./flow-question.js";
import type { Variable } from "./formula.js";
import { isFuture, namespaceIn, type Inquiry } from "./inquiry.js";
import type { Party } from "./party.js";
import type { Counterexample, Flow, FlowPeer } from "./question.js";
import { HYPOTHETICAL, hypotheticalPod, inView, setScene, slotId, type Scene, type SpaceParty, type Stage } from "./symbolic-flow.js";
import type { Cell } from "./symbolic-verdict.js";
import { View } from "./view.js";

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
  const everyone = [subject, ...peers.values()];
  // The budget bounds the search, never the check of what it found.
  const check = question.inquiry.unlimited();
  const now = new View(check, insert(question.present.snapshot, everyone), "present");
  const past = question.past && new View(check, insert(question.past.snapshot, everyone), "past");
  const concrete: Stage = { flow: withPeers(stage.flow, peers), slots: new Map() };
  const scene = setScene({ views: past ? [now, past] : [now], stage: concrete, subject: now.party(subject.pod) });
  const connection = question.mode === "excludes" ? opened(scene, now, past) : broken(scene, now, past);
  if (!connection) throw unconfirmed(subject.pod);
  return { subject: subject.pod, subjectNamespace: subject.namespace, connection, ...madeUpNamespace(question, connection, peers) };
}

function madeUpNamespace({ present }: FlowCase, { src, dst }: Connected, peers: ReadonlyMap<string, Found>): Pick<Counterexample, "peerNamespace"> {
  const ends = [src, dst].flatMap((end) => (end.kind === "pod" ? [end.pod] : []));
  const peer = [...peers.values()].find(({ pod, namespace }) => ends.includes(pod) && !present.snapshot.namespaces.has(namespace.name));
  return peer ? { peerNamespace: peer.namespace } : {};
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
    // Nobody can be in the space: it demands nothing.
    if (picked === undefined) continue;
    const running = slot.running.find((pod) => pod.name === picked);
    out.set(id, running ? { pod: running, namespace: present.snapshot.namespace(running.namespace) } : makePod(present, slot.party, { values, name: `hypothetical-${id.replace(/\W+/g, "-")}` }));
  }
  return out;
}

function withPeers(flow: Flow, peers: ReadonlyMap<string, Found>): Flow {
  const anyOf = flow.anyOf.map((target, t) => ({
    ...target,
    peers: target.peers.flatMap((peer, p): readonly FlowPeer[] => {
      const found = peers.get(slotId(t, p));
      if (found) return [{ kind: "pod", pod: found.pod }];
      return peer.kind === "space" ? [] : [peer];
    }),
  }));
  return { ...flow, anyOf };
}

/** The first denied connection of the first target, when every target has one; and some target had none before. */
function broken(scene: Scene, now: View, past: View | undefined): Connected | undefined {
  const denied = scene.map((target) => firstDenied(target, now));
  const held = !past || scene.some((target) => firstDenied(target, past) === undefined);
  return held && denied.every((connection) => connection !== undefined) ? denied[0] : undefined;
}

function firstDenied(target: Scene[number], view: View): Connected | undefined {
  for (const { groups, some } of target) {
    const denied = groups.map((cells) => firstOf(cells, (cell) => judge(view, cell), ({ verdict }) => !verdict.allowed));
    const failing = some && denied.includes(undefined) ? undefined : denied.find((connection) => connection !== undefined);
    if (failing) return failing;
  }
  return undefined;
}

/** The first connection allowed now that was not before. */
function opened(scene: Scene, now: View, past: View | undefined): Connected | undefined {
  const cells = scene.flatMap((target) => target.flatMap(({ groups }) => groups.flat())).filter((cell) => !past || !judge(past, cell).verdict.allowed);
  return firstOf(cells, (cell) => judge(now, cell), ({ verdict }) => verdict.allowed);
}

function firstOf<T, U>(items: readonly T[], make: (item: T) => U, fits: (made: U) => boolean): U | undefined {
  for (const item of items) {
    const made = make(item);
    if (fits(made)) return made;
  }
  return undefined;
}

type Connected = NonNullable<Counterexample["connection"]>;

function judge(view: View, cell: Cell): Connected {
  const seen = inView(view, cell);
  const [src, dst] = [endpoint(seen.src), endpoint(seen.dst)];
  return { src, dst, traffic: cell.point, verdict: evaluate(view.snapshot, { src, dst, traffic: cell.point }, view.inquiry.profile) };
}

/** A party that is one pod or one address, as the judge sees it. */
export function endpoint(party: Party): Endpoint {
  if (party.kind === "space" || party.kind === "range") throw new Error("internal: many ends are no endpoint");
  return party.kind === "pod" ? { kind: "pod", pod: party.pod } : party;
}
