import type { Decision } from "../model/decision.js";
import { oneLine } from "../model/printable.js";
import { kindKey, nameKey } from "../model/kubernetes.js";
import { exceptionText, ruleId, type VerifiedFix, type Violation } from "../model/violation.js";

/**
 * Bound on the text of a refusal. kubectl prints any length (20,000 characters pass, facts/admission.md 2), but it
 * also lands in Events (1,024 bytes kept) and in conditions of Deployments: the first line says it all.
 */
const MAX_LENGTH = 4_000;

/** The text of a refusal: a complete first line, every other violation in a line, what to do about them as length allows, and a last line with every rule. */
export function denialMessage({ violations }: Decision): string {
  const denied = violations.filter(({ action }) => action === "deny");
  const shown = withinLength(denied.map(violationLine));
  let room = MAX_LENGTH - lengthOf(shown);
  const lines = shown.flatMap((line, i) => {
    const details = detailLines(denied[i] as Violation);
    room -= lengthOf(details);
    return room >= 0 ? [line, ...details] : [line];
  });
  if (shown.length < denied.length) lines.push(`and ${denied.length - shown.length} more`);
  // "The last line matters: a denied UPDATE through `kubectl apply` puts lines of patch text before the message."
  if (lines.length > 1) lines.push(`refused by ${[...new Set(denied.map(ruleId))].join(", ")}`);
  return lines.join("\n");
}

/** The first line whatever its length, and as many others as fit. */
function withinLength(lines: readonly string[]): readonly string[] {
  let length = 0;
  const end = lines.findIndex((line, i) => (length += line.length + 1) > MAX_LENGTH && i > 0);
  return end < 0 ? lines : lines.slice(0, end);
}

function lengthOf(lines: readonly string[]): number {
  return lines.reduce((sum, line) => sum + line.length + 1, 0);
}

/** Warnings of an admitted or refused request: what is only warned, then what belongs to no rule. */
export function warningsOf({ violations, warnings }: Decision): string[] {
  return [...new Set([...violations.filter(({ action }) => action === "warn").map(violationLine), ...warnings])];
}

/** `[pack/rule] what breaks: who to whom on which port: denied by which policy (N running pods affected)`. */
export function violationLine(violation: Violation): string {
  const { message, counterexample, runningPods, path, exception } = violation;
  const where = path === undefined ? "" : ` (at \`${path}\`)`;
  const example = counterexample === undefined ? "" : `: ${counterexample}`;
  const pods = runningPods === undefined || runningPods === 0 ? "" : ` (${runningPods} running ${runningPods === 1 ? "pod" : "pods"} affected)`;
  const granted = exception ? `; ${exceptionText(exception)}` : "";
  return oneLine(`[${ruleId(violation)}] ${message}${where}${example}${pods}${granted}`);
}

function detailLines(violation: Violation): string[] {
  const { fix, remediation, link } = violation;
  const lines = [...(remediation ? [`  to do: ${remediation}`] : []), ...(fix ? fixLines(fix, violation) : [])];
  return link ? [...lines, `  see ${link}`] : lines;
}

/** A fix longer than this is told by the command that prints it: about as much as fits on a screen. */
const MAX_FIX = 1_000;

/** The verified fix inline when it is short; objects as one line of JSON each, which `kubectl apply -f -` takes as it is. */
function fixLines({ apply, remove }: VerifiedFix, violation: Violation): string[] {
  const lines = [
    ...remove.map((ref) => `  fix (verified): delete ${kindKey(ref)} \`${nameKey(ref)}\``),
    ...apply.map((object) => `  fix (verified): apply ${JSON.stringify(object)}`),
  ];
  return lines.join("\n").length <= MAX_FIX ? lines : [`  fix (verified): printed by \`${fixCommand(violation)}\`${violation.fixAfter === "delete" ? "" : ", FILE being this change"}`];
}

/** The command that prints what the change needs beside it; it was not made, so the command is told of it. */
function fixCommand({ pack, rule, object, namespaces = [], fixAfter }: Violation): string {
  const change = fixAfter === "delete" ? `--without ${object.kind}/${nameKey(object)}` : "--with FILE";
  const [namespace, ...others] = namespaces;
  const only = namespace !== undefined && others.length === 0 ? ` --namespace ${namespace}` : "";
  return `sluice fix --cluster ${change} --rule ${ruleId({ pack, rule })}${only}`;
}
