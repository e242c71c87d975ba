import type { AuditPoint } from "../model/audit.js";
import { count } from "./parts.js";

const [WIDTH, HEIGHT, LEFT, BOTTOM, TOP] = [900, 220, 44, 28, 12];
const ACTIONS = ["deny", "warn", "dryrun"] as const;
const WORDS = { deny: "refused", warn: "warned about", dryrun: "only counted" } as const;

interface Sum {
  readonly time: number;
  readonly counts: Readonly<Record<(typeof ACTIONS)[number], number>>;
}

/** How many violations there were, by what they do: a step where the number changed. */
export function HistoryChart({ points }: { readonly points: readonly AuditPoint[] }) {
  const sums = points.map(sumOf);
  const [from, to] = [sums[0]?.time ?? 0, Math.max(Date.now(), (sums.at(-1)?.time ?? 0) + 1)];
  const top = Math.max(1, ...sums.flatMap(({ counts }) => Object.values(counts)));
  const x = (time: number): number => LEFT + ((time - from) / Math.max(1, to - from)) * (WIDTH - LEFT - 12);
  const y = (value: number): number => HEIGHT - BOTTOM - (value / top) * (HEIGHT - BOTTOM - TOP);
  const last = sums.at(-1);
  const words = last ? ACTIONS.map((action) => `${last.counts[action]} ${WORDS[action]}`).join(", ") : "";
  return (
    <figure class="chart">
      <svg viewBox={`0 0 ${WIDTH} ${HEIGHT}`} role="img" aria-label={`violations over time, ${count(points.length, "point")}; now ${words}`}>
        {[0, top / 2, top].map((value) => <g><line x1={LEFT} x2={WIDTH - 12} y1={y(value)} y2={y(value)} /><text x={LEFT - 8} y={y(value) + 4} class="left">{Math.round(value)}</text></g>)}
        {[from, to].map((time, i) => <text x={x(time)} y={HEIGHT - 8} class={i === 0 ? "start" : "left"}>{new Date(time).toISOString().slice(0, 16).replace("T", " ")}</text>)}
        {ACTIONS.map((action) => <path class={action} d={steps(sums, action, { x, y, to })} />)}
      </svg>
      <figcaption class="legend">{ACTIONS.map((action) => <span><i class={`stroke ${action}`} />{WORDS[action]}</span>)}</figcaption>
    </figure>
  );
}

function sumOf({ at, counts }: AuditPoint): Sum {
  const of = (action: string): number => counts.filter((one) => one.action === action).reduce((sum, { violations }) => sum + violations, 0);
  return { time: Date.parse(at), counts: { deny: of("deny"), warn: of("warn"), dryrun: of("dryrun") } };
}

function steps(sums: readonly Sum[], action: (typeof ACTIONS)[number], { x, y, to }: { x(time: number): number; y(value: number): number; readonly to: number }): string {
  const parts = sums.map(({ time, counts }, i) => `${i === 0 ? `M${x(time)} ` : `H${x(time)} V`}${y(counts[action])}`);
  return `${parts.join(" ")} H${x(to)}`;
}
