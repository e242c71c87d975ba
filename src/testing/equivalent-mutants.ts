import { compileCel } from "../cel/expression.js";
import { isRecord, recordsIn, textsIn, type KubeObject } from "../model/kubernetes.js";
import { CHECKS } from "../rules/index.js";
import type { Check } from "../rules/rule.js";
import type { Site } from "./pack-sites.js";

/** Would a pack with this value (undefined: none) at the site say the same of every request? Then no test could tell the two apart. */
export function changesNothing(site: Site, value: unknown, pack: KubeObject): boolean {
  if (value === undefined) return SAME_WITHOUT.some((isSame) => isSame(site, pack));
  // What only changes objects refuses nothing: its action says whether it is in force.
  return site.field === "enforcementAction" && value !== "off" && checkAt(pack, site.steps)?.onlyMutates === true;
}

/** What may be left out without a difference; each with its reason. */
const SAME_WITHOUT: readonly ((site: Site, pack: KubeObject) => boolean)[] = [
  // "If not specified, this field defaults to TCP", in policies as in packs.
  ({ field, value }) => field === "protocol" && value === "TCP",
  // "An empty podSelector matches all pods in this namespace", and an absent one is an empty one.
  ({ field, value, steps }) => field === "podSelector" && steps.at(-2) === "spec" && isRecord(value) && Object.keys(value).length === 0,
  // Only the creation of a Namespace is provisioned.
  ({ field, steps }) => steps[1] === "provisions" && steps.length === 5 && (field === "kinds" || field === "operations"),
  // A check of what is written finds nothing in a deletion.
  (site, pack) => isWritten(site) && checkAt(pack, site.steps)?.ofWritten === true,
  // Peers are those of the subject's own namespace unless the endpoint says otherwise.
  ({ field, value }) => field === "namespaces" && value === "same",
  // Likewise an expression that is true of every deletion.
  (site, pack) => isWritten(site) && isTrueOfDeletions(ruleOf(pack, site.steps)),
  // A Pod or a Namespace is always admitted to go.
  (site) => isWritten(site) && ofPodsAndNamespaces(site),
  // An empty list of addresses names nobody, with or without the condition that asks for a longer one.
  ({ field, value, parent }, pack) => field === "when" && isRecord(parent) && listsOnly(parent, pack, /^size\((.+)\) > 0$/.exec(String(value))?.[1]),
  // Likewise; and what is created has no past.
  (site) => isUpdateOnly(site) && ofPodsAndNamespaces(site) && conditionsBeside(site).some((condition) => isFalseWithoutPast(condition)),
];

/** Are `$(list)` all addresses that an alternative, or each flow of a rule, is about? */
function listsOnly(owner: Record<string, unknown>, pack: KubeObject, list: string | undefined): boolean {
  if (list === undefined) return false;
  const isListed = (end: unknown): boolean => isRecord(end) && (end["addresses"] === `$(${list})` || end["anyAddress"] === `$(${list})`);
  if (isListed(owner)) return true;
  const flows = recordsIn(isRecord(owner["with"]) ? owner["with"]["flows"] : undefined);
  return flows.length > 0 && flows.every((flow) => isListed(endpointOf(pack, flow["egressTo"] ?? flow["ingressFrom"])));
}

function endpointOf({ spec }: KubeObject, named: unknown): unknown {
  const endpoints = isRecord(spec) ? spec["endpoints"] : undefined;
  return typeof named === "string" ? (isRecord(endpoints) ? endpoints[named] : undefined) : named;
}

function isWritten({ field, value, steps }: Site): boolean {
  return field === "operations" && steps.length === 5 && steps[1] === "rules" && Array.isArray(value) && ["CREATE", "UPDATE"].every((one) => value.includes(one));
}

function isUpdateOnly({ field, value, steps }: Site): boolean {
  return field === "operations" && steps.length === 5 && steps[1] === "rules" && Array.isArray(value) && value.length === 1 && value[0] === "UPDATE";
}

function ofPodsAndNamespaces({ parent }: Site): boolean {
  const kinds = isRecord(parent) ? textsIn(parent["kinds"]) : [];
  return kinds.length > 0 && kinds.every((kind) => kind === "Pod" || kind === "Namespace");
}

function conditionsBeside({ parent }: Site): readonly string[] {
  return isRecord(parent) ? textsIn(parent["conditions"]) : [];
}

/** A condition that is false when there is no stored object, whatever else there is: asking for anything else fails. */
function isFalseWithoutPast(condition: string): boolean {
  const program = compileCel(condition);
  const result = program.ok ? program.value({ oldObject: null, object: UNKNOWN, request: UNKNOWN, namespaceObject: UNKNOWN, params: UNKNOWN, profile: UNKNOWN }) : program;
  return result.ok && result.value === false;
}

/** A `cel-expression` that holds where there is no object, whatever else there is. */
function isTrueOfDeletions(rule: Record<string, unknown> | undefined): boolean {
  const expression = rule?.["check"] === "cel-expression" && isRecord(rule["with"]) ? rule["with"]["expression"] : undefined;
  const program = typeof expression === "string" ? compileCel(expression) : undefined;
  const result = program?.ok === true ? program.value({ object: null, oldObject: UNKNOWN, request: UNKNOWN, namespaceObject: UNKNOWN, params: UNKNOWN, profile: UNKNOWN }) : undefined;
  return result?.ok === true && result.value === true;
}

const UNKNOWN = new Proxy<Record<string, unknown>>({}, {
  get: () => {
    throw new Error("not known");
  },
});

/** The check of the rule that the steps lead into. */
function checkAt(pack: KubeObject, steps: Site["steps"]): Check | undefined {
  const rule = ruleOf(pack, steps);
  return rule && CHECKS.find(({ id }) => id === rule["check"]);
}

function ruleOf({ spec }: KubeObject, [, section, index]: Site["steps"]): Record<string, unknown> | undefined {
  const rules = isRecord(spec) ? spec["rules"] : undefined;
  const rule: unknown = section === "rules" && typeof index === "number" && Array.isArray(rules) ? rules[index] : undefined;
  return isRecord(rule) ? rule : undefined;
}
