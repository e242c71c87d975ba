import { textOnce } from "../engine/connectivity.js";
import { survey, type Party, type Survey, type SurveyOptions } from "../engine/survey.js";
import { workloads, type Workload } from "../engine/workloads.js";
import type { Snapshot } from "../model/snapshot.js";
import { ALL_PORTS } from "../model/traffic.js";
import type { GraphEdge, GraphNode, GraphView } from "../model/views.js";
import { isolationOf } from "./isolation.js";
import { outsideOf, type OutsideGroup } from "./outside.js";

/** What of a cluster is to be drawn. */
export interface GraphQuestion {
  /** Namespaces whose workloads are drawn one by one. */
  readonly unfold: ReadonlySet<string>;
  /** Only namespaces whose name holds this text. */
  readonly find: string;
}

/** A snapshot made ready for pictures. */
export interface Picture {
  readonly snapshot: Snapshot;
  readonly survey: Survey;
  readonly options: SurveyOptions;
  readonly workloads: ReadonlyMap<string, readonly DrawnWorkload[]>;
}

interface DrawnWorkload extends Workload {
  readonly party: Party;
}

/** `previous` lets two pictures share their work. */
export function pictureOf(snapshot: Snapshot, options: SurveyOptions, previous?: Picture): Picture {
  const surveyed = survey(snapshot, options, previous?.survey);
  const parties = new Map(surveyed.workloads.map((party) => [party.name, party]));
  const byNamespace = new Map<string, DrawnWorkload[]>([...snapshot.namespaces.keys()].sort().map((name) => [name, []]));
  for (const workload of workloads(snapshot)) {
    const party = parties.get(workload.name);
    const known = byNamespace.get(workload.namespace) ?? [];
    if (party) known.push({ ...workload, party });
    byNamespace.set(workload.namespace, known);
  }
  return { snapshot, survey: surveyed, options, workloads: byNamespace };
}

interface Drawn {
  readonly node: GraphNode;
  readonly party: Party;
}

/** At most so many nodes are drawn unless somebody unfolds more. */
const NODES = 300;
/** What one unfolded namespace shows: more are told as a number. */
const UNFOLDED = 200;
/** Past so many workloads of a namespace, those that are the same to every policy are one node. */
const ALIKE_PAST = 30;

/**
 * Who can reach whom: a node per namespace or, unfolded, per workload; one per group of addresses that policies tell apart. Steps
 * between rows, because a large cluster has many; a namespace to itself is told by its workloads only.
 */
export function* graphOf(picture: Picture, { unfold, find }: GraphQuestion): Generator<undefined, GraphView> {
  const { snapshot, survey: { ingressController } } = picture;
  const named = [...picture.workloads].filter(([name]) => unfold.has(name) || name.includes(find));
  const shown = named.filter(([name], i) => i < NODES || unfold.has(name));
  const inside: Drawn[] = [];
  for (const [name, members] of shown) {
    inside.push(...(unfold.has(name) && members.length > 0 ? unfolded(picture, members) : [folded(picture, name, members)]));
    yield;
  }
  const outside = yield* outsideOf(picture.survey, inside.map(({ party }) => party), picture.options);
  const controller: Drawn[] = ingressController ? [{ party: ingressController, node: { ...NOBODY, id: ingressController.name, kind: "ingress-controller", label: "ingress controller" } }] : [];
  const drawn = [...inside, ...controller, ...outside.groups.map(outsideNode)];
  const edges = yield* edgesOf(picture.survey, drawn);
  const left = outside.left + named.length - shown.length + shown.reduce((sum, [name, members]) => sum + (unfold.has(name) ? Math.max(0, grouped(members).length - UNFOLDED) : 0), 0);
  return { nodes: drawn.map(({ node }) => node), edges, total: totalOf(picture, snapshot), left };
}

const NOBODY = { pods: 0, workloads: 0, isolated: { ingress: "none", egress: "none" }, members: [] } as const;

function folded({ snapshot, survey: { joined } }: Picture, name: string, members: readonly DrawnWorkload[]): Drawn {
  const pods = members.flatMap((workload) => workload.pods);
  const node: GraphNode = { id: name, kind: "namespace", label: name, pods: pods.length, workloads: members.length, isolated: isolationOf(snapshot, pods), members: members.slice(0, ALIKE_PAST).map((workload) => workload.name) };
  return { node, party: joined(name, members.map(({ party }) => party)) };
}

function unfolded({ snapshot, survey: { joined } }: Picture, members: readonly DrawnWorkload[]): readonly Drawn[] {
  return grouped(members).slice(0, UNFOLDED).flatMap((group): readonly Drawn[] => {
    const [first] = group;
    if (!first) return [];
    const pods = group.flatMap((workload) => workload.pods);
    const label = group.length === 1 ? shortName(first) : `${shortName(first)} + ${group.length - 1} alike`;
    const node: GraphNode = { id: first.name, kind: "workload", label, namespace: first.namespace, pods: pods.length, workloads: group.length, isolated: isolationOf(snapshot, pods), members: group.map(({ name }) => name) };
    return [{ node, party: joined(first.name, group.map(({ party }) => party)) }];
  });
}

/** Workloads that policies cannot tell apart, once a namespace has many. */
function grouped(members: readonly DrawnWorkload[]): readonly (readonly DrawnWorkload[])[] {
  if (members.length <= ALIKE_PAST) return members.map((member) => [member]);
  const groups = new Map<string, DrawnWorkload[]>();
  for (const member of members) {
    const key = member.party.ends.map((end) => `${end.families} ${end.classIn(0).id} ${end.classIn(4).id} ${end.classIn(6).id}`).sort().join();
    groups.set(key, [...(groups.get(key) ?? []), member]);
  }
  return [...groups.values()];
}

/** `web` of `shop/web[Deployment]`. */
export function shortName({ name, namespace }: Pick<Workload, "name" | "namespace">): string {
  return name.slice(namespace.length + 1).replace(/\[\w+\]$/, "");
}

function outsideNode({ party, ranges, isRest }: OutsideGroup): Drawn {
  const [first = ""] = ranges;
  const label = isRest ? "all other addresses" : ranges.length === 1 ? first : `${first} + ${ranges.length - 1} more`;
  return { party, node: { ...NOBODY, id: `outside ${ranges.join()}`, kind: "external", label, members: ranges } };
}

function* edgesOf({ between }: Survey, drawn: readonly Drawn[]): Generator<undefined, readonly GraphEdge[]> {
  const text = textOnce();
  const edges: GraphEdge[] = [];
  for (const { node: from, party: src } of drawn) {
    for (const { node: to, party: dst } of drawn) {
      const traffic = from.id === to.id ? undefined : between(src, dst);
      if (!traffic || traffic.isEmpty) continue;
      const open = traffic.covers(ALL_PORTS) && from.isolated.egress === "none" && to.isolated.ingress === "none";
      edges.push({ from: from.id, to: to.id, ports: text(traffic), open });
    }
    yield;
  }
  return edges;
}

function totalOf({ workloads: byNamespace }: Picture, snapshot: Snapshot): GraphView["total"] {
  const all = [...byNamespace.values()].flat();
  return { namespaces: snapshot.namespaces.size, workloads: all.length, pods: all.reduce((sum, { pods }) => sum + pods.length, 0), policies: [...snapshot.policies()].length };
}
