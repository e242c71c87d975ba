import type { AuditState, StandingViolation } from "../../src/model/audit.js";

/** A made-up violation of a pod, like those that a pack of labels finds. */
export function violationIn(namespace: string, i: number): StandingViolation {
  return {
    pack: "labels", rule: "tier", action: "deny", severity: "medium", object: { group: "", kind: "Pod", namespace, name: `web-${i}` },
    message: `label \`tier\` is missing; one of \`frontend\`, \`backend\`, \`data\``, policies: [], path: "metadata.labels", remediation: "set the label in the pod template of the workload",
    since: new Date(Date.parse("2026-01-01T00:00:00Z") + i * 1_000).toISOString(), newlyBroken: i % 2 === 0,
  };
}

/** What an audit tells that found just these. */
export function auditState(violations: readonly StandingViolation[], parts: Partial<AuditState> = {}): AuditState {
  const at = "2026-01-02T00:00:00.000Z";
  return { complete: true, reasons: [], violations, newlyBroken: [], wouldDeny: [], warnings: [], checked: violations.length, at, sweptAt: at, packs: "sha256:1", waiting: 0, ...parts };
}
