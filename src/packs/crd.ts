import type { KubeObject } from "../model/kubernetes.js";
import { EXCEPTION_SCHEMA } from "./exception-schema.js";
import { PACK_SCHEMA } from "./schema.js";
import { structural, type Structural } from "./structural.js";

/** The kinds of Sluice's own that live in a cluster: cluster-scoped, because what they say holds for all of it. */
export const OWN_KINDS = [
  { group: "sluice.dev", version: "v1alpha1", kind: "RulePack", resource: "rulepacks", namespaced: false },
  { group: "sluice.dev", version: "v1alpha1", kind: "PolicyException", resource: "policyexceptions", namespaced: false },
] as const;

const TEXT: Structural = { type: "string" };
const WHOLE: Structural = { type: "integer", format: "int64" };
const FLAG: Structural = { type: "boolean" };

const STATUS: Structural = {
  type: "object",
  description: "What became of it; written by Sluice",
  properties: {
    observedGeneration: { ...WHOLE, description: "the generation that this is about" },
    hash: { ...TEXT, description: "names what is in force of it: the generation last accepted" },
    problems: { type: "array", items: TEXT, description: "why it is not in force as it stands; its last good state is" },
    conditions: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["type"],
      items: {
        type: "object",
        required: ["type", "status"],
        properties: { type: TEXT, status: TEXT, reason: TEXT, message: TEXT, observedGeneration: WHOLE, lastTransitionTime: { type: "string", format: "date-time" } },
      },
    },
    replicas: {
      type: "array",
      "x-kubernetes-list-type": "map",
      "x-kubernetes-list-map-keys": ["name"],
      description: "what each replica has in force",
      items: { type: "object", required: ["name"], properties: { name: TEXT, observedGeneration: WHOLE, accepted: FLAG, hash: TEXT, seen: { type: "string", format: "date-time" } } },
    },
  },
};

interface Column {
  readonly name: string;
  readonly type: string;
  readonly jsonPath: string;
  readonly priority?: number;
}

const ACCEPTED: Column = { name: "Accepted", type: "string", jsonPath: '.status.conditions[?(@.type=="Accepted")].status' };
const AGE: Column = { name: "Age", type: "date", jsonPath: ".metadata.creationTimestamp" };
const PROBLEM: Column = { name: "Problem", type: "string", jsonPath: ".status.problems[0]", priority: 1 };

/** The definitions of `OWN_KINDS`, with the schema of packs and exceptions. */
export function customResourceDefinitions(): readonly KubeObject[] {
  return [
    definition(OWN_KINDS[0], asStored(), [ACCEPTED, { name: "Hash", type: "string", jsonPath: ".status.hash" }, PROBLEM, AGE]),
    definition(OWN_KINDS[1], EXCEPTION_SCHEMA, [{ name: "Owner", type: "string", jsonPath: ".spec.owner" }, { name: "Expires", type: "string", jsonPath: ".spec.expires" }, ACCEPTED, PROBLEM, AGE]),
  ];
}

/**
 * The schema of packs as they are stored: before parameters are put in, lists and sets of `namespaces` and `endpoints` may be
 * texts, and a pack that extends others gives of a rule or a parameter only what it changes.
 */
function asStored(): { readonly properties: { readonly spec: unknown } } {
  const { spec } = PACK_SCHEMA.properties;
  const { parameters, rules } = spec.properties;
  const free = { type: "object", additionalProperties: { type: "object" } } as const;
  const properties = {
    ...spec.properties,
    namespaces: { ...free, description: spec.properties.namespaces.description },
    endpoints: { ...free, description: spec.properties.endpoints.description },
    parameters: { ...parameters, additionalProperties: { ...parameters.additionalProperties, required: [] } },
    rules: { ...rules, items: { ...rules.items, required: ["id"] } },
  };
  return { properties: { spec: { ...spec, properties } } };
}

function definition({ group, version, kind, resource }: (typeof OWN_KINDS)[number], schema: { readonly properties: { readonly spec: unknown } }, columns: readonly Column[]): KubeObject {
  const spec = structural(schema.properties.spec);
  const openAPIV3Schema = { type: "object", required: ["spec"], properties: { apiVersion: TEXT, kind: TEXT, metadata: { type: "object" }, spec, status: STATUS } };
  return {
    apiVersion: "apiextensions.k8s.io/v1",
    kind: "CustomResourceDefinition",
    metadata: { name: `${resource}.${group}`, labels: { "app.kubernetes.io/name": "sluice" } },
    spec: {
      group,
      scope: "Cluster",
      names: { kind, listKind: `${kind}List`, plural: resource, singular: kind.toLowerCase() },
      versions: [{ name: version, served: true, storage: true, schema: { openAPIV3Schema }, subresources: { status: {} }, additionalPrinterColumns: columns }],
    },
  };
}

/** Is this one of Sluice's own kinds, in a request or as an object? */
export function isOwnKind({ group, kind }: { readonly group: string; readonly kind: string }): boolean {
  return OWN_KINDS.some((own) => own.group === group && own.kind === kind);
}
