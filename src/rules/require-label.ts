import { isRecord, recordsIn, textsIn } from "../model/kubernetes.js";
import { compilePattern, type Pattern } from "../model/pattern.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Check, Finding } from "./rule.js";

/** The object carries labels, with one of some values or of a form where the pack says so. Which objects: the rule's `match`. */
export const requireLabel = {
  id: "require-label",
  description: "the object carries labels, with values of a list or of a form",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["labels"],
    properties: {
      labels: {
        type: "array",
        minItems: 1,
        items: {
          type: "object",
          additionalProperties: false,
          required: ["key"],
          properties: {
            key: { type: "string", description: "name of the label", examples: ["zone", "app.kubernetes.io/part-of"] },
            values: { type: "array", minItems: 1, items: { type: "string" }, description: "its value is one of these", examples: [["frontend", "backend", "data"]] },
            pattern: { type: "string", description: "its value matches this regular expression (RE2) somewhere; `^...$` for the whole value", examples: ["^[a-z]+-team$"] },
          },
        },
        description: "all of them are needed",
      },
    },
  },
  compile(spec, _scope, path) {
    const compiled = recordsIn(spec.labels).map((label, i) => compileLabel(label, `${path}.labels[${i}]`));
    const problems = compiled.flatMap((label) => (label.ok ? [] : label.problems));
    if (problems.length > 0) return failed(...problems);
    const labels = compiled.flatMap((label) => (label.ok ? [label.value] : []));
    return ok({ judge: ({ request: { object } }) => ok(object ? labels.flatMap((label) => label(object.metadata.labels)) : []) });
  },
} satisfies Check;

type LabelTest = (labels: unknown) => readonly Finding[];

function compileLabel(label: Readonly<Record<string, unknown>>, path: string): Result<LabelTest> {
  const key = String(label.key);
  const values = label.values === undefined ? undefined : textsIn(label.values);
  const pattern: Result<Pattern | undefined> = label.pattern === undefined ? ok(undefined) : compilePattern(String(label.pattern));
  if (!pattern.ok) return failed(...pattern.problems.map((problem): Problem => ({ ...problem, path: `${path}.pattern` })));
  return ok((labels) => {
    const value = isRecord(labels) && Object.hasOwn(labels, key) ? String(labels[key]) : undefined;
    const why = whyNot(value, { values, pattern: pattern.value, source: String(label.pattern) });
    return why === undefined ? [] : [{ message: `label \`${key}\` ${why}`, policies: [], path: value === undefined ? "metadata.labels" : `metadata.labels["${key}"]` }];
  });
}

interface Wanted {
  readonly values: readonly string[] | undefined;
  readonly pattern: Pattern | undefined;
  readonly source: string;
}

function whyNot(value: string | undefined, { values, pattern, source }: Wanted): string | undefined {
  const listed = values ? `; one of ${values.map((one) => `\`${one}\``).join(", ")}` : "";
  if (value === undefined) return `is missing${listed}`;
  if (values && !values.includes(value)) return `is \`${value}\`${listed}`;
  return pattern && !pattern.test(value) ? `is \`${value}\`, which does not match \`${source}\`` : undefined;
}
