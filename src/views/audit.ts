import type { AuditView } from "../model/audit.js";
import type { AuditPage } from "../model/views.js";
import { cut } from "./namespace.js";

const VIOLATIONS = 300;
const NEW = 50;

/** What continuous audit knows, as much of it as a page shows. */
export function auditPage({ current, history }: AuditView): AuditPage {
  if (!current) return { history };
  const { violations, newlyBroken, wouldDeny, ...rest } = current;
  return { current: { ...rest, violations: cut(violations, VIOLATIONS), newlyBroken: cut(newlyBroken, NEW), wouldDeny: wouldDeny.length }, history };
}
