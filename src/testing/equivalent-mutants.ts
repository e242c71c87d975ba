import { isRecord, type KubeObject } from "../model/kubernetes.js";
import { CHECKS } from "../rules/index.js";
import type { Site } from "./pack-sites.js";

/** Would a pack with this value (undefined: none) at the site say the same of every request? Then no test could tell the two apart. */
export function changesNothing(site: Site, value: unknown, pack: KubeObject): boolean {
  return value === undefined && SAME_WITHOUT.some((isSame) => isSame(site, pack));
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
  ({ field, value, steps }, pack) => field === "operations" && steps.length === 5 && Array.isArray(value) && ["CREATE", "UPDATE"].every((one) => value.includes(one)) && judgesWritten(pack, steps),
];

function judgesWritten({ spec }: KubeObject, [, section, index]: Site["steps"]): boolean {
  const rules = isRecord(spec) ? spec["rules"] : undefined;
  const rule: unknown = section === "rules" && typeof index === "number" && Array.isArray(rules) ? rules[index] : undefined;
  return isRecord(rule) && CHECKS.some(({ id, ofWritten }) => id === rule["check"] && ofWritten === true);
}
