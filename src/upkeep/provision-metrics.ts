import { Counter, Gauge, type Registry } from "prom-client";
import type { Written } from "./provision-write.js";

/** Why a namespace that fits a provision is without its policies. */
export type Left = "refused" | "cuts-off" | "failed";

const LEFT: readonly Left[] = ["refused", "cuts-off", "failed"];

/** Metrics of what Sluice writes; only of a server that follows a cluster. */
export class ProvisionMetrics {
  readonly #writes: Counter<"result">;

  constructor(registry: Registry, left: () => Iterable<Left | undefined>) {
    const registers = [registry];
    this.#writes = new Counter({ name: "sluice_provision_writes_total", help: "Policies of baselines that Sluice set out to write, by what came of it", labelNames: ["result"], registers });
    new Gauge({
      name: "sluice_provision_namespaces_left",
      help: "Namespaces that wait for the policies of their provision, by reason",
      labelNames: ["reason"],
      registers,
      collect() {
        const reasons = [...left()];
        for (const reason of LEFT) this.set({ reason }, reasons.filter((one) => one === reason).length);
      },
    });
  }

  count(result: Written["result"]): void {
    this.#writes.inc({ result });
  }
}
