import { kindKey, nameKey } from "../model/kubernetes.js";
import type { DecisionRow, DecisionsView } from "../model/views.js";
import { ruleId } from "../model/violation.js";
import type { Judged } from "./decision-log.js";

/** About 1 KB each. */
const KEPT = 500;
/** What one answer holds. */
const SHOWN = 200;
const MESSAGES = 5;
const LONGEST = 400;
/** People who look on; each is an open request. */
const WAITING = 32;

/** A row before it is looked at: most never are. */
export type KeptRow = Omit<DecisionRow, "number" | "time"> & {
  /** Milliseconds since 1970. */
  readonly at: number;
};

/** What a row tells of a decision. */
export function decisionRow({ request, route, decision, milliseconds }: Judged, now: number): KeptRow {
  const { operation, kind, subResource, namespace, name, userInfo, dryRun } = request;
  const isNamespace = kind.group === "" && kind.kind === "Namespace";
  return {
    at: now,
    allowed: decision.allowed,
    route,
    operation,
    kind: kindKey(kind) + (subResource ? `/${subResource}` : ""),
    name: cut(nameKey(namespace === undefined || isNamespace ? { name } : { namespace, name })),
    user: cut(userInfo.username),
    dryRun,
    ...(decision.violations.length === 0 ? SILENT : toldBy(decision)),
    milliseconds: Math.round(milliseconds * 100) / 100,
  };
}

const SILENT: Pick<KeptRow, "rules" | "messages"> = { rules: [], messages: [] };

function toldBy({ violations }: Judged["decision"]): Pick<KeptRow, "rules" | "messages"> {
  return {
    rules: [...new Set(violations.map((violation) => `${ruleId(violation)}=${violation.action}`))].slice(0, MESSAGES),
    messages: violations.slice(0, MESSAGES).map(({ message }) => cut(message)),
  };
}

/** The newest decisions in memory, for whoever looks on. Nothing of the objects' content. */
export class DecisionRing {
  /** The row of number n stands at n modulo `KEPT`. */
  readonly #rows: KeptRow[] = [];
  readonly #waiting = new Set<() => void>();
  #last = 0;
  #closed = false;

  decided(row: KeptRow): void {
    this.#last += 1;
    this.#rows[this.#last % KEPT] = row;
    if (this.#waiting.size > 0) for (const wake of [...this.#waiting]) wake();
  }

  /** Those after a number, the newest ones where there are many. */
  after(number: number): DecisionsView {
    const first = Math.max(number + 1, this.#last - SHOWN + 1, 1);
    const numbers = Array.from({ length: Math.max(0, this.#last - first + 1) }, (_, index) => first + index);
    return { rows: numbers.flatMap((one) => shownRow(one, this.#rows[one % KEPT])), last: this.#last };
  }

  /** The same, once there is one; at the latest after so many milliseconds, or when `signal` says that nobody waits any more. */
  async next(number: number, milliseconds: number, signal: AbortSignal): Promise<DecisionsView> {
    if (this.#last <= number && !this.#closed && this.#waiting.size < WAITING && !signal.aborted) await this.#wake(milliseconds, signal);
    return this.after(number);
  }

  /** From now on nobody waits. */
  close(): void {
    this.#closed = true;
    for (const wake of [...this.#waiting]) wake();
  }

  #wake(milliseconds: number, signal: AbortSignal): Promise<void> {
    return new Promise((resolve) => {
      const wake = (): void => {
        clearTimeout(timer);
        signal.removeEventListener("abort", wake);
        this.#waiting.delete(wake);
        resolve();
      };
      const timer = setTimeout(wake, milliseconds);
      signal.addEventListener("abort", wake);
      this.#waiting.add(wake);
    });
  }
}

function shownRow(number: number, row: KeptRow | undefined): DecisionRow[] {
  if (!row) return [];
  const { at, ...rest } = row;
  return [{ number, time: new Date(at).toISOString(), ...rest }];
}

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
