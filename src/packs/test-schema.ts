import { ACTION, IDENTIFIER } from "./schema-parts.js";

/** JSON Schema of `kind: RulePackTest`. */

const TEXTS = { type: "array", items: { type: "string", minLength: 1 } } as const;
const RULE_IDS = { type: "array", items: { type: "string", pattern: "^[a-z0-9-]+/[a-z0-9-]+$" } } as const;
const LABELS = { type: "object", additionalProperties: { type: ["string", "null"] } } as const;
const OBJECT = {
  type: "object",
  required: ["apiVersion", "kind", "metadata"],
  properties: { apiVersion: { type: "string" }, kind: { type: "string", minLength: 1 }, metadata: { type: "object" } },
} as const;

const NAMED = {
  kind: { type: "string", minLength: 1, description: "`Kind`, or `Kind.group` where two kinds have one name" },
  namespace: { type: "string" },
  name: { type: "string", minLength: 1 },
} as const;

const AS = {
  oneOf: [
    { type: "string", minLength: 1 },
    { type: "object", additionalProperties: false, required: ["user"], properties: { user: { type: "string" }, groups: TEXTS } },
  ],
  description: "who makes the change; a service account by its user name has its groups (default: nobody that a pack knows)",
} as const;

const MESSAGE = {
  oneOf: [{ type: "string", minLength: 1 }, TEXTS, { type: "object", additionalProperties: false, required: ["matches"], properties: { matches: { type: "string", minLength: 1 } } }],
  description: "text, or several texts, that the answer (refusal and warnings) contains; or a regular expression (RE2) that it matches",
} as const;

const EXPECT = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    decision: { enum: ["admitted", "refused"], description: "default: refused where `violations` are listed, else admitted" },
    violations: { ...RULE_IDS, description: "the rules (`pack/rule`) that refuse the change, all of them" },
    warnings: { ...RULE_IDS, description: "the rules that only warn, all of them; not looked at when left out" },
    dryrun: { ...RULE_IDS, description: "the rules that are broken in dry run, all of them; not looked at when left out" },
    exact: { type: "boolean", description: "`false`: rules beside the listed ones may be broken too" },
    message: MESSAGE,
    lacks: { oneOf: [{ type: "string", minLength: 1 }, TEXTS], description: "text, or several texts, that the answer does not contain" },
    patch: {
      type: "object",
      additionalProperties: false,
      required: ["labels"],
      properties: { labels: { ...LABELS, description: "labels after the mutation; `null`: it has no such label" } },
      description: "what the object is like after the mutation",
    },
    provisions: { ...TEXTS, description: "the policies (`namespace/name`) that Sluice writes itself after the change, all of them" },
  },
} as const;

const ENDS = { oneOf: [{ type: "string", minLength: 1 }, { ...TEXTS, minItems: 1 }], description: "`namespace/pod`, `namespace/workload`, an address or a CIDR" } as const;

const CONNECTIVITY = {
  type: "object",
  additionalProperties: false,
  properties: {
    from: ENDS,
    to: ENDS,
    port: { type: ["string", "integer"], description: "`5432`, `UDP/53`, a port's name, several by comma; left out: any port (`reaches: false`: none)" },
    reaches: { type: "boolean", description: "`false`: it does not (default: it does)" },
    onlyFrom: { ...TEXTS, description: "all who reach `to`; nothing else does" },
    onlyTo: { ...TEXTS, description: "all that `from` reaches; nothing else" },
  },
  oneOf: [
    { required: ["from", "to"], not: { anyOf: [{ required: ["onlyFrom"] }, { required: ["onlyTo"] }] } },
    { required: ["to", "onlyFrom"], not: { anyOf: [{ required: ["from"] }, { required: ["onlyTo"] }, { required: ["reaches"] }] } },
    { required: ["from", "onlyTo"], not: { anyOf: [{ required: ["to"] }, { required: ["onlyFrom"] }, { required: ["reaches"] }] } },
  ],
} as const;

/** What a step does; at most one of them. */
export const ACTIONS = ["apply", "delete", "patch", "relabel"] as const;

const STEP = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    name: { type: "string" },
    apply: { oneOf: [OBJECT, { type: "array", minItems: 1, items: OBJECT }], description: "an object, or several one after the other, as `kubectl apply` sends them" },
    delete: { type: "object", additionalProperties: false, required: ["kind", "name"], properties: NAMED },
    patch: { type: "object", additionalProperties: false, required: ["kind", "name", "merge"], properties: { ...NAMED, merge: { type: "object", description: "JSON merge patch (RFC 7386)" } } },
    relabel: { type: "object", additionalProperties: false, required: ["kind", "name", "labels"], properties: { ...NAMED, labels: { ...LABELS, description: "`null` takes a label away" } } },
    as: AS,
    dryRun: { type: "boolean", description: "judged, but not applied" },
    expect: EXPECT,
    connectivity: { type: "array", minItems: 1, items: CONNECTIVITY, description: "what is possible after the step" },
  },
} as const;

const STATE = {
  type: "object",
  additionalProperties: false,
  properties: { files: { ...TEXTS, description: "files and folders, relative to this file" }, objects: { type: "array", items: OBJECT } },
} as const;

const CHOICES = {
  profile: { type: "object", description: "switches of the profile" },
  parameters: { type: "object", additionalProperties: { type: "object" }, description: "by pack, then by name" },
  rules: {
    type: "object",
    additionalProperties: { type: "object", additionalProperties: false, minProperties: 1, properties: { enforcementAction: ACTION, hold: ACTION } },
    description: "by `pack/rule`",
  },
  state: STATE,
  now: { type: "string", description: "the time of the test, for exceptions: an RFC 3339 date (its end, UTC) or date-time (default: when the test is run)" },
} as const;

const STEPS = { type: "array", minItems: 1, items: STEP, description: "one after the other; an admitted change is in the state of the next step" } as const;

export const TEST_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: { const: "sluice.dev/v1alpha1" },
    kind: { const: "RulePackTest" },
    metadata: { type: "object", required: ["name"], properties: { name: IDENTIFIER } },
    spec: {
      type: "object",
      additionalProperties: false,
      properties: {
        description: { type: "string" },
        packs: { ...TEXTS, minItems: 1, description: "files and folders of the packs under test, relative to this file (default: those of `--packs`)" },
        beside: { ...TEXTS, description: "packs that are in force too, but are not what is tested: neither covered nor mutated" },
        ...CHOICES,
        steps: STEPS,
        cases: {
          type: "array",
          minItems: 1,
          items: { type: "object", additionalProperties: false, required: ["name", "steps"], properties: { name: { type: "string", minLength: 1 }, ...CHOICES, steps: STEPS } },
          description: "several tests, each from the state above and its own",
        },
      },
      oneOf: [{ required: ["steps"] }, { required: ["cases"] }],
    },
  },
} as const;
