import { CHECKS } from "../rules/index.js";
import { ENDPOINT_SCHEMA } from "../rules/endpoint-selector.js";
import { NAMESPACE_SCHEMA } from "../rules/namespace-selector.js";
import { ACTION, API_VERSION, ENFORCEMENT, HOLD, IDENTIFIER, METADATA, strings, text } from "./schema-parts.js";

/** JSON Schema of `kind: RulePack`, checked after parameters are put in. */

const MATCH = {
  type: "object",
  additionalProperties: false,
  properties: {
    kinds: strings("kinds by name; `Kind.group` tells two of one name apart. Absent: every kind that Sluice sees", [["Pod", "NetworkPolicy"], ["Project.example.com"]]),
    operations: { type: "array", items: { enum: ["CREATE", "UPDATE", "DELETE"] }, description: "absent: all of them", examples: [["CREATE", "UPDATE"]] },
    namespaces: { oneOf: [{ type: "string" }, NAMESPACE_SCHEMA], description: "a set of `spec.namespaces` (`pack/name`: of another pack), or one written here", examples: ["guarded", { names: ["shop-*"] }] },
    conditions: strings("CEL over the request; all must be true", [["request.userInfo.username != 'system:serviceaccount:ci:deployer'", "hasLabel(object, 'zone')"]]),
  },
  description: "which requests it is about; all that is given must fit",
  examples: [{ kinds: ["Pod"], operations: ["CREATE"] }],
} as const;

const PARAMETER = {
  type: "object",
  additionalProperties: false,
  required: ["type", "default", "description"],
  properties: {
    type: { enum: ["string", "boolean", "integer", "array"], description: "type of its value; `array` is a list of `items`" },
    default: { description: "its value where neither an overlay nor `--set` gives one", examples: ["zone", true, [443]] },
    description: text("what it is for, in one line", "the namespace label that names the zone"),
    enum: { type: "array", minItems: 1, items: { type: ["string", "integer"] }, description: "the values it may have", examples: [["warn", "deny"]] },
    items: {
      type: "object",
      additionalProperties: false,
      required: ["type"],
      properties: { type: { enum: ["string", "integer"], description: "type of each item" }, enum: { type: "array", minItems: 1, items: { type: ["string", "integer"] }, description: "the values that items may have", examples: [["TCP", "UDP"]] }, pattern: text("a regular expression (RE2) that each item matches", "^[a-z]+$") },
      description: "what the items of a list are",
      examples: [{ type: "string" }],
    },
    pattern: text("a regular expression (RE2) that a text matches", "^[a-z]+$"),
    minimum: { type: "integer", description: "least value of a number", examples: [0] },
    maximum: { type: "integer", description: "greatest value of a number", examples: [32] },
    minItems: { type: "integer", minimum: 0, description: "least length of a list", examples: [1] },
    maxItems: { type: "integer", minimum: 0, description: "greatest length of a list", examples: [10] },
  },
  description: "a typed parameter; `$(params.NAME)` puts its value where that stands",
} as const;

/** The part that is read before parameters are put in. */
export const PARAMETERS_SCHEMA = {
  type: "object",
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: API_VERSION,
    kind: { const: "RulePack" },
    metadata: METADATA,
    spec: { type: "object", properties: { parameters: { type: "object", additionalProperties: PARAMETER } } },
  },
} as const;

const RULE = {
  type: "object",
  additionalProperties: false,
  required: ["id", "check", "enforcementAction"],
  properties: {
    id: { ...IDENTIFIER, description: "its name in messages, overlays and exceptions: `pack/id`. Rules that share one are turned on, off and excepted together", examples: ["frontend-to-data"] },
    check: { enum: CHECKS.map((check) => check.id), description: "the code behind it; docs/packs.md says what each does" },
    description: text("what it is for, in one line", "no pod of the frontend zone reaches a pod of the data zone"),
    enforcementAction: ACTION,
    enforcement: ENFORCEMENT,
    severity: { enum: ["low", "medium", "high", "critical"], description: "how much it matters, for reports; what it does is its action" },
    message: text("said before what was found", "zones are kept apart"),
    when: text("CEL over params and profile: the rule is in force only where it is true", "size(params.vpcCidrs) > 0"),
    match: MATCH,
    hold: HOLD,
    baseline: { type: "boolean", description: "it is part of what makes a namespace's baseline: while that does not hold and no pod runs, the namespace is being set up" },
    lenientWhileSettingUp: { type: "boolean", description: "a namespace that is being set up gets a warning instead of a refusal" },
    remediation: text("what to do about a violation", "let frontend talk to backend, and backend to data"),
    link: { ...text("where people read more", "https://example.com/rules/zones"), pattern: "^https?://" },
    with: { type: "object", default: {}, description: "what the check wants to know", examples: [{ labels: [{ key: "zone" }] }] },
  },
  allOf: CHECKS.map((check) => ({ if: { properties: { check: { const: check.id } }, required: ["check"] }, then: { properties: { with: { description: check.description, ...check.schema } }, ...("required" in check.schema ? { required: ["with"] } : {}) } })),
  description: "one rule: a check with what it wants to know",
} as const;

const EXEMPTION = {
  type: "object",
  additionalProperties: false,
  required: ["rules", "becomes", "match"],
  properties: {
    rules: strings("rules as `pack/rule`; `*` stands for any text", [["baseline/declared"], ["*"]]),
    becomes: { enum: ["off", "warn", "note"], description: "off: no violation; warn: only a warning; note: as it is, with the note added" },
    match: MATCH,
    note: text("said with the violation, where it becomes a note", "the controller will undo this; change its source instead"),
    description: text("why", "the controller refuses namespaces that were made before"),
  },
  description: "requests that some rules do not apply to, for good; for a while, see PolicyException",
} as const;

