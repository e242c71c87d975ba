/** Requests that wait until something holds. */
export class Waiters {
  readonly #waiting = new Set<() => void>();

  get size(): number {
    return this.#waiting.size;
  }

  /** Something has changed: each one looks again. */
  look(): void {
    for (const look of [...this.#waiting]) look();
  }

  /** True as soon as `holds`; false when `ms` have passed before. */
  until(holds: () => boolean, ms: number): Promise<boolean> {
    if (holds()) return Promise.resolve(true);
    return new Promise((resolve) => {
      const end = (result: boolean): void => {
        clearTimeout(timer);
        this.#waiting.delete(look);
        resolve(result);
      };
      const look = (): void => {
        if (holds()) end(true);
      };
      const timer = setTimeout(() => end(false), Math.max(0, ms));
      this.#waiting.add(look);
    });
  }
}
