import { parseEnd, type ConnectionLine } from "./connection-line.js";
import { escapeMarkup } from "./markup.js";

/** Past so many namespaces the cells are too small for eyes: the rest is told as a number. */
const MAX_GROUPS = 120;
/** Cells of this many namespaces hold their ports as text. */
const LABELLED = 24;
const HEAD = 150;
const PAD = 12;

const STYLE = `.heat text { font: 12px system-ui, sans-serif; fill: #1b1f24; } .heat .dim { fill: #57606a; font-size: 11px; } .heat .cell { stroke: #fff; stroke-width: 1; } .heat .none { fill: #eef1f5; } .heat .own { fill: #dfe4ea; } .heat .some { fill: #9cc2f5; } .heat .many { fill: #5b94e3; }
.heat .all { fill: #e8a33d; } .heat .cell-text { font-size: 9px; text-anchor: middle; pointer-events: none; }
@media (prefers-color-scheme: dark) { .heat text { fill: #e6edf3; } .heat .dim { fill: #9aa4af; } .heat .cell { stroke: #11151a; } .heat .none { fill: #1c232c; } .heat .own { fill: #2b3541; } .heat .some { fill: #2c5a96; } .heat .many { fill: #4b86d8; } .heat .all { fill: #b9761c; } }`;

/** Who can reach whom, namespace by namespace, as a grid: sources are rows, destinations are columns. */
export function* heatMap(lines: Iterable<ConnectionLine>): Iterable<string> {
  const { groups, left, traffic } = gather(lines);
  const size = groups.length <= LABELLED ? 40 : groups.length <= 60 ? 18 : 10;
  const [width, height] = [HEAD + groups.length * size + PAD + 60, HEAD + groups.length * size + 60];
  yield `<svg xmlns="http://www.w3.org/2000/svg" class="heat" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="who can reach whom, by namespace: ${groups.length} rows and columns">\n<style>${STYLE}</style>\n`;
  for (const [i, group] of groups.entries()) yield headings(group, i, size);
  for (const [i, src] of groups.entries()) {
    for (const [j, dst] of groups.entries()) yield cell({ src, dst, ports: traffic.get(`${src}\n${dst}`) ?? new Set() }, { x: HEAD + j * size, y: HEAD + i * size, size });
  }
  yield legend(HEAD + groups.length * size + 22, left);
  yield "</svg>\n";
}

interface Gathered {
  readonly groups: readonly string[];
  /** Namespaces that are not drawn. */
  readonly left: number;
  /** What passes, each text once, by `source\ndestination`. */
  readonly traffic: ReadonlyMap<string, ReadonlySet<string>>;
}

const OUTSIDE = "(outside)";

function gather(lines: Iterable<ConnectionLine>): Gathered {
  const traffic = new Map<string, Set<string>>();
  const names = new Set<string>();
  for (const { src, dst, conn } of lines) {
    const [from, to] = [groupOf(src), groupOf(dst)];
    names.add(from).add(to);
    const key = `${from}\n${to}`;
    const known = traffic.get(key);
    if (known) known.add(conn);
    else traffic.set(key, new Set([conn]));
  }
  const groups = [...names].sort((a, b) => Number(b === OUTSIDE) - Number(a === OUTSIDE) || (a < b ? -1 : 1));
  return { groups: groups.slice(0, MAX_GROUPS), left: Math.max(0, groups.length - MAX_GROUPS), traffic };
}

function groupOf(end: string): string {
  const { group, name } = parseEnd(end);
  return group || (name.startsWith("{") ? name : OUTSIDE);
}

function headings(group: string, index: number, size: number): string {
  const at = HEAD + index * size + size / 2;
  const text = escapeMarkup(group.length > 20 ? `${group.slice(0, 19)}…` : group);
  const font = size < 12 ? ' style="font-size:8px"' : "";
  return `<text x="${HEAD - 8}" y="${at + 4}" text-anchor="end"${font}>${text}</text><text transform="translate(${at + 4} ${HEAD - 8}) rotate(-60)"${font}>${text}</text>\n`;
}

interface Cell {
  readonly src: string;
  readonly dst: string;
  readonly ports: ReadonlySet<string>;
}

function cell({ src, dst, ports }: Cell, { x, y, size }: { readonly x: number; readonly y: number; readonly size: number }): string {
  const texts = [...ports];
  const title = `${src} to ${dst}: ${texts.length === 0 ? (src === dst ? "nothing between its workloads" : "nothing") : texts.slice(0, 6).join("; ")}${texts.length > 6 ? ` and ${texts.length - 6} more` : ""}`;
  const label = size >= 40 ? shortPorts(texts) : "";
  const text = label === "" ? "" : `<text class="cell-text" x="${x + size / 2}" y="${y + size / 2 + 3}">${escapeMarkup(label)}</text>`;
  return `<g><title>${escapeMarkup(title)}</title><rect class="cell ${levelOf(texts, src === dst)}" x="${x}" y="${y}" width="${size}" height="${size}"/>${text}</g>\n`;
}

/** `all`: some workload of the one may send anything to some of the other. */
function levelOf(texts: readonly string[], own: boolean): string {
  if (texts.includes("All Connections")) return "all";
  if (texts.length === 0) return own ? "own" : "none";
  return portsIn(texts).length > 3 ? "many" : "some";
}

function portsIn(texts: readonly string[]): readonly string[] {
  return [...new Set(texts.flatMap((text) => text.match(/\d+(?:-\d+)?/g) ?? []))];
}

function shortPorts(texts: readonly string[]): string {
  if (texts.length === 0) return "";
  if (texts.includes("All Connections")) return "all";
  const ports = portsIn(texts);
  const text = ports.slice(0, 2).join(",");
  return ports.length > 2 || text.length > 8 ? `${(ports[0] ?? "").slice(0, 6)} +${ports.length - 1}` : text;
}

function legend(y: number, left: number): string {
  const items = [["none", "nothing"], ["some", "up to 3 ports"], ["many", "more ports"], ["all", "all ports"]] as const;
  const marks = items.map(([level, words], i) => `<rect class="cell ${level}" x="${PAD + i * 110}" y="${y}" width="14" height="14"/><text class="dim" x="${PAD + 20 + i * 110}" y="${y + 11}">${words}</text>`).join("");
  const more = left > 0 ? `<text class="dim" x="${PAD}" y="${y + 32}">${left} more namespaces are not drawn</text>` : "";
  return `${marks}${more}\n`;
}
