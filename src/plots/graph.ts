import { parseEnd, type ConnectionLine } from "./connection-line.js";
import { escapeMarkup } from "./markup.js";

/** Beyond this many ends a picture of each is no picture: then namespaces are drawn. */
const MAX_ENDS = 150;

const ROW = 46;
const BOX = 32;
const PAD = 16;
const HEAD = 30;
const GAP_X = 150;
const GAP_Y = 40;
/** Width of a character of 13 px sans-serif, on the wide side so that names stay inside their boxes. */
const CHARACTER = 7.6;

const STYLE = `text { font: 13px system-ui, sans-serif; fill: #1b1f24; } .group { fill: #f3f5f8; stroke: #c5ccd6; } .end { fill: #fff; stroke: #57606a; }
.group-name { font-weight: 600; } .edge { fill: none; stroke: #57606a; stroke-opacity: .55; stroke-width: 1.4; } .edge.all { stroke: #b42318; } g.pair:hover .edge { stroke-width: 3; stroke-opacity: 1; } .conn { font-size: 10px; fill: #57606a; }
@media (prefers-color-scheme: dark) { text { fill: #e6edf3; } .group { fill: #1a2028; stroke: #3a4350; } .end { fill: #11151a; stroke: #9aa4af; } .edge { stroke: #9aa4af; } .edge.all { stroke: #ff8a80; } .conn { fill: #9aa4af; } }`;

/** A picture without any other program: namespaces as boxes in a grid, their workloads stacked inside, an arrow per pair. */
export function* graph(lines: Iterable<ConnectionLine>): Iterable<string> {
  const { pairs, folded } = gather(lines);
  const groups = groupEnds(pairs);
  const { spots, width, height, boxes } = place(groups);
  yield `<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 ${width} ${height}" width="${width}" height="${height}" role="img" aria-label="connectivity">\n<style>${STYLE}</style>\n`;
  yield '<defs><marker id="arrow" viewBox="0 0 8 8" refX="8" refY="4" markerWidth="7" markerHeight="7" orient="auto-start-reverse"><path d="M0 0 8 4 0 8z" fill="#57606a"/></marker></defs>\n';
  yield* boxes;
  for (const pair of pairs) yield drawPair(pair, spots, pairs.length <= 60);
  for (const spot of spots.values()) yield drawEnd(spot);
  if (folded) yield `<text x="${PAD}" y="${height - 8}">too many workloads to draw: each box is a namespace</text>\n`;
  yield "</svg>\n";
}

interface Pair extends ConnectionLine {
  /** The other way round is the same. */
  readonly both: boolean;
}

function gather(lines: Iterable<ConnectionLine>): { readonly pairs: readonly Pair[]; readonly folded: boolean } {
  const all = [...lines];
  const ends = new Set(all.flatMap(({ src, dst }) => [src, dst]));
  const folded = ends.size > MAX_ENDS;
  return { pairs: mergeBoth(folded ? foldNamespaces(all) : all), folded };
}

/** One line per pair of namespaces; what passes between them is only told apart as all or some. */
function foldNamespaces(lines: readonly ConnectionLine[]): readonly ConnectionLine[] {
  const fold = (end: string): string => parseEnd(end).group || end;
  const conns = new Map<string, ConnectionLine>();
  for (const { src, dst, conn } of lines) {
    const line = { src: fold(src), dst: fold(dst), conn: conn === "All Connections" ? conn : "some connections" };
    const key = `${line.src}\n${line.dst}`;
    const known = conns.get(key);
    if (line.src !== line.dst) conns.set(key, known && known.conn !== line.conn ? { ...line, conn: "some connections" } : line);
  }
  return [...conns.values()];
}

function mergeBoth(lines: readonly ConnectionLine[]): readonly Pair[] {
  const conns = new Map(lines.map(({ src, dst, conn }) => [`${src}\n${dst}`, conn]));
  return lines.flatMap((line) => {
    const both = conns.get(`${line.dst}\n${line.src}`) === line.conn;
    return both && line.dst < line.src ? [] : [{ ...line, both }];
  });
}

function groupEnds(pairs: readonly Pair[]): ReadonlyMap<string, readonly string[]> {
  const ends = [...new Set(pairs.flatMap(({ src, dst }) => [src, dst]))].sort();
  const groups = new Map<string, string[]>();
  for (const end of ends) {
    const { group } = parseEnd(end);
    groups.set(group, [...(groups.get(group) ?? []), end]);
  }
  return groups;
}

interface Spot {
  readonly end: string;
  readonly x: number;
  readonly y: number;
  readonly width: number;
}

