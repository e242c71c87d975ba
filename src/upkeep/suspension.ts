import { Gauge, type Registry } from "prom-client";
import type { KubeObject } from "../model/kubernetes.js";
import type { Condition } from "../model/readiness.js";
import { suspensionOf } from "../model/suspension.js";

/** Whether somebody keeps the leader from its work, as the Lease said when this replica read it last. */
export class Suspension {
  #reason: string | undefined;

  constructor(registry: Registry) {
    const isSuspended = (): boolean => this.#reason !== undefined;
    new Gauge({ name: "sluice_suspended", help: "1 while nobody keeps the webhook configurations as the packs ask for: the Lease says so (sluice doctor --emergency)", registers: [registry], collect() { this.set(Number(isSuspended())); } });
  }

  /** Takes note of the Lease. */
  see(lease: KubeObject | undefined): void {
    this.#reason = suspensionOf(lease);
  }

  /** No reason to be taken out of the Service: somebody wanted it so. */
  condition(): Condition {
    return { name: "webhook configurations kept", ok: true, detail: this.#reason === undefined ? "" : `not for now, the Lease says: ${this.#reason}` };
  }
}
