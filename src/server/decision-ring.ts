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

/** What a row tells of a decision. */
export function decisionRow({ request, route, decision, milliseconds }: Judged, now: number): Omit<DecisionRow, "number"> {
  const { operation, kind, subResource, namespace, name, userInfo, dryRun } = request;
  const isNamespace = kind.group === "" && kind.kind === "Namespace";
  return {
    time: new Date(now).toISOString(),
    allowed: decision.allowed,
    route,
    operation,
    kind: kindKey(kind) + (subResource ? `/${subResource}` : ""),
    name: cut(nameKey(namespace === undefined || isNamespace ? { name } : { namespace, name })),
    user: cut(userInfo.username),
    dryRun,
    rules: [...new Set(decision.violations.map((violation) => `${ruleId(violation)}=${violation.action}`))].slice(0, MESSAGES),
    messages: decision.violations.slice(0, MESSAGES).map(({ message }) => cut(message)),
    milliseconds: Math.round(milliseconds * 100) / 100,
  };
}

/** The newest decisions in memory, for whoever looks on. Nothing of the objects' content. */
export class DecisionRing {
  readonly #rows: DecisionRow[] = [];
  readonly #waiting = new Set<() => void>();
  #last = 0;
  #closed = false;

  decided(row: Omit<DecisionRow, "number">): void {
    this.#rows.push({ number: ++this.#last, ...row });
    if (this.#rows.length > KEPT) this.#rows.shift();
    for (const wake of [...this.#waiting]) wake();
  }

  /** Those after a number, the newest ones where there are many. */
  after(number: number): DecisionsView {
    return { rows: this.#rows.filter((row) => row.number > number).slice(-SHOWN), last: this.#last };
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

function cut(text: string): string {
  return text.length > LONGEST ? `${text.slice(0, LONGEST - 1)}…` : text;
}
