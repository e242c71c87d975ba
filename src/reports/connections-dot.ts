import { parseEnd, type ConnectionsReport } from "./report.js";

/** Graphviz: an edge per pair, a box per namespace. Edges come first, as they are made; Graphviz takes any order. */
export const connectionsDot: ConnectionsReport = function* (lines) {
  const groups = new Map<string, Set<string>>();
  const note = (end: string): void => {
    const { group } = parseEnd(end);
    const members = groups.get(group);
    if (members) members.add(end);
    else groups.set(group, new Set([end]));
  };
  yield 'digraph connectivity {\n  rankdir="LR";\n  node [shape="box", style="rounded", fontname="sans-serif"];\n  edge [fontname="sans-serif", fontsize="10"];\n';
  for (const { src, dst, conn } of lines) {
    note(src);
    note(dst);
    yield `  ${quote(src)} -> ${quote(dst)} [label=${quote(conn)}];\n`;
  }
  for (const [i, group] of [...groups.keys()].sort().entries()) yield cluster(i, group, [...(groups.get(group) ?? [])].sort());
  yield "}\n";
};

function cluster(index: number, group: string, members: readonly string[]): string {
  const nodes = members.map((end) => `${quote(end)} [label=${quote(labelOf(end))}];`);
  if (group === "") return nodes.map((node) => `  ${node}\n`).join("");
  return `  subgraph "cluster_${index}" {\n    label=${quote(group)};\n${nodes.map((node) => `    ${node}\n`).join("")}  }\n`;
}

function labelOf(end: string): string {
  const { name, kind } = parseEnd(end);
  return kind === "" ? name : `${name}\n${kind}`;
}

/** A DOT string: only the quote and the backslash are special; `\n` breaks the line. */
function quote(text: string): string {
  return `"${text.replaceAll("\\", "\\\\").replaceAll('"', '\\"').replaceAll("\n", "\\n")}"`;
}
