import { anomaliesOfPolicy } from "../engine/policy-anomalies.js";
import { textsIn } from "../model/kubernetes.js";
import { ok } from "../model/result.js";
import { requestedPolicy } from "./policy-selector.js";
import type { Check } from "./rule.js";

/** By what packs call it: the kind of anomaly. */
const PARTS = { subject: "selects-nothing", peers: "peers-select-nothing", "namespace-labels": "unknown-label" } as const;

/**
 * A selector of the policy that nothing fits now: no pod of its subject, no peer of a rule, or a namespace label that nobody
 * carries. Policies often come before their pods, so this is for warnings, or for `namespace-labels` alone.
 */
export const forbidDanglingSelector = {
  id: "forbid-dangling-selector",
  description: "every selector of the policy fits something that is there now",
  ofWritten: true,
  schema: {
    type: "object",
    additionalProperties: false,
    properties: {
      parts: { type: "array", minItems: 1, items: { enum: Object.keys(PARTS) }, description: "which selectors are looked at; all by default", examples: [["namespace-labels"]] },
    },
  },
  compile({ parts }) {
    const names = parts === undefined ? Object.keys(PARTS) : textsIn(parts);
    const wanted = new Set<string>(Object.entries(PARTS).flatMap(([name, kind]) => (names.includes(name) ? [kind] : [])));
    return ok({
      looksAround: true,
      judge: (change) => {
        const policy = requestedPolicy(change);
        const found = policy ? anomaliesOfPolicy(policy, change.after).filter(({ kind }) => wanted.has(kind)) : [];
        return ok(found.map(({ path, message }) => ({ message: `\`${path}\` fits nothing: ${message}`, policies: [], path })));
      },
    });
  },
} satisfies Check;
