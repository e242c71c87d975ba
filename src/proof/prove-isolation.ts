import type { Pod } from "../model/endpoint.js";
import { DIRECTIONS, type Direction } from "../model/policy.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_TRAFFIC } from "../model/traffic.js";
import { IpSet, type Address } from "../sets/ip-set.js";
import { evaluateEnd } from "../engine/evaluate.js";
import { each, FALSE, not, TRUE, type Formula } from "./formula.js";
import { isSameNamespace } from "./flow-case.js";
import { Inquiry, isFuture, type ProofContext } from "./inquiry.js";
import { minimise } from "./minimise.js";
import { familyOf, nodesOf, type Party } from "./party.js";
import type { Counterexample, PodSpace, Proof } from "./question.js";
import { crowdOf, groupBySight, runningPods } from "./running.js";
import { addressPoints, trafficPoints } from "./symbolic-cells.js";
import type { SpaceParty } from "./symbolic-flow.js";
import { acceptedByDefault, type Cell } from "./symbolic-verdict.js";
import { View, type End } from "./view.js";
import { endpoint, insert, makePod, unconfirmed, type Found } from "./witness.js";

/**
 * Isolation by meaning. A pod is isolated in a direction iff a policy isolates it in a tier that denies by default (every
 * NetworkPolicy that selects it and lists the direction, S2), or else no stranger's connection is accepted *by default*, that is
 * without any rule deciding: so an admin or baseline tier that decides about everyone counts too. Strangers are a pod without
 * labels in a namespace nobody mentions, and every address; on any traffic.
 * A rule that accepts everyone isolates by letter only, and counts (packs say what that means).
 */
export interface IsolationQuestion {
  readonly space: PodSpace;
  readonly directions: readonly Direction[];
  readonly context: ProofContext;
}

/** Proven iff every pod of the space, running or not yet created, is isolated in all of the directions. */
export function isolated(snapshot: Snapshot, question: IsolationQuestion): Proof {
  return new Isolation(question, snapshot, undefined).prove();
}

/** Proven iff no pod exists or could exist that was isolated in one of the directions before and is not after. */
export function isolationRegression(before: Snapshot, after: Snapshot, question: IsolationQuestion): Proof {
  if (isUnchanged(before, after, question.space)) return { answer: "proven", steps: 0 };
  return new Isolation(question, after, before).prove();
}

function isUnchanged(before: Snapshot, after: Snapshot, { namespace }: PodSpace): boolean {
  if (before.nodes !== after.nodes) return false;
  return isFuture(namespace) ? before.clusterPolicies === after.clusterPolicies : isSameNamespace(before, after, namespace);
}

/** No namespace can have this name, so no selector mentions it. */
const NOWHERE = "(any other namespace)";
const STRANGER: Party = {
  kind: "pod",
  addresses: [],
  pod: { namespace: NOWHERE, name: "stranger", labels: {}, addresses: [], ports: [], hostNetwork: false, finished: false, origin: "hypothetical" },
};

/** One question at work. */
class Isolation {
  private readonly question: IsolationQuestion;
  private readonly inquiry: Inquiry;
  private readonly now: View;
  private readonly past: View | undefined;
  private readonly party: SpaceParty;

  constructor(question: IsolationQuestion, after: Snapshot, before: Snapshot | undefined) {
    this.question = question;
    this.inquiry = new Inquiry(question.context, before ? [after, before] : [after]);
    this.now = new View(this.inquiry, after, "present");
    this.past = before && new View(this.inquiry, before, "past");
    this.party = { kind: "space", id: "subject", space: question.space };
  }

  prove(): Proof {
    const { formulas, meter } = this.inquiry;
    const root = this.inquiry.isInhabited(this.party) ? formulas.or(each(this.question.directions, (direction) => this.escapes(this.party, direction))) : FALSE;
    const exhausted = meter.exhausted;
    const solution = exhausted ? { answer: "unknown" as const } : root === FALSE ? { answer: "unsatisfiable" as const } : this.inquiry.solve(root);
    if (solution.answer === "unknown") meter.renew();
    const running = this.firstRunning(solution.answer === "unsatisfiable" ? "different" : "all");
    const steps = (): number => Math.ceil(meter.steps);
    if (running) return { answer: "counterexample", counterexample: running, steps: steps() };
    if (solution.answer === "unknown" || meter.exhausted) return { answer: "not-proven", steps: steps() };
    if (solution.answer === "unsatisfiable") return { answer: "proven", steps: steps() };
    const values = minimise(this.inquiry, root, { values: solution.values, parties: [this.party] });
    const found = makePod(this.now, this.party, { values, name: "hypothetical" });
    return { answer: "counterexample", counterexample: this.confirmed(found), steps: steps() };
  }

