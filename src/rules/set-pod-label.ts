import { compileCel, type CelProgram, type CelVariables } from "../cel/expression.js";
import type { PatchOperation } from "../model/admission.js";
import { isRecord } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { Check } from "./rule.js";

/**
 * Gives a pod a label it lacks: the value of the first case whose condition is true. Nothing else of the pod is
 * touched; a pod that has the label, with whatever value, is left alone, so the patch is idempotent (admission.md Pods 1).
 */
export const setPodLabel = {
  id: "set-pod-label",
  onlyMutates: true,
  description: "a pod that is created without a label gets it (mutation); nothing else of it is touched",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["label", "cases"],
    properties: {
      label: { type: "string", description: "name of the label", examples: ["zone"] },
      cases: {
        type: "array",
        minItems: 1,
        items: { type: "object", additionalProperties: false, required: ["when", "value"], properties: { when: { type: "string", description: "CEL over the request", examples: ["hasLabel(namespaceObject, 'zone')"] }, value: { type: "string", description: "the value that it gets", examples: ["data"] } } },
        description: "the first one that is true gives the value; none: the pod stays as it is",
        examples: [[{ when: "true", value: "backend" }]],
      },
    },
  },
  compile(spec, _scope, path) {
    const cases = (Array.isArray(spec.cases) ? spec.cases : []).filter(isRecord).map((item, i) => compileCase(item, `${path}.cases[${i}]`));
    const problems = cases.flatMap((item) => (item.ok ? [] : item.problems));
    if (problems.length > 0) return failed(...problems);
    const compiled = cases.flatMap((item) => (item.ok ? [item.value] : []));
    return ok({
      mutate: ({ request: { object }, cel }) => {
        if (!object || hasLabel(object.metadata.labels, String(spec.label))) return ok([]);
        const value = firstFitting(compiled, cel);
        return value.ok ? ok(value.value === undefined ? [] : [addLabel(object.metadata.labels, String(spec.label), value.value)]) : value;
      },
    });
  },
} satisfies Check;

interface Case {
  readonly when: CelProgram;
  readonly value: string;
}

function compileCase(item: Readonly<Record<string, unknown>>, path: string): Result<Case> {
  const when = compileCel(String(item.when));
  if (!when.ok) return failed(...when.problems.map((problem): Problem => ({ ...problem, path: `${path}.when` })));
  return ok({ when: when.value, value: String(item.value) });
}

function firstFitting(cases: readonly Case[], cel: CelVariables): Result<string | undefined> {
  for (const { when, value } of cases) {
    const fits = when(cel);
    if (!fits.ok) return fits;
    if (fits.value === true) return ok(value);
  }
  return ok(undefined);
}

function hasLabel(labels: unknown, label: string): boolean {
  return isRecord(labels) && Object.hasOwn(labels, label);
}

/** "Labels on an object without labels: `add /metadata/labels {..}`, not `/metadata/labels/x`" (A10, RFC 6901 for `/` and `~`). */
function addLabel(labels: unknown, label: string, value: string): PatchOperation {
  if (!isRecord(labels)) return { op: "add", path: "/metadata/labels", value: { [label]: value } };
  return { op: "add", path: `/metadata/labels/${label.replaceAll("~", "~0").replaceAll("/", "~1")}`, value };
}
