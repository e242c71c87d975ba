import { API_VERSION, METADATA } from "./schema-parts.js";

const NAMES = { type: "array", minItems: 1, items: { type: "string", minLength: 1 } } as const;

/** JSON Schema of `kind: PolicyException`. */
export const EXCEPTION_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: API_VERSION,
    kind: { const: "PolicyException", description: "for a while, somebody answers for breaking some rules in some places" },
    metadata: METADATA,
    spec: {
      type: "object",
      additionalProperties: false,
      required: ["owner", "reason", "expires", "rules"],
      properties: {
        owner: { type: "string", description: "who answers for it: a team or a person that can be asked", examples: ["payments-team@example.com"] },
        reason: { type: "string", description: "why the rules cannot be kept, and what is done about it", examples: ["the old billing pods move to space-billing in the first quarter"] },
        expires: { type: "string", description: "its last day (UTC), or its end with a time zone (RFC 3339)", examples: ["2027-01-31", "2027-01-31T18:00:00+01:00"] },
        rules: { type: "array", minItems: 1, items: { type: "string", pattern: "^[a-z0-9*-]+/[a-z0-9*-]+$" }, description: "rules as `pack/rule`; `*` stands for any text, and `pack/*` for a whole pack", examples: [["baseline/*", "restricted/broad-egress"]] },
        becomes: { enum: ["warn", "dryrun"], description: "what a violation is instead of a refusal: told to whoever makes the change (the default), or only counted and logged" },
        namespaces: { ...NAMES, description: "what is broken lies in one of these; for a flow, the namespace of its subject. `*` stands for any text. Absent: everywhere", examples: [["billing", "billing-*"]] },
        objects: {
          type: "array",
          minItems: 1,
          items: {
            type: "object",
            additionalProperties: false,
            required: ["kind"],
            properties: {
              kind: { type: "string", description: "`Kind`, or `Kind.group` to tell two of one name apart", examples: ["Pod", "NetworkPolicy"] },
              name: { type: "string", minLength: 1, description: "its name; `*` stands for any text. Absent: every one", examples: ["billing-*"] },
            },
          },
          description: "the object that is changed is one of these. Absent: any",
          examples: [[{ kind: "Pod", name: "billing-*" }]],
        },
        users: { ...NAMES, description: "who makes the change: user names, or `group:NAME`; `*` stands for any text. Absent: anyone", examples: [["system:serviceaccount:ci:deployer", "group:platform"]] },
      },
      description: "who answers for what, until when",
    },
  },
  title: "PolicyException",
  description: "an exception that ends by itself; see docs/packs.md",
} as const;
