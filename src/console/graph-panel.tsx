import type { GraphEdge, GraphNode, GraphView } from "../model/views.js";
import { count, IsolationBadge, portsText, Table } from "./parts.js";
import { linkTo } from "./routing.js";

/** What is known of the node that somebody chose. */
export function GraphPanel({ node, view, unfolded, onFold, onChoose }: { readonly node: GraphNode; readonly view: GraphView; readonly unfolded: boolean; onFold(namespace: string): void; onChoose(id: string): void }) {
  const labels = new Map(view.nodes.map((one) => [one.id, nameOf(one)]));
  const namespace = node.kind === "namespace" ? node.id : node.namespace;
  const into = view.edges.filter(({ to }) => to === node.id);
  const out = view.edges.filter(({ from }) => from === node.id);
  const other = (edges: readonly GraphEdge[], end: "from" | "to") => ({ rows: edges, cell: (edge: GraphEdge) => <button type="button" class="link" onClick={() => onChoose(edge[end])}>{labels.get(edge[end]) ?? edge[end]}</button> });
  const [from, to] = [other(into, "from"), other(out, "to")];
  const ports = { name: "on", cell: ({ ports: text, open }: GraphEdge) => <>{portsText(text)}{open ? <span class="hint"> (nobody said so)</span> : null}</> };
  return (
    <section class="panel" aria-label={`details of ${nameOf(node)}`}>
      <h2>{nameOf(node)}</h2>
      {node.kind === "external" ? <p>{node.members.slice(0, 8).join(", ")}{node.members.length > 8 ? ` and ${node.members.length - 8} more ranges` : ""}</p> : null}
      {node.pods === 0 ? null : (
        <p class="badges">
          <IsolationBadge what="ingress" isolation={node.isolated.ingress} /> <IsolationBadge what="egress" isolation={node.isolated.egress} />
          <span class="hint">{count(node.pods, "pod")}{node.kind === "namespace" ? ` in ${count(node.workloads, "workload")}` : ""}</span>
        </p>
      )}
      {namespace === undefined ? null : (
        <p class="actions">
          {node.kind === "namespace" && node.workloads === 0 ? null : <button type="button" onClick={() => onFold(namespace)}>{unfolded ? `Fold ${namespace}` : "Unfold"}</button>}
          <a class="button" href={linkTo("namespace", { name: namespace })}>Namespace</a>
          {node.kind === "workload" ? <a class="button" href={linkTo("reach", { to: node.id })}>Who reaches it?</a> : null}
        </p>
      )}
      <h3>Reached by ({into.length})</h3>
      <Table caption={`what reaches ${nameOf(node)}`} rows={from.rows} columns={[{ name: "from", cell: from.cell }, ports]} empty="nothing" />
      <h3>Reaches ({out.length})</h3>
      <Table caption={`what ${nameOf(node)} reaches`} rows={to.rows} columns={[{ name: "to", cell: to.cell }, ports]} empty="nothing" />
    </section>
  );
}

/** A node in a sentence. */
export function nameOf({ kind, label, namespace }: GraphNode): string {
  return kind === "workload" ? `${namespace ?? ""}/${label}` : label;
}
