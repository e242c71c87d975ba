import { compileCel } from "../cel/expression.js";
import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { failed, ok } from "../model/result.js";
import type { Check } from "./rule.js";

/**
 * Some objects are written by a controller from another object: a custom resource from which policies are made. The
 * required flows of the pack must hold after them too, so they are judged when their source is written.
 */
export const requireDerivedFlows = {
  id: "require-derived-flows",
  description: "the flows that the pack's other rules require hold after the objects that a controller will make of the request's object",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["objects"],
    properties: { objects: { type: "string", description: "CEL over the request: the list of objects that will be made", examples: ["[{'apiVersion': 'v1', 'kind': 'Namespace', 'metadata': {'name': object.metadata.name}}]"] } },
  },
  compile(spec, _scope, path) {
    const objects = compileCel(String(spec.objects));
    if (!objects.ok) return failed(...objects.problems.map((problem) => ({ ...problem, path: `${path}.objects` })));
    return ok({
      derive: ({ cel }) => {
        const made = objects.value(cel);
        if (!made.ok) return made;
        if (Array.isArray(made.value) && made.value.every(isObject)) return ok(made.value);
        return failed({ code: "rule/derived", message: "the expression must give a list of objects with apiVersion, kind and metadata", path: "" });
      },
    });
  },
} satisfies Check;

function isObject(value: unknown): value is KubeObject {
  return isRecord(value) && typeof value.apiVersion === "string" && typeof value.kind === "string" && isRecord(value.metadata);
}