interface Layout {
  readonly spots: ReadonlyMap<string, Spot>;
  readonly boxes: readonly string[];
  readonly width: number;
  readonly height: number;
}

/** Columns of about equal height, filled in the order of names; the outside, which has no namespace, comes first. */
function place(groups: ReadonlyMap<string, readonly string[]>): Layout {
  const spots = new Map<string, Spot>();
  const boxes: string[] = [];
  const total = [...groups.values()].reduce((sum, ends) => sum + heightOf(ends) + GAP_Y, 0);
  const limit = Math.max(total / Math.ceil(Math.sqrt(groups.size)), ...[...groups.values()].map(heightOf));
  let [x, y, columnWidth, height] = [PAD, PAD, 0, 0];
  for (const [group, ends] of groups) {
    if (y > PAD && y + heightOf(ends) > limit + PAD) [x, y, columnWidth] = [x + columnWidth + GAP_X, PAD, 0];
    const width = Math.max(...[group, ...ends.map(labelOf)].map((text) => text.length * CHARACTER)) + 4 * PAD;
    boxes.push(drawGroup(group, { x, y, width, height: heightOf(ends) }));
    ends.forEach((end, i) => spots.set(end, { end, x: x + PAD, y: y + HEAD + i * ROW, width: width - 2 * PAD }));
    columnWidth = Math.max(columnWidth, width);
    y += heightOf(ends) + GAP_Y;
    height = Math.max(height, y);
  }
  return { spots, boxes, width: Math.ceil(x + columnWidth + GAP_X), height: Math.ceil(height + PAD) };
}

function heightOf(ends: readonly string[]): number {
  return HEAD + ends.length * ROW;
}

function labelOf(end: string): string {
  const { name, kind } = parseEnd(end);
  return kind === "" || kind === "External" ? name : `${name} (${kind})`;
}

function drawGroup(group: string, { x, y, width, height }: { readonly x: number; readonly y: number; readonly width: number; readonly height: number }): string {
  const name = group === "" ? "outside" : group;
  return `<rect class="group" x="${x}" y="${y}" width="${width}" height="${height}" rx="8"/><text class="group-name" x="${x + PAD}" y="${y + 20}">${escapeMarkup(name)}</text>\n`;
}

function drawEnd({ end, x, y, width }: Spot): string {
  return `<g><title>${escapeMarkup(end)}</title><rect class="end" x="${x}" y="${y}" width="${width}" height="${BOX}" rx="5"/><text x="${x + 10}" y="${y + 21}">${escapeMarkup(labelOf(end))}</text></g>\n`;
}

function drawPair({ src, dst, conn, both }: Pair, spots: ReadonlyMap<string, Spot>, labelled: boolean): string {
  const [from, to] = [spots.get(src), spots.get(dst)];
  if (!from || !to) return "";
  const { path, x, y } = curve(from, to);
  const markers = `marker-end="url(#arrow)"${both ? ' marker-start="url(#arrow)"' : ""}`;
  const label = labelled && conn !== "All Connections" ? `<text class="conn" x="${x}" y="${y}">${escapeMarkup(conn)}</text>` : "";
  const title = `${src} ${both ? "and" : "to"} ${dst}: ${conn}`;
  return `<g class="pair"><title>${escapeMarkup(title)}</title><path class="edge${conn === "All Connections" ? " all" : ""}" d="${path}" ${markers}/>${label}</g>\n`;
}

/** Between columns from side to side; within one column round the right-hand side. */
function curve(from: Spot, to: Spot): { readonly path: string; readonly x: number; readonly y: number } {
  const [y1, y2] = [from.y + BOX / 2, to.y + BOX / 2];
  const sameColumn = from.x < to.x + to.width && to.x < from.x + from.width;
  const [x1, x2] = sameColumn || from.x < to.x ? [from.x + from.width, sameColumn ? to.x + to.width : to.x] : [from.x, to.x + to.width];
  const bend = sameColumn ? Math.min(GAP_X - PAD, 30 + Math.abs(y2 - y1) / 6) : (x2 - x1) / 2;
  const [c1, c2] = sameColumn ? [Math.max(x1, x2) + bend, Math.max(x1, x2) + bend] : [x1 + bend, x2 - bend];
  const path = `M${round(x1)} ${round(y1)}C${round(c1)} ${round(y1)} ${round(c2)} ${round(y2)} ${round(x2)} ${round(y2)}`;
  return { path, x: round((x1 + 3 * c1 + 3 * c2 + x2) / 8), y: round((y1 + y2) / 2 - 4) };
}

function round(value: number): number {
  return Math.round(value * 10) / 10;
}
