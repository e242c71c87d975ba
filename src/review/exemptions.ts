import { milder } from "./findings.js";
import type { Verdicts } from "./findings.js";
import { ruleId, type Violation } from "../model/violation.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { CompiledExemption } from "../packs/compile-parts.js";
import type { Change } from "../rules/rule.js";

/**
 * Applies the exemptions that the packs write down: `off` drops a violation, `warn` makes it a warning, `note` adds a
 * sentence. An exemption whose condition cannot be evaluated exempts nothing.
 */
export function applyExemptions(verdicts: Verdicts, change: Change, { exemptions }: CompiledPacks): Verdicts {
  if (verdicts.violations.length === 0) return verdicts;
  const fitting = exemptions.filter((exemption) => fits(exemption, change));
  if (fitting.length === 0) return verdicts;
  return { ...verdicts, violations: verdicts.violations.flatMap((violation) => fitting.reduce<readonly Violation[]>((left, exemption) => left.flatMap((one) => exempt(one, exemption)), [violation])) };
}

function fits(exemption: CompiledExemption, change: Change): boolean {
  const applies = exemption.applies(change);
  return applies.ok && applies.value;
}

function exempt(violation: Violation, { covers, entry }: CompiledExemption): readonly Violation[] {
  if (!covers(ruleId(violation))) return [violation];
  if (entry.becomes === "off") return [];
  if (entry.becomes === "warn") return [{ ...violation, action: milder("warn", violation.action) as Violation["action"] }];
  return [{ ...violation, remediation: [violation.remediation, entry.note].filter((text) => text !== undefined).join("; ") }];
}