  /** "Not isolated now, and isolated before." */
  private escapes(party: Party, direction: Direction): Formula {
    const now = this.open(this.now, party, direction);
    if (now === FALSE || !this.past) return now;
    return this.inquiry.formulas.and([now, not(this.open(this.past, this.past.seen(party), direction))]);
  }

  /** "No policy isolates the pod, and some stranger is accepted by default." */
  private open(view: View, party: Party, direction: Direction): Formula {
    const { formulas } = this.inquiry;
    const end = view.end(party, direction);
    const isIsolated = formulas.or(isolating(end).map(({ selects }) => selects));
    if (isIsolated === TRUE) return FALSE;
    // Policies that isolate decide nothing for pods they do not select; only rules of the others could decide about a stranger.
    const byDefault = decidesElsewhere(end) ? formulas.or(each(strangerCells(end), (cell) => acceptedByDefault(view, cell, direction))) : TRUE;
    return formulas.and([not(isIsolated), byDefault]);
  }

  /** Rules see the declared ports of a running pod, and a change may have relabelled it: else the hypothetical pod stands for it. */
  private firstRunning(which: "different" | "all"): Counterexample | undefined {
    const pods = runningPods(this.now.snapshot, this.question.space);
    const views = this.past ? [this.now, this.past] : [this.now];
    const ports = views.some((view) => view.end(this.party, "ingress").namesPorts);
    const relabelled = (pod: Pod): boolean => this.past !== undefined && this.past.actual(pod) !== pod;
    const look = which === "all" || ports ? pods : pods.filter(relabelled);
    const sight = { keys: this.inquiry.readAmong(this.party, crowdOf(this.now.snapshot, this.question.space).keys), blocks: [], ports, serves: [], node: false };
    for (const [pod] of groupBySight(look, sight, relabelled)) {
      const party = this.now.party(pod);
      const isOut = this.question.directions.some((direction) => this.escapes(party, direction) === TRUE);
      if (this.inquiry.meter.exhausted) return undefined;
      if (isOut) return this.confirmed({ pod, namespace: this.now.snapshot.namespace(pod.namespace) });
    }
    return undefined;
  }

  /** The judge must find a stranger that is accepted by default now, and none before. */
  private confirmed(found: Found): Counterexample {
    const check = this.inquiry.unlimited();
    const now = new View(check, insert(this.now.snapshot, [found]), "present");
    const past = this.past && new View(check, insert(this.past.snapshot, [found]), "past");
    const direction = DIRECTIONS.filter((d) => this.question.directions.includes(d)).find((d) => isOpen(now, found.pod, d) && !(past && isOpen(past, found.pod, d)));
    if (!direction) throw unconfirmed(found.pod);
    return { subject: found.pod, subjectNamespace: found.namespace, direction };
  }
}

/** The policies that select the end, isolate it, and deny what no rule decides. */
function isolating({ tiers, direction }: End): End["tiers"][number]["groups"][number] {
  return tiers.filter(({ tier }) => tier.defaultAction === "Deny").flatMap(({ groups }) => groups.flat().filter(({ policy }) => policy.isolates[direction]));
}

function decidesElsewhere({ tiers, direction }: End): boolean {
  return tiers.some(({ tier, groups }) => groups.flat().some(({ policy }) => policy.rules[direction].length > 0 && !(tier.defaultAction === "Deny" && policy.isolates[direction])));
}

function* strangerCells(end: End): Iterable<Cell> {
  const { party, direction } = end;
  // "Traffic from the pod's own node is always allowed" (S13): the node is no stranger.
  const isOwnNode = (address: Address): boolean => party.kind === "pod" && nodesOf(end.view.snapshot, { kind: "address", address }, familyOf(address)).some(({ name }) => name === party.pod.nodeName);
  const usable = addressPoints(IpSet.ALL, [end]).filter((address) => !isOwnNode(address));
  for (const stranger of [STRANGER, ...usable.map((address): Party => ({ kind: "address", address }))]) {
    const [src, dst] = direction === "egress" ? [party, stranger] : [stranger, party];
    for (const point of trafficPoints(ALL_TRAFFIC, [end], [dst])) yield { src, dst, point };
  }
}

/** `open`, by the judge. */
function isOpen(view: View, pod: Pod, direction: Direction): boolean {
  const end = view.end(view.party(pod), direction);
  if (isolating(end).some(({ selects }) => selects === TRUE)) return false;
  for (const { src, dst, point } of strangerCells(end)) {
    const verdict = evaluateEnd(view.snapshot, { src: endpoint(src), dst: endpoint(dst), traffic: point }, { ...view.inquiry.profile, direction });
    if (verdict.reason === "default") return true;
  }
  return false;
}
