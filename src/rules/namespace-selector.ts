import type { Namespace } from "../model/endpoint.js";
import { groupOf, isRecord, type KubeObject } from "../model/kubernetes.js";
import { readLabelSelector } from "../model/label-selector.js";
import { Selection } from "../model/layered-map.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { NamespaceState, Snapshot } from "../model/snapshot.js";
import { LabelBox } from "../sets/label-box.js";
import { NAMESPACE_SCHEMA } from "./schema-selector.js";
import { Memory } from "../model/memory.js";

/** Whose pods a question is about: a namespace that exists, or any that could be made with such labels. */
export type Scope = Namespace | { readonly future: LabelBox };

/** A set of namespaces as packs write it. */
export interface NamespaceSelector {
  includes(namespace: Namespace): boolean;
  /** Could a namespace of this name be in it, whatever its labels and its owner? */
  couldInclude(name: string): boolean;
  /** The labels that a namespace of this set which does not exist yet would have; empty when only named or owned ones are in it. */
  readonly future: readonly LabelBox[];
  /** Names without wildcards, where the set lists some: whether such a namespace exists or not. */
  readonly names: readonly string[];
  /** Only the listed names are in it. */
  readonly named: boolean;
}

/** Which namespaces the packs in force leave out of their baseline. */
export type Exemption = (namespace: string) => boolean;

export { NAMESPACE_SCHEMA };

const selections = new Memory<NamespaceSelector, Selection<NamespaceState>>();

/** The existing namespaces of a set, in the snapshot's order. Remembered, so that asking again costs what has changed. */
export function namespacesIn({ namespaces }: Snapshot, selector: NamespaceSelector): readonly NamespaceState[] {
  let selection = selections.get(selector);
  if (!selection) selections.set(selector, (selection = new Selection(({ namespace }) => selector.includes(namespace))));
  return selection.of(namespaces);
}

/** Compiles `{anyOf: [term...]}` or one term. */
export function compileNamespaces(spec: unknown, exempt: Exemption, path: string): Result<NamespaceSelector> {
  if (!isRecord(spec)) return failed({ code: "pack/namespaces", message: "expected a namespace set: names, exempt, matchLabels, controlledBy or anyOf", path });
  const terms = Array.isArray(spec.anyOf) ? spec.anyOf : [spec];
  const compiled = terms.map((term, i) => compileTerm(term, exempt, terms.length > 1 ? `${path}.anyOf[${i}]` : path));
  const problems = compiled.flatMap((term) => (term.ok ? [] : term.problems));
  if (problems.length > 0) return failed(...problems);
  const all = compiled.flatMap((term) => (term.ok ? [term.value] : []));
  const known = new Memory<Namespace, boolean>();
  const includes = (namespace: Namespace): boolean => {
    let isIn = known.get(namespace);
    if (isIn === undefined) known.set(namespace, (isIn = all.some((term) => term.includes(namespace))));
    return isIn;
  };
  return ok({
    includes,
    couldInclude: (name) => all.some((term) => term.couldInclude(name)),
    future: all.flatMap((term) => term.future),
    names: [...new Set(all.flatMap((term) => term.names))],
    named: all.every((term) => term.named),
  });
}

function compileTerm(term: unknown, exempt: Exemption, path: string): Result<NamespaceSelector> {
  if (!isRecord(term)) return failed({ code: "pack/namespaces", message: "a term of a namespace set must be an object", path });
  const known = Object.keys(NAMESPACE_SCHEMA.properties);
  const unknown = Object.keys(term).filter((key) => !known.includes(key));
  const { matchLabels, matchExpressions } = term;
  const { box, problems } = readLabelSelector({ matchLabels, matchExpressions }, path);
  const all: Problem[] = [...problems, ...unknown.map((key): Problem => ({ code: "pack/namespaces", message: `unknown field \`${key}\`; one of ${known.join(", ")}`, path: `${path}.${key}` }))];
  if (all.length > 0) return failed(...all);
  const names = Array.isArray(term.names) ? term.names.map(String) : undefined;
  const owner = isRecord(term.controlledBy) ? { group: String(term.controlledBy.group), kind: String(term.controlledBy.kind) } : undefined;
  const wantsExempt = typeof term.exempt === "boolean" ? term.exempt : undefined;
  const couldInclude = (name: string): boolean =>
    (names === undefined || names.some((pattern) => globMatches(pattern, name))) && (wantsExempt === undefined || exempt(name) === wantsExempt);
  return ok({
    couldInclude,
    includes: (namespace) =>
      couldInclude(namespace.name) &&
      (owner === undefined || isControlledBy(namespace.object, owner)) &&
      box.matches(namespace.labels),
    // A namespace nobody has made yet has no owner and none of the listed names; exempt names are listed names too.
    future: names === undefined && owner === undefined && wantsExempt !== true ? [box] : [],
    names: (names ?? []).filter((name) => !name.includes("*")),
    named: names?.every((name) => !name.includes("*")) ?? false,
  });
}

/** Does a name fit a pattern in which `*` stands for any text? Linear in the length of the name. */
export function globMatches(pattern: string, name: string): boolean {
  const parts = pattern.split("*");
  const [first = "", ...rest] = parts;
  if (rest.length === 0) return pattern === name;
  if (!name.startsWith(first)) return false;
  const last = rest.pop() ?? "";
  let at = first.length;
  for (const part of rest) {
    const found = name.indexOf(part, at);
    if (found < 0) return false;
    at = found + part.length;
  }
  return name.length - last.length >= at && name.endsWith(last);
}

function isControlledBy(object: KubeObject | undefined, owner: { readonly group: string; readonly kind: string }): boolean {
  const owners = object?.metadata.ownerReferences ?? [];
  return owners.some((o) => o.controller === true && o.kind === owner.kind && groupOf(o.apiVersion) === owner.group);
}
