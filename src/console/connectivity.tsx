import { useEffect, useMemo, useRef, useState } from "preact/hooks";
import type { GraphNode, GraphView } from "../model/views.js";
import { known, useAnswer } from "./api.js";
import { GraphCanvas } from "./graph-canvas.js";
import { drawnEdges, postureOf } from "./graph-elements.js";
import { GraphPanel, nameOf } from "./graph-panel.js";
import { count, portsText, Table, Waiting } from "./parts.js";
import type { PageProps } from "./page.js";
import type { Theme } from "./theme.js";

/** Who can reach whom, as a picture and as a table. */
export function Connectivity({ theme, version }: PageProps) {
  const [unfold, setUnfold] = useState<readonly string[]>([]);
  const [find, setFind] = useState("");
  const [showOpen, setShowOpen] = useState(false);
  const [chosen, setChosen] = useState<string>();
  const [asTable, setAsTable] = useState(false);
  const answer = useAnswer<GraphView>("graph", { unfold, find }, version);
  const view = known(answer);
  const fold = (namespace: string): void => setUnfold((before) => (before.includes(namespace) ? before.filter((name) => name !== namespace) : [...before, namespace]));
  const open = (id: string): void => {
    const node = view?.nodes.find((one) => one.id === id);
    if (node?.kind === "namespace" && node.workloads > 0) fold(id);
    else if (node?.namespace !== undefined) fold(node.namespace);
  };
  const node = view?.nodes.find(({ id }) => id === chosen);
  return (
    <>
      <h1>Connectivity</h1>
      <div class="toolbar">
        <label class="field">Find a namespace <input type="search" value={find} onInput={(event) => setFind(event.currentTarget.value)} /></label>
        <label class="check"><input type="checkbox" checked={showOpen} onChange={(event) => setShowOpen(event.currentTarget.checked)} /> open traffic too</label>
        <span class="choice" role="group" aria-label="show as">
          <button type="button" aria-pressed={!asTable} onClick={() => setAsTable(false)}>Picture</button>
          <button type="button" aria-pressed={asTable} onClick={() => setAsTable(true)}>Table</button>
        </span>
        {unfold.length === 0 ? null : <button type="button" onClick={() => setUnfold([])}>Fold all</button>}
        {view ? <span class="hint">{summaryOf(view, showOpen)}</span> : null}
      </div>
      <Waiting answer={answer} />
      {view && asTable ? <EdgeTable view={view} showOpen={showOpen} /> : null}
      {view && !asTable ? (
        <div class="graph-page">
          <Picture view={view} theme={theme} showOpen={showOpen} chosen={chosen} onChoose={setChosen} onOpen={open} />
          {node ? <GraphPanel node={node} view={view} unfolded={node.kind === "workload"} onFold={fold} onChoose={setChosen} /> : <NodeList view={view} onChoose={setChosen} />}
        </div>
      ) : null}
    </>
  );
}

function summaryOf(view: GraphView, showOpen: boolean): string {
  const { namespaces, pods, policies } = view.total;
  const hidden = view.edges.length - drawnEdges(view, showOpen).length;
  return [
    `${count(namespaces, "namespace")}, ${count(pods, "pod")}, ${count(policies, "policy")}`,
    ...(hidden > 0 ? [`${count(hidden, "pair")} of open ends not drawn`] : []),
    ...(view.left > 0 ? [`${view.left.toLocaleString("en")} more not drawn: find them by name`] : []),
  ].join(" · ");
}

interface PictureProps {
  readonly view: GraphView;
  readonly theme: Theme;
  readonly showOpen: boolean;
  readonly chosen: string | undefined;
  onChoose(id: string | undefined): void;
  onOpen(id: string): void;
}

