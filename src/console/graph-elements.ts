import type { ElementDefinition } from "cytoscape";
import type { GraphEdge, GraphNode, GraphView } from "../model/views.js";
import { portsText } from "./parts.js";

/** Past so many edges a picture is a carpet: they are drawn straight and thin. */
const MANY = 220;
/** Past so many, edges show their ports only when somebody asks. */
const TOLD = 24;

/** Edges that are drawn without being asked for: what passes because nobody said anything would hide what somebody allowed. */
export function drawnEdges({ edges }: GraphView, showOpen: boolean): readonly GraphEdge[] {
  return showOpen ? edges : edges.filter(({ open }) => !open);
}

/** A graph as cytoscape takes it. */
export function elementsOf(view: GraphView, showOpen: boolean): ElementDefinition[] {
  const edges = bothWays(drawnEdges(view, showOpen));
  const boxes = [...new Set(view.nodes.flatMap(({ namespace }) => namespace ?? []))];
  return [
    ...boxes.map((name): ElementDefinition => ({ group: "nodes", data: { id: `box ${name}`, label: name, width: 60 }, classes: "box" })),
    ...view.nodes.map(nodeElement),
    ...edges.map((edge) => edgeElement(edge, edges.length)),
  ];
}

interface DrawnEdge extends GraphEdge {
  /** The other way round is the same. */
  readonly both: boolean;
}

/** One line for two edges that say the same of both directions. */
function bothWays(edges: readonly GraphEdge[]): readonly DrawnEdge[] {
  const keyOf = (from: string, { to, ports, open }: GraphEdge): string => JSON.stringify([from, to, ports, open]);
  const known = new Set(edges.map((edge) => keyOf(edge.from, edge)));
  return edges.flatMap((edge) => {
    const both = known.has(keyOf(edge.to, { ...edge, to: edge.from }));
    return both && edge.to < edge.from ? [] : [{ ...edge, both }];
  });
}

function nodeElement(node: GraphNode): ElementDefinition {
  const { id, label, namespace } = node;
  return { group: "nodes", data: { id, label, width: Math.min(170, Math.max(64, label.length * 7 + 22)), ...(namespace !== undefined && { parent: `box ${namespace}` }) }, classes: postureOf(node) };
}

/** How closed it is, as a class: `closed`, `half`, `free`; `external` for what policies do not select. */
export function postureOf({ kind, pods, isolated: { ingress, egress } }: GraphNode): string {
  if (kind === "external" || kind === "ingress-controller") return "external";
  if (pods === 0) return "empty";
  if (ingress === "all" && egress === "all") return "closed";
  return ingress === "none" && egress === "none" ? "free" : "half";
}

function edgeElement({ from, to, ports, open, both }: DrawnEdge, total: number): ElementDefinition {
  const classes = [open ? "open" : ports === "All Connections" ? "every" : "", both ? "both" : "", total > MANY ? "many" : "", total <= TOLD && ports !== "All Connections" ? "told" : ""];
  return { group: "edges", data: { id: `${from} > ${to}`, source: from, target: to, ports: portsText(ports) }, classes: classes.filter((name) => name !== "").join(" ") };
}
