import { danglingNamespaceLabels } from "../engine/dangling.js";
import { NAME_LABEL } from "../model/endpoint.js";
import type { Violation } from "../model/violation.js";
import type { Change } from "../rules/rule.js";
import { objectOf, type Verdicts } from "./findings.js";

/** What in the request's own policy most likely went wrong, told with the first violation. */
export function withHints(verdicts: Verdicts, change: Change): Verdicts {
  const [first, ...rest] = verdicts.violations;
  const hints = first && change.touches === "policy" ? hintsFor(change) : [];
  return first && hints.length > 0 ? { ...verdicts, violations: [hinted(first, hints), ...rest] } : verdicts;
}

function hinted(violation: Violation, hints: readonly string[]): Violation {
  return { ...violation, remediation: [...hints, violation.remediation].filter((text) => text !== undefined).join("; ") };
}

function hintsFor(change: Change): string[] {
  const policy = change.after.policy(objectOf(change));
  if (!policy) return [];
  return danglingNamespaceLabels(policy, change.after).map(({ path, label, meant }) => {
    const instead = meant === undefined ? "" : `; did you mean \`${NAME_LABEL}: ${meant}\`?`;
    return `no namespace carries label \`${label}\`, which \`${path}\` selects by${instead}`;
  });
}
