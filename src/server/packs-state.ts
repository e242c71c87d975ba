import { Counter, Gauge, type Registry } from "prom-client";
import type { Log } from "../log.js";
import { formatProblem, type Problem } from "../model/result.js";
import type { Condition } from "../model/readiness.js";

/** What is in force, as the edge tells it. */
export interface PacksInForce {
  readonly names: readonly string[];
  readonly digest: string;
  readonly rules: number;
  /** By part (a file, an object): why it is not in force as it stands now; its last good state is. */
  readonly refused: ReadonlyMap<string, readonly Problem[]>;
  /** What is ignored: exceptions that are not granted, kinds that nobody reads. */
  readonly warnings: readonly Problem[];
}

/** Tells of the packs in force in metrics, log and readiness. A part that is refused leaves the server ready: its last good state judges on. */
export class PacksState {
  readonly #log: Log;
  readonly #reloads: Counter;
  readonly #current: () => PacksInForce;
  #shown: { readonly of: PacksInForce; readonly condition: Condition } | undefined;
  #told = "";
  #warned = "";

  constructor(current: () => PacksInForce, { log, registry }: { readonly log: Log; readonly registry: Registry }) {
    this.#current = current;
    this.#log = log;
    const registers = [registry];
    this.#reloads = new Counter({ name: "sluice_packs_reloads_total", help: "Times the sources of the packs changed; refused: a part of them keeps its last good state", labelNames: ["result"], registers });
    new Gauge({ name: "sluice_packs_refused", help: "Parts of the packs (files, objects) whose last good state is in force instead of what they say now", registers, collect() { this.set(current().refused.size); } });
    new Gauge({ name: "sluice_packs_rules", help: "Rules in force", registers, collect() { this.set(current().rules); } });
    new Gauge({ name: "sluice_packs_info", help: "Digest of the packs in force", labelNames: ["digest"], registers, collect() { this.reset(); this.set({ digest: current().digest }, 1); } });
  }

  /** The sources changed; `before` is the digest of what was in force until now. */
  changed(before: string): void {
    const next = this.#current();
    this.#reloads.inc({ result: next.refused.size > 0 ? "refused" : "taken" });
    if (next.digest !== before) this.#log.info({ packs: next.names, digest: next.digest, rules: next.rules }, "other packs are in force");
    this.#tellRefused(next);
    this.warn();
  }

  /** Tells what is ignored; once, until it is something else. */
  warn(): void {
    const lines = this.#current().warnings.map(formatProblem);
    if (lines.join() === this.#warned) return;
    this.#warned = lines.join();
    for (const reason of lines) this.#log.warn({ reason }, "something in the packs does not count");
  }

  /** Asked at each review. */
  condition(): Condition {
    const now = this.#current();
    if (this.#shown?.of !== now) this.#shown = { of: now, condition: conditionOf(now) };
    return this.#shown.condition;
  }

  /** Once, not at every look. */
  #tellRefused({ refused }: PacksInForce): void {
    const lines = [...refused].map(([part, problems]) => ({ part, problems: problems.slice(0, 5).map(formatProblem) }));
    const text = JSON.stringify(lines);
    if (text === this.#told) return;
    this.#told = text;
    for (const line of lines) this.#log.error(line, "a part of the packs cannot be used; its last good state stays in force");
  }
}

function shown(problems: readonly Problem[] = []): string {
  const [first] = problems;
  if (first === undefined) return "";
  return problems.length > 1 ? `${formatProblem(first)} (and ${problems.length - 1} more)` : formatProblem(first);
}

function conditionOf({ names, digest, refused }: PacksInForce): Condition {
  const [[part, problems] = []] = [...refused];
  const kept = part === undefined ? "" : `; the last good state of ${refused.size === 1 ? `\`${part}\`` : `${refused.size} parts`} is kept: ${shown(problems)}`;
  return { name: "packs", ok: true, detail: `${names.join(", ")} (${digest})${kept}` };
}
