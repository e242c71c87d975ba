/** Pieces of JSON Schema that several kinds share. Each says in its description what its field means. */

/**
 * For schemas of Sluice's own: they are known to be valid (a test asks), and run too seldom to be worth optimising. Checking and
 * optimising them is half of what a start spends on them, 0.1 s.
 */
export const OWN_SCHEMA = { allErrors: true, strict: false, validateSchema: false, code: { optimize: false } } as const;

export const API_VERSION = { const: "sluice.dev/v1alpha1", description: "the version of this format" } as const;

export const IDENTIFIER = {
  type: "string",
  pattern: "^[a-z0-9]([a-z0-9-]*[a-z0-9])?$",
  maxLength: 63,
  description: "lower-case letters, digits and dashes",
  examples: ["shop-segmentation"],
} as const;

export const METADATA = {
  type: "object",
  required: ["name"],
  properties: { name: { ...IDENTIFIER, description: "its name: other objects and messages use it" } },
  description: "as of every object of Kubernetes",
} as const;

export const ACTION = {
  enum: ["deny", "warn", "dryrun", "off"],
  description: "deny: refuse; warn: admit with a warning; dryrun: only count and report; off: do not ask",
} as const;

/** Also what an overlay may say of a rule. */
export const ENFORCEMENT = {
  type: "object",
  additionalProperties: false,
  minProperties: 1,
  properties: {
    webhook: { ...ACTION, description: "at admission (`serve`, `review`)" },
    audit: { ...ACTION, description: "in reports on what is there" },
    check: { ...ACTION, description: "in `check`, on manifests before they are applied" },
  },
  description: "what it does instead where admission, `audit` or `check` asks",
  examples: [{ check: "deny", webhook: "warn" }],
} as const;

/** What happens to a pod that is created. */
export const HOLD = { ...ACTION, description: "what happens to a pod that is created while the rule does not hold for it (deny: it is held back until it does); nothing by default" } as const;

export const strings = <const T extends string, const E>(description: T, examples: readonly E[]) => ({ type: "array", items: { type: "string" }, description, examples }) as const;

/** A text of one sentence or so. */
export const text = <const T extends string, const E extends string>(description: T, ...examples: readonly E[]) => ({ type: "string", description, examples }) as const;
