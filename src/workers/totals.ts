import { AggregatorRegistry } from "prom-client";

/** One metric, as `getMetricsAsJSON` of prom-client gives it. */
type Metric = object & { readonly type?: unknown };

/** The metrics of several processes as one: what was counted is added up, also that of processes that are gone, so that no sum ever falls. */
export class Totals {
  #gone: Promise<readonly Metric[]> = Promise.resolve([]);

  /** Keeps what a process had counted that has ended. */
  ended(last: readonly Metric[]): void {
    const counted = last.filter(({ type }) => type === "counter" || type === "histogram");
    this.#gone = this.#gone.then((gone) => AggregatorRegistry.aggregate([gone, counted]).getMetricsAsJSON());
  }

  /** All together, as text. */
  async text(living: readonly (readonly Metric[])[]): Promise<string> {
    return AggregatorRegistry.aggregate([...living, await this.#gone]).metrics();
  }
}
