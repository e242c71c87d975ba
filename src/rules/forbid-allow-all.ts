import { ok } from "../model/result.js";
import type { EngineProfile } from "../engine/verdict.js";
import { DIRECTIONS, type Policy } from "../model/policy.js";
import { grantingRules, grantsEverything, requestedPolicy } from "./policy-selector.js";
import type { Check, Finding } from "./rule.js";

/** A policy with rules that together, by meaning, grant all peers and all ports in a direction. */
export const forbidAllowAll = {
  id: "forbid-allow-all",
  description: "no rules of the policy grant, by meaning, all peers on all ports in a direction",
  ofWritten: true,
  schema: { type: "object", additionalProperties: false, properties: {} },
  compile: (_spec, { engine }) =>
    ok({
      about: ["policy"],
      judge: (change) => {
        const policy = requestedPolicy(change);
        return ok(policy ? findings(policy, engine) : []);
      },
    }),
} satisfies Check;

function findings(policy: Policy, engine: EngineProfile): Finding[] {
  return DIRECTIONS.flatMap((direction) => {
    const rule = grantingRules(policy, direction).find((one) => grantsEverything(one, engine));
    if (!rule) return [];
    return [{ message: `rule \`${rule.path}\` allows all ${direction} traffic of the pods it selects`, policies: [], path: rule.path }];
  });
}