function Picture({ view, theme, showOpen, chosen, onChoose, onOpen }: PictureProps) {
  const place = useRef<HTMLDivElement>(null);
  const canvas = useRef<GraphCanvas>(undefined);
  const listener = useRef({ onChoose, onOpen });
  listener.current = { onChoose, onOpen };
  useEffect(() => {
    if (!place.current) return undefined;
    const made = new GraphCanvas(place.current, { chosen: (id) => listener.current.onChoose(id), opened: (id) => listener.current.onOpen(id) });
    canvas.current = made;
    return () => made.close();
  }, []);
  useEffect(() => canvas.current?.theme(theme), [theme]);
  const shape = useMemo(() => JSON.stringify([view.nodes, view.edges]), [view]);
  useEffect(() => {
    canvas.current?.show(view, showOpen);
    performance.mark("picture");
  }, [shape, showOpen]);
  useEffect(() => canvas.current?.choose(chosen, view), [chosen, shape, showOpen]);
  const onKey = (event: KeyboardEvent): void => {
    const step = ({ ArrowRight: 1, ArrowDown: 1, ArrowLeft: -1, ArrowUp: -1 } as const)[event.key];
    if (step !== undefined) onChoose(canvas.current?.next(step));
    else if (event.key === "Enter" && chosen !== undefined) onOpen(chosen);
    else if (event.key === "Escape") onChoose(undefined);
    else if (event.key === "+" || event.key === "-") canvas.current?.zoom(event.key === "+" ? 1.25 : 0.8);
    else return;
    event.preventDefault();
  };
  const node = view.nodes.find(({ id }) => id === chosen);
  return (
    <div class="picture">
      <div class="canvas" ref={place} tabIndex={0} role="application" aria-label={`graph of ${count(view.nodes.length, "node")}: arrow keys go from node to node, Enter unfolds or folds, plus and minus zoom. The same stands under Table.`} onKeyDown={onKey} />
      <p class="unseen" role="status">{node ? `${nameOf(node)}, ${WORDS[postureOf(node)] ?? ""}` : ""}</p>
      <div class="zoom"><button type="button" aria-label="zoom in" onClick={() => canvas.current?.zoom(1.25)}>+</button><button type="button" aria-label="zoom out" onClick={() => canvas.current?.zoom(0.8)}>−</button><button type="button" aria-label="show all" onClick={() => canvas.current?.fit()}>⤢</button></div>
      <Legend />
    </div>
  );
}

const WORDS: Readonly<Record<string, string>> = { closed: "closed in both directions", half: "closed in part", free: "open: no policy isolates it", external: "outside of the cluster", empty: "without pods" };

function Legend() {
  return (
    <ul class="legend" aria-label="legend">
      <li><i class="swatch closed" />closed both ways</li>
      <li><i class="swatch half" />closed in part</li>
      <li><i class="swatch free" />open</li>
      <li><i class="swatch external" />outside</li>
      <li><i class="stroke some" />some ports</li>
      <li><i class="stroke every" />all ports</li>
      <li><i class="stroke open" />open ends</li>
    </ul>
  );
}

function NodeList({ view, onChoose }: { readonly view: GraphView; onChoose(id: string): void }) {
  return (
    <section class="panel" aria-label="nodes">
      <h2>What is drawn</h2>
      <p class="hint">Choose one here or in the picture. A double click unfolds a namespace.</p>
      <ul class="nodes">
        {view.nodes.map((node: GraphNode) => (
          <li><button type="button" class="link" onClick={() => onChoose(node.id)}><i class={`swatch ${postureOf(node)}`} />{nameOf(node)}</button>{node.pods > 0 ? <span class="hint">{count(node.pods, "pod")}</span> : null}</li>
        ))}
      </ul>
    </section>
  );
}

/** Rows past these are found by name. */
const ROWS = 500;

function EdgeTable({ view, showOpen }: { readonly view: GraphView; readonly showOpen: boolean }) {
  const labels = new Map(view.nodes.map((node) => [node.id, nameOf(node)]));
  const edges = drawnEdges(view, showOpen);
  return (
    <>
      <Table caption="who can reach whom" rows={edges.slice(0, ROWS)} empty="nothing reaches anything but by open ends"
        columns={[{ name: "from", cell: ({ from }) => labels.get(from) }, { name: "to", cell: ({ to }) => labels.get(to) }, { name: "on", cell: ({ ports }) => portsText(ports) }]} />
      {edges.length > ROWS ? <p class="hint">{edges.length - ROWS} more rows: find a namespace by name</p> : null}
    </>
  );
}
