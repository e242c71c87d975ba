/** How many namespaces are worked on together: enough to hide the API server's answers, few enough not to crowd out its other clients. */
const TOGETHER = 4;

/** Names that wait for their turn. Each is worked on by one at a time; one that is added while it is worked on has another turn. */
export class NamespaceQueue {
  readonly #work: (name: string) => Promise<void>;
  readonly #due = new Set<string>();
  readonly #later = new Map<string, NodeJS.Timeout>();
  readonly #running = new Set<string>();
  #stopped = false;

  /** `work` must not reject. */
  constructor(work: (name: string) => Promise<void>) {
    this.#work = work;
  }

  has(name: string): boolean {
    return this.#due.has(name) || this.#later.has(name) || this.#running.has(name);
  }

  /** Earlier wins over later: a name that is due already stays due. */
  add(name: string, delayMs = 0): void {
    if (this.#stopped || (delayMs > 0 && this.#due.has(name))) return;
    clearTimeout(this.#later.get(name));
    this.#later.delete(name);
    if (delayMs > 0) {
      this.#later.set(name, setTimeout(() => this.add(name), delayMs));
    } else {
      this.#due.add(name);
      this.#next();
    }
  }

  remove(name: string): void {
    clearTimeout(this.#later.get(name));
    this.#later.delete(name);
    this.#due.delete(name);
  }

  /** Nothing begins after this. */
  stop(): void {
    this.#stopped = true;
    for (const name of [...this.#due, ...this.#later.keys()]) this.remove(name);
  }

  #next(): void {
    for (const name of this.#due) {
      if (this.#running.size >= TOGETHER) return;
      if (this.#running.has(name)) continue;
      this.#due.delete(name);
      this.#running.add(name);
      void this.#work(name).finally(() => {
        this.#running.delete(name);
        this.#next();
      });
    }
  }
}
