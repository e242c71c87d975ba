import type { EnforcementAction } from "../model/violation.js";
import { ok } from "../model/result.js";
import type { Check, Finding } from "./rule.js";

/** A Namespace names, in an annotation, the baseline that its policies will give it: none can exist before it does. */
export const requireBaselineDeclaration = {
  id: "require-baseline-declaration",
  description: "a Namespace that is created names, in an annotation, the baseline that its policies will give it",
  schema: { type: "object", additionalProperties: false, required: ["annotation"], properties: { annotation: { type: "string", description: "the annotation that names it", examples: ["sluice.dev/baseline"] }, undeclared: { enum: ["deny", "warn", "dryrun", "off"], description: "what a missing declaration means; an unknown name is always what the rule says" } } },
  compile(spec, scope) {
    const annotation = String(spec.annotation);
    const known = [...scope.baselines].sort();
    const action = (spec.undeclared ?? "deny") as EnforcementAction;
    return ok({
      about: ["namespace"],
      judge: ({ request: { object, name } }) => {
        const declared = object?.metadata.annotations?.[annotation];
        if (declared !== undefined && scope.baselines.has(declared)) return ok([]);
        return ok([declared === undefined ? { ...undeclared(name, annotation, known), action } : unknown(declared, annotation, known)]);
      },
    });
  },
} satisfies Check;

function undeclared(name: string, annotation: string, known: readonly string[]): Finding {
  const line = `${annotation}: ${known[0] ?? "NAME"}`;
  return {
    message: `namespace \`${name}\` declares no baseline (default deny plus DNS); add the annotation \`${line}\` and apply its policies next`,
    policies: [],
    path: "metadata.annotations",
  };
}

function unknown(declared: string, annotation: string, known: readonly string[]): Finding {
  const path = `metadata.annotations["${annotation}"]`;
  return { message: `no pack defines a baseline \`${declared}\`; known ones: ${known.join(", ") || "none"}`, policies: [], path };
}
