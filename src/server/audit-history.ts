import type { AuditCount, AuditPoint, StandingViolation } from "../model/audit.js";

/** A day of minutes. */
const POINTS = 1_440;
const APART_MS = 60_000;

/** Violations over time: a point when their counts change, at most one a minute, which then says what was last. */
export class AuditHistory {
  readonly #points: AuditPoint[] = [];

  get points(): readonly AuditPoint[] {
    return this.#points;
  }

  /** `now` in milliseconds since 1970. */
  add({ complete, counts }: Omit<AuditPoint, "at">, now: number): void {
    const last = this.#points.at(-1);
    if (last && last.complete === complete && isSame(last.counts, counts)) return;
    const point = { at: new Date(now).toISOString(), complete, counts };
    // The first point of all says how it began.
    if (last && this.#points.length > 1 && now - Date.parse(last.at) < APART_MS) this.#points[this.#points.length - 1] = { ...point, at: last.at };
    else this.#points.push(point);
    if (this.#points.length > POINTS) this.#points.shift();
  }
}

/** By rule and action, in order of their names. */
export function countsOf(violations: readonly StandingViolation[]): readonly AuditCount[] {
  const counts = new Map<string, AuditCount>();
  for (const { pack, rule, action } of violations) {
    const key = `${pack}/${rule} ${action}`;
    counts.set(key, { pack, rule, action, violations: (counts.get(key)?.violations ?? 0) + 1 });
  }
  return [...counts.keys()].sort().map((key) => counts.get(key) as AuditCount);
}

function isSame(a: readonly AuditCount[], b: readonly AuditCount[]): boolean {
  return a.length === b.length && a.every((one, i) => one.pack === b[i]?.pack && one.rule === b[i].rule && one.action === b[i].action && one.violations === b[i].violations);
}
