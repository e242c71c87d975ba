import type { Asked } from "./api-audit.js";

interface PolicyRule {
  readonly apiGroups?: readonly string[];
  readonly resources?: readonly string[];
  readonly resourceNames?: readonly string[];
  readonly nonResourceURLs?: readonly string[];
  readonly verbs: readonly string[];
}
interface Bound {
  readonly metadata: { readonly name: string; readonly namespace?: string };
  readonly rules: readonly PolicyRule[];
}

/** One thing that a role allows: one verb on one resource, or on one object of it. */
export interface Right {
  readonly role: string;
  readonly namespace?: string;
  readonly verb: string;
  readonly group: string;
  readonly what: string;
  readonly names?: readonly string[];
}

/** Every single right of these roles. */
export function rightsOf(roles: readonly Bound[]): readonly Right[] {
  return roles.flatMap(({ metadata: { name, namespace }, rules }) => rules.flatMap(({ apiGroups = [], resources = [], resourceNames, verbs }) =>
    apiGroups.flatMap((group) => resources.flatMap((what) => verbs.map((verb) => ({ role: name, verb, group, what, ...(namespace !== undefined && { namespace }), ...(resourceNames && { names: resourceNames }) }))))));
}

export function isUsed(right: Right, asked: readonly Asked[]): boolean {
  return asked.some((one) => one.verb === right.verb && one.group === right.group && one.what === right.what && (right.namespace === undefined || right.namespace === one.namespace) && (right.names?.includes(one.name ?? "") ?? true));
}

/** As a test names it: `get sluice.dev/rulepacks`. */
export function textOf({ verb, group, what }: Pick<Right, "verb" | "group" | "what">): string {
  return `${verb} ${group === "" ? "" : `${group}/`}${what}`;
}
