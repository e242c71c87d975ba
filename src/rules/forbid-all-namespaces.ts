import { ok } from "../model/result.js";
import { admitsEveryNamespace, DIRECTIONS_SCHEMA, grantingRules, readDirections, requestedPolicy } from "./policy-selector.js";
import type { Check, Finding } from "./rule.js";

/** A rule whose peers are, by meaning, all pods of every namespace: an empty `namespaceSelector`, or no peers at all. */
export const forbidAllNamespaces = {
  id: "forbid-all-namespaces",
  description: "no rule of the policy has, by meaning, every pod of every namespace as its peers",
  ofWritten: true,
  schema: { type: "object", additionalProperties: false, properties: { directions: DIRECTIONS_SCHEMA } },
  compile({ directions }) {
    return ok({
      about: ["policy"],
      judge: (change) => {
        const policy = requestedPolicy(change);
        return ok(!policy ? [] : readDirections(directions).flatMap((direction) => {
          const rule = grantingRules(policy, direction).find(admitsEveryNamespace);
          return rule ? [finding(direction, rule.path)] : [];
        }));
      },
    });
  },
} satisfies Check;

function finding(direction: "ingress" | "egress", path: string): Finding {
  return { message: `rule \`${path}\` allows ${direction} ${direction === "ingress" ? "from" : "to"} every pod of every namespace`, policies: [], path };
}
