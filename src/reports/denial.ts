import type { Decision } from "../model/decision.js";
import { oneLine } from "../model/printable.js";
import { kindKey, nameKey } from "../model/kubernetes.js";
import { ruleId, type VerifiedFix, type Violation } from "../model/violation.js";

/**
 * Bound on the text of a refusal. kubectl prints any length (20,000 characters pass, facts/admission.md 2), but it
 * also lands in Events (1,024 bytes kept) and in conditions of Deployments: the first line says it all.
 */
const MAX_DETAILS = 3_000;

/** The text of a refusal: a complete first line, the other violations as length allows, and a last line with every rule. */
export function denialMessage({ violations }: Decision): string {
  const denied = violations.filter(({ action }) => action === "deny");
  const [first, ...rest] = denied;
  if (!first) return "";
  const lines = [violationLine(first), ...detailLines(first)];
  let length = lines.join("\n").length;
  let shown = 1;
  for (const violation of rest) {
    const next = [violationLine(violation), ...detailLines(violation)];
    length += next.join("\n").length + 1;
    if (length > MAX_DETAILS) break;
    lines.push(...next);
    shown++;
  }
  if (shown < denied.length) lines.push(`and ${denied.length - shown} more`);
  // "The last line matters: a denied UPDATE through `kubectl apply` puts lines of patch text before the message."
  if (lines.length > 1) lines.push(`refused by ${[...new Set(denied.map(ruleId))].join(", ")}`);
  return lines.join("\n");
}

/** Warnings of an admitted or refused request: what is only warned, then what belongs to no rule. */
export function warningsOf({ violations, warnings }: Decision): string[] {
  return [...new Set([...violations.filter(({ action }) => action === "warn").map(violationLine), ...warnings])];
}

/** `[pack/rule] what breaks: who to whom on which port: denied by which policy (N running pods affected)`. */
export function violationLine(violation: Violation): string {
  const { message, counterexample, runningPods, path } = violation;
  const where = path === undefined ? "" : ` (at \`${path}\`)`;
  const example = counterexample === undefined ? "" : `: ${counterexample}`;
  const pods = runningPods === undefined || runningPods === 0 ? "" : ` (${runningPods} running ${runningPods === 1 ? "pod" : "pods"} affected)`;
  return oneLine(`[${ruleId(violation)}] ${message}${where}${example}${pods}`);
}

function detailLines({ fix, remediation, link }: Violation): string[] {
  const lines = [...(remediation ? [`  to do: ${remediation}`] : []), ...(fix ? fixLines(fix) : [])];
  return link ? [...lines, `  see ${link}`] : lines;
}

/** The verified fix inline; objects as one line of JSON each, which `kubectl apply -f -` takes as it is. */
function fixLines({ apply, remove }: VerifiedFix): string[] {
  return [
    ...remove.map((ref) => `  fix (verified): delete ${kindKey(ref)} \`${nameKey(ref)}\``),
    ...apply.map((object) => `  fix (verified): apply ${JSON.stringify(object)}`),
  ];
}
