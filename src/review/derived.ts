import { readObject } from "../dialects/index.js";
import type { KubeObject } from "../model/kubernetes.js";
import type { Change as Edit, Snapshot } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { Change } from "../rules/rule.js";
import { isKnown } from "./change.js";
import { isDeepStrictEqual } from "./equal.js";
import { fromErrors, scopeOf, joinVerdicts, milder, NO_VERDICTS, objectOf, type Excepting, type Verdicts } from "./findings.js";
import { askProtection } from "./protect.js";

interface Asked {
  readonly packs: CompiledPacks;
  readonly excepting: Excepting;
  /** Told when the controller's objects are not what is there already, and the rules are asked. */
  readonly onChange?: () => void;
}

/** Judges what a controller will make of the request's object: the pack's protections, reported as this rule. An exception for either rule counts. */
export function judgeDerived(rule: CompiledRule, change: Change, { packs, excepting, onChange }: Asked): Verdicts {
  const made = rule.behaviour.derive?.({ ...change, cel: { ...change.cel, params: rule.params } });
  if (!made) return NO_VERDICTS;
  if (!made.ok) return fromErrors(rule, made.problems, { object: objectOf(change), excepting, ...scopeOf(change) });
  const later = derivedChange(change, made.value);
  if (later.after === later.before) return NO_VERDICTS;
  onChange?.();
  const either: Excepting = (id, namespace) => {
    const own = excepting(rule.id, namespace);
    return own.granted ? own : excepting(id, namespace);
  };
  const verdicts = packs.rules.filter(({ pack }) => pack === rule.pack).map((other) => askProtection(other, later, { onlyRegressions: true, excepting: either }));
  return asThisRule(joinVerdicts(verdicts), rule, change);
}

/** The change that the derived objects will make, in the namespace they lie in: none where they are there already. */
function derivedChange(change: Change, objects: readonly KubeObject[]): Change {
  const edits = objects.flatMap((object) => readObject(object).facts).map((put): Edit => ({ put }));
  const namespace = objects.map(({ metadata }) => metadata.namespace).find((name) => name !== undefined);
  return { ...change, touches: "policy", after: change.after.with(edits.filter((edit) => !isThere(edit, change.after))), ...(namespace === undefined ? {} : { namespace }) };
}

/** A policy that says the same, a namespace of the same labels: its controller has written it already. */
function isThere(edit: Edit, snapshot: Snapshot): boolean {
  if (!("put" in edit) || edit.put.fact !== "namespace") return isKnown(edit, snapshot);
  const { name, labels } = edit.put.value;
  return isDeepStrictEqual(snapshot.namespaces.get(name)?.namespace.labels, labels);
}

function asThisRule(verdicts: Verdicts, { pack, entry }: CompiledRule, change: Change): Verdicts {
  const object = objectOf(change);
  const violations = verdicts.violations.map((violation) => ({
    ...violation,
    pack,
    rule: entry.id,
    action: milder(entry.enforcementAction, violation.action) as typeof violation.action,
    message: `after the policies made from this object, ${violation.message}`,
    object,
  }));
  return { ...verdicts, violations };
}
