import { RE2JS } from "re2js";
import { isRecord } from "../model/kubernetes.js";
import type { Failure } from "../model/test-result.js";
import { ruleId } from "../model/violation.js";
import type { Expectation } from "../packs/pack-test.js";
import { provisionNames, type Answer } from "./take-step.js";

/** An expectation that was not met; its path is that below the step. */
export type Unmet = Omit<Failure, "place">;

/** What of a step's answer is not as expected. A step that says nothing must be admitted. `words`: the answer as people see it. */
export function unmet(expect: Expectation | undefined, answer: Answer, words: string): readonly Unmet[] {
  const expected = expect ?? {};
  return [...verdict(expected, answer), ...quieter(expected, answer), ...message(expected, words), ...lacks(expected, words), ...labels(expected, answer), ...provisions(expected, answer)];
}

function verdict(expect: Expectation, answer: Answer): readonly Unmet[] {
  const { allowed } = answer.decision;
  const got = rulesOf(answer, "deny");
  const decision = expect.decision ?? (expect.violations && expect.violations.length > 0 ? "refused" : "admitted");
  if (expect.violations && (decision === "refused" || expect.violations.length > 0)) {
    return sameRules("violations", expect.violations, { got, exact: expect.exact !== false });
  }
  if (allowed === (decision === "admitted")) return [];
  const by = got.length > 0 ? ` by ${got.join(", ")}` : "";
  return [{ what: "decision", expected: decision, got: allowed ? "admitted" : `refused${by}`, path: expect.decision ? "expect.decision" : "expect" }];
}

function quieter(expect: Expectation, answer: Answer): readonly Unmet[] {
  const exact = expect.exact !== false;
  return [
    ...(expect.warnings ? sameRules("warnings", expect.warnings, { got: rulesOf(answer, "warn"), exact }) : []),
    ...(expect.dryrun ? sameRules("dryrun", expect.dryrun, { got: rulesOf(answer, "dryrun"), exact }) : []),
  ];
}

/** The rules of one action, each once. What could not be proven warns in words that begin with the rule. */
function rulesOf({ decision: { violations, warnings } }: Answer, action: "deny" | "warn" | "dryrun"): readonly string[] {
  const said = action === "warn" ? warnings.flatMap((text) => /^\[([a-z0-9-]+\/[a-z0-9-]+)\]/.exec(text)?.[1] ?? []) : [];
  const broken = violations.map(ruleId);
  return [...new Set([...violations.filter((violation) => violation.action === action).map(ruleId), ...said.filter((rule) => !broken.includes(rule))])].sort();
}

interface Found {
  readonly got: readonly string[];
  readonly exact: boolean;
}

function sameRules(what: "violations" | "warnings" | "dryrun", expected: readonly string[], { got, exact }: Found): readonly Unmet[] {
  const missing = expected.filter((rule) => !got.includes(rule));
  const odd = exact ? got.filter((rule) => !expected.includes(rule)) : [];
  if (missing.length === 0 && odd.length === 0) return [];
  return [{ what, expected: listed(expected), got: `${listed(got)}${expected.length > 0 ? differences(missing, odd) : ""}`, path: `expect.${what}` }];
}

function differences(missing: readonly string[], odd: readonly string[]): string {
  const parts = [...(missing.length > 0 ? [`without ${missing.join(", ")}`] : []), ...(odd.length > 0 ? [`beyond that ${odd.join(", ")}`] : [])];
  return parts.length === 0 || odd.length + missing.length <= 1 ? "" : ` (${parts.join("; ")})`;
}

function message({ message: wanted }: Expectation, words: string): readonly Unmet[] {
  if (wanted === undefined) return [];
  if (typeof wanted === "object" && "matches" in wanted) return matches(wanted.matches, words);
  const texts = typeof wanted === "string" ? [wanted] : (wanted as readonly string[]);
  return texts.filter((text) => !words.includes(text)).map((text) => ({ what: "message", expected: `a text with \`${text}\``, got: "the answer below", path: "expect.message" }));
}

function lacks({ lacks: unwanted = [] }: Expectation, words: string): readonly Unmet[] {
  return [unwanted].flat().filter((text) => words.includes(text)).map((text) => ({ what: "lacks", expected: `no text with \`${text}\``, got: "the answer below", path: "expect.lacks" }));
}

/** RE2: no pattern takes more than linear time. */
function matches(pattern: string, words: string): readonly Unmet[] {
  try {
    if (RE2JS.compile(pattern).matcher(words).find()) return [];
    return [{ what: "message", expected: `a text that matches \`${pattern}\``, got: "the answer below", path: "expect.message.matches" }];
  } catch (error) {
    return [{ what: "message", expected: "a regular expression of RE2", got: `\`${pattern}\`: ${error instanceof Error ? error.message : String(error)}`, path: "expect.message.matches" }];
  }
}

function labels({ patch }: Expectation, { object }: Answer): readonly Unmet[] {
  const found: unknown = object?.metadata.labels;
  const got = isRecord(found) ? found : {};
  return Object.entries(patch?.labels ?? {}).flatMap(([key, value]): readonly Unmet[] => {
    const is = Object.hasOwn(got, key) ? String(got[key]) : null;
    return is === value ? [] : [{ what: "patch", expected: labelText(key, value), got: labelText(key, is), path: `expect.patch.labels["${key}"]` }];
  });
}

function labelText(key: string, value: string | null): string {
  return value === null ? `no label \`${key}\`` : `label \`${key}: ${value}\``;
}

function provisions({ provisions: wanted }: Expectation, answer: Answer): readonly Unmet[] {
  if (!wanted) return [];
  const got = provisionNames(answer);
  const same = got.length === wanted.length && wanted.every((name) => got.includes(name));
  return same ? [] : [{ what: "provisions", expected: listed(wanted), got: listed(got), path: "expect.provisions" }];
}

function listed(items: readonly string[]): string {
  return items.length === 0 ? "none" : items.join(", ");
}
