import { Snapshot, type Change } from "../model/snapshot.js";

/** The snapshot of now. Sources and, with `--state`, admitted changes are applied to it; a decision takes the immutable `current` once and works on that. */
export class LiveSnapshot {
  #current: Snapshot;
  #version = 0;
  #changedAt = performance.now();
  #observer: (changes: readonly Change[]) => void = () => undefined;

  constructor(start: Snapshot = Snapshot.EMPTY) {
    this.#current = start;
  }

  get current(): Snapshot {
    return this.#current;
  }

  /** Counts the batches applied so far. */
  get version(): number {
    return this.#version;
  }

  /** Since the last batch. */
  get ageSeconds(): number {
    return (performance.now() - this.#changedAt) / 1_000;
  }

  /** From now on `observer` is told of every batch, from the snapshot it has seen grow from nothing. */
  observe(observer: (changes: readonly Change[]) => void): void {
    this.#observer = observer;
  }

  apply(changes: readonly Change[]): void {
    if (changes.length > 0) this.#current = this.#current.with(changes);
    this.#version += 1;
    this.#changedAt = performance.now();
    this.#observer(changes);
  }
}
