import type { Direction } from "../model/policy.js";
import type { FormPeer, FormRule, PolicyForm } from "./policy-document.js";

const WIDTH = 760;
const BOX = { width: 176, height: 44, gap: 22 } as const;

/** The policy as a picture: who comes from the left, where it goes on the right. */
export function PolicyPicture({ form }: { readonly form: PolicyForm }) {
  const sides = { ingress: boxesOf(form, "ingress"), egress: boxesOf(form, "egress") };
  const rows = Math.max(1, sides.ingress.length, sides.egress.length);
  const height = rows * (BOX.height + BOX.gap) + BOX.gap;
  const middle = height / 2;
  return (
    <svg class="policy-picture" viewBox={`0 0 ${WIDTH} ${height}`} role="img" aria-label={sentence(form)}>
      <defs><marker id="tip" viewBox="0 0 8 8" refX="7" refY="4" markerWidth="7" markerHeight="7" orient="auto"><path d="M0 0 8 4 0 8z" /></marker></defs>
      {(["ingress", "egress"] as const).map((direction) => sides[direction].map((box, i) => <Peer box={box} direction={direction} y={yOf(i, sides[direction].length, height)} middle={middle} />))}
      <g class="subject">
        <rect x={(WIDTH - BOX.width) / 2} y={middle - 26} width={BOX.width} height={52} rx="9" />
        <text x={WIDTH / 2} y={middle - 4}>{shorten(form.pods === undefined ? "some pods" : form.pods === "" ? "every pod" : form.pods, 24)}</text>
        <text class="dim" x={WIDTH / 2} y={middle + 15}>{shorten(form.namespace === "" ? "default" : form.namespace, 24)}</text>
      </g>
    </svg>
  );
}

interface Box {
  readonly text: string;
  readonly under: string;
  readonly ports: string;
  readonly kind: "allowed" | "none" | "open";
}

function Peer({ box, direction, y, middle }: { readonly box: Box; readonly direction: Direction; readonly y: number; readonly middle: number }) {
  const left = direction === "ingress";
  const x = left ? 8 : WIDTH - BOX.width - 8;
  const [outer, inner] = left ? [x + BOX.width, (WIDTH - BOX.width) / 2] : [x, (WIDTH + BOX.width) / 2];
  const [start, end] = left ? [{ at: outer, y }, { at: inner, y: middle }] : [{ at: inner, y: middle }, { at: outer, y }];
  return (
    <g class={`peer ${box.kind}`}>
      <rect x={x} y={y - BOX.height / 2} width={BOX.width} height={BOX.height} rx="7" />
      <text x={x + BOX.width / 2} y={box.under === "" ? y + 5 : y - 2}>{shorten(box.text, 25)}</text>
      {box.under === "" ? null : <text class="dim" x={x + BOX.width / 2} y={y + 15}>{shorten(box.under, 26)}</text>}
      {box.kind === "none" ? null : <path d={`M${start.at} ${start.y} L${end.at} ${end.y}`} marker-end="url(#tip)" />}
      {box.kind === "none" ? null : <text class="ports" x={(outer + inner) / 2} y={(y + middle) / 2 - 6}>{shorten(box.ports, 14)}</text>}
    </g>
  );
}

function yOf(index: number, count: number, height: number): number {
  return height / 2 + (index - (count - 1) / 2) * (BOX.height + BOX.gap);
}

function boxesOf(form: PolicyForm, direction: Direction): readonly Box[] {
  const rules = form.rules[direction];
  if (!form.isolates[direction]) return [{ text: "as other policies say", under: `${direction} is not touched`, ports: "", kind: "open" }];
  if (rules.length === 0) return [{ text: direction === "ingress" ? "nobody comes in" : "nothing is reached", under: "", ports: "", kind: "none" }];
  return rules.flatMap((rule) => boxesOfRule(rule));
}

function boxesOfRule(rule: FormRule): readonly Box[] {
  if (rule === undefined) return [{ text: "see the YAML", under: "", ports: "", kind: "allowed" }];
  const ports = rule.ports === "" ? "every port" : rule.ports;
  if (rule.peers.length === 0) return [{ text: "everybody", under: "", ports, kind: "allowed" }];
  return rule.peers.map((peer) => ({ ...peerWords(peer), ports, kind: "allowed" as const }));
}

function peerWords(peer: FormPeer): Pick<Box, "text" | "under"> {
  if (peer.kind === "addresses") return { text: peer.cidr, under: "addresses" };
  return { text: peer.labels === "" ? "every pod" : peer.labels, under: peer.namespace === "" ? "this namespace" : peer.namespace === "*" ? "every namespace" : peer.namespace };
}

function sentence(form: PolicyForm): string {
  const words = (["ingress", "egress"] as const).map((direction) => `${direction}: ${boxesOf(form, direction).map(({ text, under, ports }) => [text, under, ports].filter((part) => part !== "").join(", ")).join("; ")}`);
  return `policy ${form.name} for ${form.pods === "" ? "every pod" : (form.pods ?? "some pods")} of ${form.namespace}. ${words.join(". ")}`;
}

function shorten(text: string, length: number): string {
  return text.length > length ? `${text.slice(0, length - 1)}…` : text;
}
