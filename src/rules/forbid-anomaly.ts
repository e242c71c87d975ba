import { anomaliesOfPolicy } from "../engine/policy-anomalies.js";
import { textsIn } from "../model/kubernetes.js";
import { ok } from "../model/result.js";
import { requestedPolicy } from "./policy-selector.js";
import type { Check } from "./rule.js";

const KINDS = ["dead", "shadowed", "redundant", "or-for-and"] as const;

/** A rule of the policy does nothing, says what another one says, or most likely says something else than was meant. */
export const forbidAnomaly = {
  id: "forbid-anomaly",
  description: "no rule of the policy does nothing, repeats another one, or most likely says something else than was meant",
  ofWritten: true,
  schema: {
    type: "object",
    additionalProperties: false,
    properties: {
      kinds: {
        type: "array",
        minItems: 1,
        items: { enum: KINDS },
        description: "dead: can match nothing; shadowed: an earlier rule decides otherwise; redundant: another rule says it already; or-for-and: two peers where one with both selectors may be meant. All by default",
        examples: [["dead", "or-for-and"]],
      },
    },
  },
  compile({ kinds }) {
    const wanted = new Set<string>(kinds === undefined ? KINDS : textsIn(kinds));
    return ok({
      looksAround: true,
      judge: (change) => {
        const policy = requestedPolicy(change);
        const found = policy ? anomaliesOfPolicy(policy, change.after).filter(({ kind }) => wanted.has(kind)) : [];
        return ok(found.map(({ path, message }) => ({ message: `rule \`${path}\` most likely is not what was meant: ${message}`, policies: [], path })));
      },
    });
  },
} satisfies Check;
