import cytoscape, { type Core, type LayoutOptions, type NodeSingular } from "cytoscape";
import fcose from "cytoscape-fcose";
import type { GraphView } from "../model/views.js";
import { elementsOf } from "./graph-elements.js";
import { graphStyle } from "./graph-style.js";
import type { Theme } from "./theme.js";

cytoscape.use(fcose);

export interface GraphListener {
  /** Somebody chose a node, or none. */
  chosen(id: string | undefined): void;
  /** Somebody wants to see what is in it. */
  opened(id: string): void;
}

/** The picture on its canvas. What is drawn keeps its place when more is drawn. */
export class GraphCanvas {
  readonly #core: Core;
  #chosen: string | undefined;

  constructor(container: HTMLElement, listener: GraphListener) {
    this.#core = cytoscape({ container, minZoom: 0.08, maxZoom: 3, boxSelectionEnabled: false, autoungrabify: false, pixelRatio: "auto", hideEdgesOnViewport: false });
    this.#core.on("tap", (event) => {
      const node = event.target === this.#core ? undefined : (event.target as NodeSingular);
      if (node === undefined || node.isNode()) listener.chosen(node?.hasClass("box") ? node.id().slice("box ".length) : node?.id());
    });
    this.#core.on("dbltap", "node", (event) => listener.opened((event.target as NodeSingular).id()));
  }

  theme(theme: Theme): void {
    this.#core.style(graphStyle(theme));
  }

  /** Draws a graph. Nodes that were there keep about where they were. */
  show(view: GraphView, showOpen: boolean): void {
    const core = this.#core;
    const places = new Map(core.nodes().map((node) => [node.id(), { ...node.position() }]));
    core.batch(() => {
      core.elements().remove();
      core.add(elementsOf(view, showOpen));
    });
    core.nodes().forEach((node, i) => void node.position(places.get(node.id()) ?? spread(i, core.nodes().length)));
    core.layout(layoutFor(core)).run();
    core.fit(undefined, 24);
    this.choose(this.#chosen, view);
  }

  /** Brings out a node with what it reaches and what reaches it. */
  choose(id: string | undefined, view: GraphView): void {
    const core = this.#core;
    this.#chosen = id;
    const node = id === undefined ? core.collection() : core.getElementById(id).union(core.getElementById(`box ${id}`));
    core.batch(() => {
      core.elements(".asked").remove();
      core.elements().removeClass("faded near chosen");
      if (node.empty() || id === undefined) return;
      const drawn = new Set(core.edges().toArray().flatMap((edge) => [edge.id(), ...(edge.hasClass("both") ? [`${edge.target().id()} > ${edge.source().id()}`] : [])]));
      const asked = { ...view, nodes: [], edges: view.edges.filter(({ from, to }) => (from === id || to === id) && !drawn.has(`${from} > ${to}`)) };
      core.add(elementsOf(asked, true)).addClass("asked");
      const near = node.union(node.descendants());
      const edges = near.connectedEdges();
      core.elements().not(near.union(edges).union(edges.connectedNodes()).union(edges.connectedNodes().parents())).addClass("faded");
      edges.addClass("near");
      node.addClass("chosen");
    });
  }

  /** The next node in reading order, for the keyboard. */
  next(step: 1 | -1): string | undefined {
    const places = this.#core.nodes().filter((node) => !node.isParent()).map((node) => ({ id: node.id(), ...(node as NodeSingular).position() }));
    const ids = places.sort((a, b) => a.x - b.x || a.y - b.y).map(({ id }) => id);
    const at = this.#chosen === undefined ? (step > 0 ? -1 : 0) : ids.indexOf(this.#chosen);
    return ids[(at + step + ids.length) % ids.length];
  }

  zoom(factor: number): void {
    const { width, height } = { width: this.#core.width(), height: this.#core.height() };
    this.#core.zoom({ level: this.#core.zoom() * factor, renderedPosition: { x: width / 2, y: height / 2 } });
  }

  fit(): void {
    this.#core.fit(undefined, 24);
  }

  close(): void {
    this.#core.destroy();
  }
}

/** Where a node begins: on a spiral, so that equal graphs look equal. */
function spread(index: number, total: number): { x: number; y: number } {
  const angle = index * 2.399963;
  const radius = 60 * Math.sqrt(index + 0.5) * (total > 60 ? 1.6 : 1.3);
  return { x: radius * Math.cos(angle) * 1.5, y: radius * Math.sin(angle) };
}

function layoutFor(core: Core): LayoutOptions {
  const large = core.nodes().length > 120;
  const options = {
    name: "fcose", quality: "default", randomize: false, animate: false, fit: true, padding: 24, nodeDimensionsIncludeLabels: true,
    idealEdgeLength: () => (large ? 120 : 190), nodeRepulsion: () => (large ? 9_000 : 60_000), edgeElasticity: () => 0.2, nodeSeparation: 90, gravity: 0.25, gravityRangeCompound: 1.2,
    numIter: large ? 350 : 1_500, tile: true, tilingPaddingVertical: 14, tilingPaddingHorizontal: 14, packComponents: true,
  };
  return options as unknown as LayoutOptions;
}
