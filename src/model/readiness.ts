/** One thing that must hold, as `/readyz?verbose` lists it. */
export interface Condition {
  readonly name: string;
  readonly ok: boolean;
  readonly detail: string;
}

export interface Readiness {
  readonly ready: boolean;
  readonly conditions: readonly Condition[];
}

/** Ready when every condition holds; never with none, which is "nothing loaded". */
export function readinessOf(conditions: readonly Condition[]): Readiness {
  return { ready: conditions.length > 0 && conditions.every(({ ok }) => ok), conditions };
}

/** The conditions as Kubernetes' own health pages write them. */
export function readinessText({ ready, conditions }: Readiness, verbose: boolean): string {
  if (ready && !verbose) return "ok\n";
  const lines = conditions.map(({ name, ok, detail }) => `[${ok ? "+" : "-"}]${name} ${ok ? "ok" : "failed"}${detail ? `: ${detail}` : ""}`);
  return [...lines, ready ? "readyz check passed" : "readyz check failed", ""].join("\n");
}
