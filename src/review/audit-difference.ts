import { kindKey, nameKey } from "../model/kubernetes.js";
import { ruleId, type Violation } from "../model/violation.js";

/** What would be otherwise under other packs. */
export interface AuditDifference {
  /** Refused now, and not before. */
  readonly denied: readonly Violation[];
  /** Warned about now, and neither refused nor warned about before. */
  readonly warned: readonly Violation[];
  /** Refused or warned about before, and milder or not at all now. */
  readonly freed: readonly Violation[];
}

/** Compares audits of one state under two sets of packs, rule by rule and object by object. */
export function differenceOf(old: readonly Violation[], now: readonly Violation[]): AuditDifference {
  const [before, after] = [strongest(old), strongest(now)];
  const strength = (of: ReadonlyMap<string, Violation>, key: string): number => STRENGTH[of.get(key)?.action ?? "none"];
  const harder = [...after].filter(([key]) => strength(after, key) > Math.max(strength(before, key), STRENGTH.dryrun)).map(([, violation]) => violation);
  return {
    denied: harder.filter(({ action }) => action === "deny"),
    warned: harder.filter(({ action }) => action === "warn"),
    freed: [...before].filter(([key]) => strength(before, key) > Math.max(strength(after, key), STRENGTH.dryrun)).map(([, violation]) => violation),
  };
}

const STRENGTH = { none: 0, dryrun: 1, warn: 2, deny: 3 } as const;

function strongest(violations: readonly Violation[]): ReadonlyMap<string, Violation> {
  const found = new Map<string, Violation>();
  for (const violation of violations) {
    const key = `${ruleId(violation)} ${kindKey(violation.object)} ${nameKey(violation.object)}`;
    const known = found.get(key);
    if (!known || STRENGTH[known.action] < STRENGTH[violation.action]) found.set(key, violation);
  }
  return found;
}