const PROVISION = {
  type: "object",
  additionalProperties: false,
  required: ["baseline", "match"],
  properties: {
    baseline: text("a baseline of this or another pack", "default-deny-dns"),
    when: text("CEL over params and profile: in force only where it is true", "params.onNamespaceCreate == 'Provision'"),
    match: MATCH,
    existing: { type: "boolean", default: false, description: "namespaces that are older than Sluice too" },
    restore: { type: "boolean", default: false, description: "write again what is deleted of the policies that Sluice wrote" },
  },
  description: "namespaces that are given the policies of a baseline when they are created",
} as const;

const BASELINE = {
  type: "object",
  additionalProperties: false,
  required: ["description", "policies"],
  properties: {
    description: text("what it allows, in one line", "allow DNS, deny everything else in both directions"),
    policies: { type: "array", items: { type: "object" }, description: "the policies, allowances before the deny, as they are applied", examples: [[{ apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "default-deny" }, spec: { podSelector: {}, policyTypes: ["Ingress", "Egress"] } }]] },
  },
  description: "policies that a namespace may declare as its own",
} as const;

const WATCH = {
  type: "object",
  additionalProperties: false,
  required: ["group", "version", "kind", "resource", "namespaced"],
  properties: {
    group: { type: "string", description: "API group; empty for the core group", examples: ["discovery.k8s.io", ""] },
    version: text("version of the API", "v1"),
    kind: text("kind", "EndpointSlice"),
    resource: text("its plural, as in paths", "endpointslices"),
    namespaced: { type: "boolean", description: "do its objects lie in namespaces?" },
  },
  description: "a kind beside pods, namespaces and policies that rules read or judge",
} as const;

const DETECTION = {
  type: "object",
  additionalProperties: false,
  required: ["switch", "value", "exists"],
  properties: {
    switch: text("name of a switch of the profile", "dnsMode"),
    value: { description: "its value while the object exists and nobody sets the switch", examples: ["node-local"] },
    exists: {
      type: "object",
      additionalProperties: false,
      required: ["group", "kind", "name"],
      properties: { group: { type: "string", description: "API group; empty for the core group", examples: ["apps"] }, kind: text("kind", "DaemonSet"), namespace: text("namespace; absent for cluster-scoped kinds", "kube-system"), name: text("name", "node-local-dns") },
      description: "the object that tells it",
      examples: [{ group: "apps", kind: "DaemonSet", namespace: "kube-system", name: "node-local-dns" }],
    },
  },
  description: "a switch of the profile that an object of the cluster tells",
} as const;

export const PACK_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: API_VERSION,
    kind: { const: "RulePack", description: "a named set of rules" },
    metadata: METADATA,
    spec: {
      type: "object",
      additionalProperties: false,
      required: ["rules"],
      properties: {
        description: text("what the pack is for, in one line", "frontend reaches data by way of backend only"),
        extends: { type: "array", items: IDENTIFIER, description: "packs that this one is made of, weakest first; what stands here is put over them. A rule without `check` changes the fields it gives of the rules with its id", examples: [["segmentation"]] },
        inForce: { type: "boolean", default: true, description: "false: only there for other packs to extend" },
        failureMode: { enum: ["Deny", "Allow"], default: "Deny", description: "what a rule that fails inside means" },
        unproven: { enum: ["warn", "deny"], default: "warn", description: "what a proof that ends at its step budget means" },
        link: { ...text("where people read more about the pack", "https://example.com/packs/zones"), pattern: "^https?://" },
        rollout: { enum: ["free", "monotonic"], default: "free", description: "monotonic: in a cluster, a change that takes something away needs an approval (annotation `sluice.dev/approved`)" },
        parameters: { type: "object", default: {}, additionalProperties: PARAMETER, description: "what operators may set, by name; `$(CEL)` over `params` and `profile` stands for a value anywhere below `spec`", examples: [{ zoneLabel: { type: "string", default: "zone", description: "the label that names the zone" } }] },
        exemptNamespaces: { ...strings("names of namespaces that all packs take for exempt (`exempt: true`); `*` stands for any text", [["kube-system", "gke-*"]]), default: [] },
        namespaces: { type: "object", default: {}, additionalProperties: NAMESPACE_SCHEMA, description: "sets of namespaces, by name", examples: [{ guarded: { exempt: false } }] },
        endpoints: { type: "object", default: {}, additionalProperties: ENDPOINT_SCHEMA, description: "other ends of flows, by name: pods, addresses, or `anyOf` several", examples: [{ database: { pods: { namespaces: "data", matchLabels: { app: "db" } }, ports: ["5432/TCP"] } }] },
        baselines: { type: "object", default: {}, additionalProperties: BASELINE, description: "baselines, by name" },
        watches: { type: "array", default: [], items: WATCH, description: "kinds that rules need to know of" },
        detects: { type: "array", default: [], items: DETECTION, description: "what tells how the cluster is built" },
        rules: { type: "array", items: RULE, description: "the rules" },
        exemptions: { type: "array", default: [], items: EXEMPTION, description: "what some rules do not apply to" },
        provisions: { type: "array", default: [], items: PROVISION, description: "what namespaces are given" },
      },
      description: "what the pack says",
    },
  },
  title: "RulePack",
  description: "a named set of rules, read by `sluice`; see docs/packs.md",
} as const;
