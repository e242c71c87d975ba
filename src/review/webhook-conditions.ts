/** CEL conditions of webhook configurations. Every one is safe where a field is absent: an error in one refuses the request under `Fail` (facts/admission.md 7). */

export interface MatchCondition {
  readonly name: string;
  readonly expression: string;
}

/** "Nodes, leases, CSRs and `system:nodes` are never matched": a node tells of mirror pods after it has started them. */
export const NO_NODE: MatchCondition = { name: "no-node", expression: '!has(request.userInfo.groups) || !("system:nodes" in request.userInfo.groups)' };

/** Deletes that are always admitted; without Sluice they must not wait either, or no namespace goes (A5). */
export function noCleaner(users: Iterable<string>): MatchCondition {
  return { name: "no-cleaner", expression: `request.operation != "DELETE" || !has(request.userInfo.username) || !(request.userInfo.username in ${textList([...users])})` };
}

/** Exempt names that are patterns, which a namespaceSelector cannot say. For a Namespace itself, `request.namespace` is its name. */
export function noExemptPattern(patterns: readonly string[]): readonly MatchCondition[] {
  const wild = patterns.filter(isPattern);
  return wild.length > 0 ? [{ name: "no-exempt-pattern", expression: `!has(request.namespace) || !(${matchesAny(wild)})` }] : [];
}

/**
 * In exempt namespaces only what can change who reaches whom elsewhere: everything but pods and namespaces, and of these
 * the UPDATEs that change labels.
 */
export function exemptOnlyWhereItCounts(patterns: readonly string[]): readonly MatchCondition[] {
  return patterns.length === 0 ? [] : [{ name: "exempt-only-where-it-counts", expression: `!has(request.namespace) || !(${isOneOf(patterns)}) || ${COUNTS}` }];
}

/** The same of exempt namespaces, and nothing of others. */
export function onlyExemptWhereItCounts(patterns: readonly string[]): readonly MatchCondition[] {
  return patterns.length === 0 ? [] : [{ name: "only-exempt-where-it-counts", expression: `has(request.namespace) && (${isOneOf(patterns)}) && (${COUNTS})` }];
}

const LABELS_CHANGE = 'request.operation == "UPDATE" && (has(object.metadata.labels) ? object.metadata.labels : {}) != (has(oldObject.metadata.labels) ? oldObject.metadata.labels : {})';
const COUNTS = `request.resource.group != "" || !(request.resource.resource in ["pods", "namespaces"]) || (${LABELS_CHANGE})`;

function isOneOf(patterns: readonly string[]): string {
  const names = patterns.filter((pattern) => !isPattern(pattern));
  const wild = patterns.filter(isPattern);
  return [...(names.length > 0 ? [`request.namespace in ${textList(names)}`] : []), ...(wild.length > 0 ? [matchesAny(wild)] : [])].join(" || ");
}

export function isPattern(name: string): boolean {
  return name.includes("*");
}

function matchesAny(patterns: readonly string[]): string {
  const prefixes = patterns.filter((pattern) => pattern.indexOf("*") === pattern.length - 1).map((pattern) => pattern.slice(0, -1));
  const others = patterns.filter((pattern) => pattern.indexOf("*") < pattern.length - 1);
  const ofPrefixes = prefixes.length > 0 ? [`${textList(prefixes)}.exists(prefix, request.namespace.startsWith(prefix))`] : [];
  return [...ofPrefixes, ...others.map((pattern) => `request.namespace.matches(${text(`^${pattern.split("*").map(escapeRegExp).join(".*")}$`)})`)].join(" || ");
}

function textList(texts: readonly string[]): string {
  return `[${texts.map(text).join(", ")}]`;
}

/** A CEL string: its escapes are those of JSON. */
function text(value: string): string {
  return JSON.stringify(value);
}

function escapeRegExp(value: string): string {
  return value.replace(/[.+?^${}()|[\]\\]/g, "\\$&");
}
