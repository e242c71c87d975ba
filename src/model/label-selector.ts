import { LabelBox } from "../sets/label-box.js";
import { ABSENT, noneOf, oneOf, PRESENT, type ValueSet } from "../sets/value-set.js";
import { isRecord } from "./kubernetes.js";
import type { Problem } from "./result.js";

const OPERATORS: Readonly<Record<string, (values: readonly string[]) => ValueSet>> = {
  In: oneOf,
  NotIn: noneOf,
  Exists: () => PRESENT,
  DoesNotExist: () => ABSENT,
};

/**
 * Reads a Kubernetes LabelSelector: "matchLabels AND matchExpressions, all ANDed" (S7). Null and absent parts do not
 * constrain. What cannot be read is a problem, and the box is then empty, so that whoever uses it fails closed.
 */
export function readLabelSelector(value: unknown, path: string): { readonly box: LabelBox; readonly problems: readonly Problem[] } {
  if (value === null || value === undefined) return { box: LabelBox.ALL, problems: [] };
  if (!isRecord(value)) return unreadable("selector/type", "a label selector must be an object with `matchLabels` or `matchExpressions`", path);
  const problems: Problem[] = [];
  const entries: (readonly [string, ValueSet])[] = [];
  for (const key of Object.keys(value)) {
    if (key !== "matchLabels" && key !== "matchExpressions") {
      problems.push({
        code: "selector/unknown-field",
        message: `unknown field \`${key}\` in a label selector; did you mean \`${fieldLike(key) ?? `matchLabels: {${key}: ...}`}\`?`,
        path: `${path}.${key}`,
      });
    }
  }
  readMatchLabels(value.matchLabels, `${path}.matchLabels`, { entries, problems });
  readExpressions(value.matchExpressions, `${path}.matchExpressions`, { entries, problems });
  return problems.length > 0 ? { box: LabelBox.NONE, problems } : { box: LabelBox.from(entries), problems };
}

/** The field of a selector that a key looks like, mistyped. */
function fieldLike(key: string): string | undefined {
  if (/^match.?labels?$/i.test(key)) return "matchLabels";
  return /^match.?expressions?$/i.test(key) ? "matchExpressions" : undefined;
}

interface Reading {
  readonly entries: (readonly [string, ValueSet])[];
  readonly problems: Problem[];
}

function readMatchLabels(value: unknown, path: string, { entries, problems }: Reading): void {
  if (value === null || value === undefined) return;
  if (!isRecord(value)) {
    problems.push({ code: "selector/type", message: "`matchLabels` must be a map of labels", path });
    return;
  }
  for (const [key, label] of Object.entries(value)) {
    if (typeof label === "string") entries.push([key, oneOf([label])]);
    else problems.push({ code: "selector/type", message: `the value of label \`${key}\` must be a string`, path: `${path}.${key}` });
  }
}

function readExpressions(value: unknown, path: string, reading: Reading): void {
  if (value === null || value === undefined) return;
  if (!Array.isArray(value)) {
    reading.problems.push({ code: "selector/type", message: "`matchExpressions` must be a list", path });
    return;
  }
  value.forEach((expression: unknown, i) => readExpression(expression, `${path}[${i}]`, reading));
}

function readExpression(value: unknown, path: string, { entries, problems }: Reading): void {
  if (!isRecord(value) || typeof value.key !== "string" || typeof value.operator !== "string") {
    problems.push({ code: "selector/expression", message: "a match expression needs `key` and `operator`", path });
    return;
  }
  const stray = Object.keys(value).find((field) => field !== "key" && field !== "operator" && field !== "values");
  if (stray !== undefined) {
    const message = `unknown field \`${stray}\` in a match expression; it has \`key\`, \`operator\` and \`values\``;
    problems.push({ code: "selector/unknown-field", message, path: `${path}.${stray}` });
    return;
  }
  const operator = Object.hasOwn(OPERATORS, value.operator) ? OPERATORS[value.operator] : undefined;
  if (!operator) {
    problems.push({ code: "selector/operator", message: `unknown operator \`${value.operator}\`; ${operatorLike(value.operator)}`, path: `${path}.operator` });
    return;
  }
  const values = value.values ?? [];
  const needsValues = value.operator === "In" || value.operator === "NotIn";
  if (!Array.isArray(values) || values.some((v) => typeof v !== "string") || needsValues !== values.length > 0) {
    const isOfTexts = Array.isArray(values) && values.length > 0;
    const rule = !needsValues ? "takes no values" : isOfTexts ? "needs texts as values; write them in quotes" : "needs a list of values";
    problems.push({ code: "selector/values", message: `operator \`${value.operator}\` ${rule}`, path: `${path}.values` });
    return;
  }
  entries.push([value.key, operator(values as string[])]);
}

function operatorLike(word: string): string {
  const meant = Object.keys(OPERATORS).find((operator) => operator.toLowerCase() === word.toLowerCase());
  return meant === undefined ? `one of ${Object.keys(OPERATORS).join(", ")}` : `did you mean \`${meant}\``;
}

function unreadable(code: string, message: string, path: string): { box: LabelBox; problems: Problem[] } {
  return { box: LabelBox.NONE, problems: [{ code, message, path }] };
}
