import { compileCel } from "../cel/expression.js";
import { failed, ok } from "../model/result.js";
import type { Check } from "./rule.js";

/** A CEL expression that must be true of the request, as in ValidatingAdmissionPolicy. */
export const celExpression = {
  id: "cel-expression",
  description: "a CEL expression over the request must be true; it may ask the engine (`reaches`, `opened`, `closed`, `isolated`)",
  schema: {
    type: "object",
    additionalProperties: false,
    required: ["expression", "says"],
    properties: {
      expression: { type: "string", description: "CEL over the request; true means fine", examples: ["hasLabel(object, 'zone')", "!opened('shop/web', 'shop/db', 5432)"] },
      says: { type: "string", description: "CEL giving the text of a violation", examples: ["'`' + request.name + '` has no zone'"] },
      path: { type: "string", description: "the field that is to blame", examples: ["metadata.labels"] },
    },
  },
  compile(spec, _scope, path) {
    const expression = compileCel(String(spec.expression));
    const says = compileCel(String(spec.says));
    if (!expression.ok) return failed(...expression.problems.map((problem) => ({ ...problem, path: `${path}.expression` })));
    if (!says.ok) return failed(...says.problems.map((problem) => ({ ...problem, path: `${path}.says` })));
    return ok({
      judge: ({ cel }) => {
        const verdict = expression.value(cel);
        if (!verdict.ok) return verdict;
        if (verdict.value === true) return ok([]);
        const text = says.value(cel);
        if (!text.ok) return text;
        return ok([{ message: String(text.value), policies: [], ...(typeof spec.path === "string" ? { path: spec.path } : {}) }]);
      },
    });
  },
} satisfies Check;
