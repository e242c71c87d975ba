import { CHECKS } from "../rules/index.js";

/** JSON Schema of `kind: RulePack`, checked after parameters are put in. */

export const ACTION = { enum: ["deny", "warn", "dryrun", "off"] } as const;
const STRINGS = { type: "array", items: { type: "string" } } as const;
export const IDENTIFIER = { type: "string", pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$" } as const;

const MATCH = {
  type: "object",
  additionalProperties: false,
  properties: {
    kinds: { ...STRINGS, description: "kinds by name; `Kind.group` tells two of one name apart" },
    operations: { type: "array", items: { enum: ["CREATE", "UPDATE", "DELETE"] } },
    namespaces: { oneOf: [{ type: "string" }, { type: "object" }], description: "a named namespace set, or one written here" },
    conditions: { ...STRINGS, description: "CEL; all must be true" },
  },
} as const;

const PARAMETER = {
  type: "object",
  required: ["type", "default", "description"],
  properties: { type: { enum: ["string", "boolean", "integer", "array"] }, default: {}, description: { type: "string" }, enum: { type: "array" }, items: { type: "object" }, pattern: { type: "string" } },
} as const;

/** The part that is read before parameters are put in. */
export const PARAMETERS_SCHEMA = {
  type: "object",
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: { const: "sluice.dev/v1alpha1" },
    kind: { const: "RulePack" },
    metadata: { type: "object", required: ["name"], properties: { name: IDENTIFIER } },
    spec: { type: "object", properties: { parameters: { type: "object", additionalProperties: PARAMETER } } },
  },
} as const;

/** Also what an overlay may say of a rule. */
export const ENFORCEMENT = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: { webhook: ACTION, audit: ACTION, check: ACTION },
  description: "what it does instead where admission, `audit` or `check` asks",
} as const;

const RULE = {
  type: "object",
  additionalProperties: false,
  required: ["id", "check", "enforcementAction"],
  properties: {
    id: IDENTIFIER,
    check: { enum: CHECKS.map((check) => check.id) },
    description: { type: "string" },
    enforcementAction: ACTION,
    enforcement: ENFORCEMENT,
    severity: { enum: ["low", "medium", "high", "critical"] },
    message: { type: "string" },
    when: { type: "string" },
    match: MATCH,
    hold: ACTION,
    baseline: { type: "boolean" },
    lenientWhileSettingUp: { type: "boolean" },
    remediation: { type: "string" },
    link: { type: "string" },
    with: { type: "object", default: {} },
  },
  allOf: CHECKS.map((check) => ({ if: { properties: { check: { const: check.id } } }, then: { properties: { with: check.schema }, ...("required" in check.schema ? { required: ["with"] } : {}) } })),
} as const;

const EXEMPTION = {
  type: "object",
  additionalProperties: false,
  required: ["rules", "becomes", "match"],
  properties: { rules: STRINGS, becomes: { enum: ["off", "warn", "note"] }, match: MATCH, note: { type: "string" }, description: { type: "string" } },
} as const;

const PROVISION = {
  type: "object",
  additionalProperties: false,
  required: ["baseline", "match"],
  properties: {
    baseline: { type: "string" },
    when: { type: "string" },
    match: MATCH,
    existing: { type: "boolean", default: false, description: "namespaces that are older than Sluice too" },
    restore: { type: "boolean", default: false, description: "write again what is deleted of the policies that Sluice wrote" },
  },
} as const;

export const PACK_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: { const: "sluice.dev/v1alpha1" },
    kind: { const: "RulePack" },
    metadata: { type: "object", required: ["name"], properties: { name: IDENTIFIER } },
    spec: {
      type: "object",
      additionalProperties: false,
      required: ["rules"],
      properties: {
        description: { type: "string" },
        extends: { type: "array", items: IDENTIFIER },
        inForce: { type: "boolean", default: true },
        failureMode: { enum: ["Deny", "Allow"], default: "Deny" },
        unproven: { enum: ["warn", "deny"], default: "warn" },
        link: { type: "string" },
        rollout: { enum: ["free", "monotonic"], default: "free", description: "monotonic: in a cluster, a change that takes something away needs an approval (annotation `sluice.dev/approved`)" },
        parameters: { type: "object", default: {}, additionalProperties: PARAMETER },
        exemptNamespaces: { ...STRINGS, default: [] },
        namespaces: { type: "object", default: {}, additionalProperties: { type: "object" } },
        endpoints: { type: "object", default: {}, additionalProperties: { type: "object" } },
        baselines: {
          type: "object",
          default: {},
          additionalProperties: { type: "object", additionalProperties: false, required: ["description", "policies"], properties: { description: { type: "string" }, policies: { type: "array", items: { type: "object" } } } },
        },
        watches: {
          type: "array",
          default: [],
          items: { type: "object", additionalProperties: false, required: ["group", "version", "kind", "resource", "namespaced"], properties: { group: { type: "string" }, version: { type: "string" }, kind: { type: "string" }, resource: { type: "string" }, namespaced: { type: "boolean" } } },
        },
        detects: {
          type: "array",
          default: [],
          items: {
            type: "object", additionalProperties: false, required: ["switch", "value", "exists"],
            properties: {
              switch: { type: "string", description: "name of a switch of the profile" },
              value: { description: "its value while the object exists and nobody sets the switch" },
              exists: { type: "object", additionalProperties: false, required: ["group", "kind", "name"], properties: { group: { type: "string" }, kind: { type: "string" }, namespace: { type: "string" }, name: { type: "string" } } },
            },
          },
        },
        rules: { type: "array", items: RULE },
        exemptions: { type: "array", default: [], items: EXEMPTION },
        provisions: { type: "array", default: [], items: PROVISION },
      },
    },
  },
} as const;

const NAMES = { type: "array", minItems: 1, items: { type: "string", minLength: 1 } } as const;

/** JSON Schema of `kind: PolicyException`. */
export const EXCEPTION_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: { const: "sluice.dev/v1alpha1" },
    kind: { const: "PolicyException" },
    metadata: { type: "object", required: ["name"], properties: { name: IDENTIFIER } },
    spec: {
      type: "object",
      additionalProperties: false,
      required: ["owner", "reason", "expires", "rules"],
      properties: {
        owner: { type: "string", description: "who answers for it: a team or a person that can be asked", examples: ["payments-team@example.com"] },
        reason: { type: "string", description: "why the rules cannot be kept, and what is done about it", examples: ["the old billing pods move to space-billing in the first quarter"] },
        expires: { type: "string", description: "its last day (UTC), or its end with a time zone (RFC 3339)", examples: ["2027-01-31", "2027-01-31T18:00:00+01:00"] },
        rules: { type: "array", minItems: 1, items: { type: "string", pattern: "^[a-z0-9*-]+/[a-z0-9*-]+$" }, description: "rules as `pack/rule`; `*` stands for any text, and `pack/*` for a whole pack", examples: [["baseline/*", "restricted/broad-egress"]] },
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
        },
        users: { ...NAMES, description: "who makes the change: user names, or `group:NAME`; `*` stands for any text. Absent: anyone", examples: [["system:serviceaccount:ci:deployer", "group:platform"]] },
      },
    },
  },
} as const;
