import { reasonOf, type Log } from "../log.js";
import type { Change as Edit } from "../model/snapshot.js";
import { kindsBehind, type Attempt, type Candidate } from "../review/pending.js";
import { isDecided, openIn, type PendingChange, type View } from "../review/pending-change.js";
import { LedgerRounds } from "./ledger-rounds.js";
import type { LedgerStore } from "./ledger-store.js";
import { NotNow } from "./not-now.js";
import { DEFAULT_PATIENCE, type Patience } from "./patience.js";
import type { Condition } from "../model/readiness.js";
import { Waiters } from "./waiters.js";

export interface PendingParts {
  readonly store: LedgerStore;
  /** What the watches show now. */
  readonly view: () => View;
  /** A consistent read of these namespaces, as changes to the snapshot. */
  readonly read: (namespaces: readonly string[], signal: AbortSignal) => Promise<readonly Edit[]>;
  /** A consistent read of these kinds in every namespace. */
  readonly catchUp: (kinds: readonly string[], signal: AbortSignal) => Promise<readonly Edit[]>;
  readonly log: Log;
  readonly patience?: Patience;
}

/** What `admit` comes to; anything else is waited out, or ends in `NotNow`. */
export type Settled = Extract<Attempt, { result: "admitted" | "refused" | "refused-together" }>;

/** Never admits what is jointly wrong: a change passes only when it is right whatever becomes of those that no watch has shown yet (docs/consistency.md). */
export class PendingChanges {
  readonly #parts: PendingParts;
  readonly #patience: Patience;
  readonly #rounds: LedgerRounds;
  readonly #waiters = new Waiters();
  #tidying: NodeJS.Timeout | undefined;

  constructor(parts: PendingParts) {
    this.#parts = parts;
    this.#patience = parts.patience ?? DEFAULT_PATIENCE;
    this.#rounds = new LedgerRounds({ ...parts, patience: this.#patience });
  }

  /** Changes on the list that the watches have not shown yet. */
  get open(): number {
    return openIn(this.#rounds.ledger.changes, this.#parts.view()).length;
  }

  /** Is the list known? Asks for it where it is not. */
  condition(): Condition {
    const { isKnown, problem } = this.#rounds;
    if (!isKnown) this.#rounds.open();
    return { name: "pending changes", ok: isKnown, detail: isKnown ? "" : (problem ?? "the list is being read") };
  }

  /** The watches have shown something. */
  observed(): void {
    this.#waiters.look();
  }

  stop(): void {
    clearTimeout(this.#tidying);
  }

  /**
   * A view made by a consistent read of these namespaces, and of all of these kinds; rejects when that cannot be had. What the
   * watches bring while the read is under way is not counted as seen by it.
   */
  async readFresh(namespaces: readonly string[], signal: AbortSignal, kinds: readonly string[] = []): Promise<View> {
    const { view, read, catchUp } = this.#parts;
    const { seen } = this.#rounds.ledger;
    const versions = { ...view().versions, ...Object.fromEntries(kinds.map((kind) => [kind, seen[kind] ?? ""])) };
    // Nothing can be stored any more of what is so old before the read begins.
    const over = this.#rounds.olderThan(this.#patience.endMs).filter((change) => namespacesOf([change]).every((name) => namespaces.includes(name)));
    const edits = (await Promise.all([read(namespaces, signal), kinds.length > 0 ? catchUp(kinds, signal) : []])).flat();
    const fresh: View = { snapshot: view().snapshot.with(edits), versions, fresh: new Set(namespaces) };
    if (over.length > 0) this.#rounds.expire({ ids: new Set(over.map(({ id }) => id)), view: fresh });
    return fresh;
  }

  /** Lets a change pass, and remembers it, or says why not. Rejects with `NotNow` when there is no telling before the deadline. */
  async admit(candidate: Candidate, { deadline, fresh }: { readonly deadline: number; readonly fresh?: View }): Promise<Settled> {
    const { waitMs, reserveMs, atOnce, endMs } = this.#patience;
    const end = deadline - reserveMs;
    const patient = Math.min(performance.now() + waitMs, end);
    this.#tidying ??= setTimeout(() => void this.#tidy(), endMs).unref();
    let view = fresh;
    for (let isLast = false; ; ) {
      const last = await this.#rounds.turn({ candidate, deadline: end, fresh: view });
      if (last.result === "admitted" || last.result === "refused") return last;
      if (isLast || this.#waiters.size >= atOnce) return last.result === "refused-together" ? last : notNow(last);
      // First the watch, which is nearly always about to tell; then the API server itself.
      if (await this.#becomesClear(last, patient)) view = undefined;
      else [isLast, view] = [true, await this.#readAgain(candidate, last, end)];
    }
  }

  /** True when the watches have shown what was waited for. */
  #becomesClear(last: Attempt, until: number): Promise<boolean> {
    const { view } = this.#parts;
    const isClear = (): boolean => {
      if (last.result === "behind") return kindsBehind(this.#rounds.ledger, view()).length === 0;
      return "because" in last && last.because.some((change) => isDecided(change, view()));
    };
    return this.#waiters.until(isClear, until - performance.now());
  }

  async #readAgain({ change }: Candidate, last: Attempt, end: number): Promise<View> {
    const because = "because" in last ? last.because : [];
    const signal = AbortSignal.timeout(Math.max(1, Math.floor(end - performance.now())));
    try {
      return await this.readFresh(namespacesOf([change, ...because]), signal, last.result === "behind" ? last.kinds : []);
    } catch (error) {
      this.#parts.log.warn({ reason: reasonOf(error) }, "what became of pending changes could not be read");
      throw new NotNow("what became of changes under way could not be read in time");
    }
  }

  /** Changes that were admitted and never stored, because somebody else refused them, are taken off the list. */
  async #tidy(): Promise<void> {
    const { endMs, storeMs } = this.#patience;
    this.#tidying = undefined;
    const open = new Set(openIn(this.#rounds.ledger.changes, this.#parts.view()));
    const over = this.#rounds.olderThan(endMs).filter((change) => open.has(change));
    try {
      if (over.length > 0) await this.readFresh(namespacesOf(over), AbortSignal.timeout(storeMs));
    } catch (error) {
      this.#parts.log.warn({ reason: reasonOf(error) }, "old pending changes could not be looked after");
    }
    if (this.open > 0) this.#tidying ??= setTimeout(() => void this.#tidy(), endMs / 2).unref();
  }
}

function namespacesOf(changes: readonly PendingChange[]): readonly string[] {
  return [...new Set(changes.flatMap(({ ref }) => (ref.group === "" && ref.kind === "Namespace" ? [ref.name] : (ref.namespace ?? []))))];
}

function notNow(last: Attempt): never {
  const what = last.result === "behind" ? `the watch of ${last.kinds.join(", ")} is behind` : "too many changes that concern this one are under way";
  throw new NotNow(what);
}
