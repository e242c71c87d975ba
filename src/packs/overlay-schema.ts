import { PROFILE_SCHEMA } from "./profile-schema.js";
import { ACTION, API_VERSION, ENFORCEMENT, HOLD, METADATA, text } from "./schema-parts.js";

const RULE = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    enforcementAction: { ...ACTION, description: "what a violation does, at every enforcement point that `enforcement` does not name; also the most that it does to pods that are created, unless `hold` says otherwise" },
    enforcement: ENFORCEMENT,
    hold: HOLD,
  },
  description: "what the rule does here",
} as const;

/** JSON Schema of `kind: PackOverlay`. Which parameters and rules there are, the packs say. */
export const OVERLAY_SCHEMA = {
  type: "object",
  additionalProperties: false,
  required: ["apiVersion", "kind", "metadata", "spec"],
  properties: {
    apiVersion: API_VERSION,
    kind: { const: "PackOverlay", description: "an operator's choices for the packs in force" },
    metadata: METADATA,
    spec: {
      type: "object",
      additionalProperties: false,
      properties: {
        description: text("what it is for, in one line", "our production clusters"),
        profile: { type: "object", description: `switches of the profile: ${Object.keys(PROFILE_SCHEMA.properties).join(", ")}`, examples: [{ dnsMode: "node-local" }] },
        parameters: { type: "object", additionalProperties: { type: "object" }, description: "values of parameters, by pack, then by name; a list is replaced, not added to", examples: [{ segmentation: { zoneLabel: "tier" } }] },
        rules: { type: "object", additionalProperties: RULE, description: "by `pack/rule`; `*` stands for any text (`pack/*` is the whole pack), and what names a rule in full wins over what does not", examples: [{ "segmentation/*": { enforcementAction: "warn" } }] },
        enforce: {
          type: "array",
          items: {
            type: "object",
            additionalProperties: false,
            required: ["rules"],
            properties: {
              rules: { type: "array", minItems: 1, items: { type: "string" }, description: "`pack/rule`; `*` stands for any text", examples: [["baseline/*"]] },
              namespaces: { type: "array", minItems: 1, items: { type: "string" }, description: "where the change is made; `*` stands for any text; everywhere by default", examples: [["shop", "team-*"]] },
            },
          },
          description: "what `serve --mode audit` enforces all the same; without that mode everything is enforced",
          examples: [[{ rules: ["baseline/*"], namespaces: ["shop"] }]],
        },
      },
      description: "what it chooses",
    },
  },
  title: "PackOverlay",
  description: "choices for packs without a copy of them; see docs/packs.md",
} as const;
