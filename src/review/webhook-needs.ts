import { readKinds } from "../dialects/index.js";
import type { Operation } from "../model/admission.js";
import { kindKey } from "../model/kubernetes.js";
import { failed, ok, type Problem, type Result } from "../model/result.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { Change } from "../rules/rule.js";

/** A kind as webhook rules name it. */
export interface Resource {
  readonly group: string;
  readonly versions: readonly string[];
  readonly kind: string;
  readonly resource: string;
  readonly namespaced: boolean;
}

/** One operation on one kind that a rule has to be asked about. */
export interface Need {
  readonly resource: Resource;
  readonly operation: Operation;
  /** Mutates, may refuse, or only tells. */
  readonly effect: "mutate" | "deny" | "tell";
  readonly failureMode: "Deny" | "Allow";
}

/** What the rules in force have to be sent. Problems: kinds whose resource nobody says. */
export function webhookNeeds(packs: CompiledPacks): Result<readonly Need[]> {
  const problems: Problem[] = [];
  const needs = packs.rules.flatMap((rule) => {
    const named = namedKinds(rule, packs, problems);
    const asked = asksOf(rule, named).filter(({ operation }) => !rule.entry.match?.operations || rule.entry.match.operations.includes(operation as "CREATE"));
    const { failureMode } = rule;
    return asked.flatMap(({ resource, operation, mutates, refuses }): Need[] => (mutates ? [{ resource, operation, failureMode, effect: "mutate" }] : [{ resource, operation, failureMode, effect: "tell" }, ...(refuses ? [{ resource, operation, failureMode, effect: "deny" } as const] : [])]));
  });
  if (problems.length > 0) return failed(...problems);
  // A policy that cannot be read is refused, whatever the packs say: where anything is refused.
  const unreadable = needs.some(({ effect }) => effect === "deny") ? kindsThat("policy").flatMap((resource) => WRITES.map((operation): Need => ({ resource, operation, effect: "deny", failureMode: "Deny" }))) : [];
  return ok([...needs, ...unreadable]);
}

/** Rules of `next` that nothing can be sent to, beyond those of `current`: nobody would enforce them, and nobody would notice. */
export function unsendable(next: CompiledPacks, current: CompiledPacks): readonly Problem[] {
  const problemsOf = (packs: CompiledPacks): readonly Problem[] => {
    const needs = webhookNeeds(packs);
    return needs.ok ? [] : needs.problems;
  };
  const known = new Set(problemsOf(current).map(({ message }) => message));
  return problemsOf(next).filter(({ message }) => !known.has(message));
}

interface Ask {
  readonly resource: Resource;
  readonly operation: Operation;
  readonly mutates?: boolean;
  readonly refuses: boolean;
}

const WRITES: readonly Operation[] = ["CREATE", "UPDATE"];

/** What the parts of a rule look at, each narrowed to the kinds that its `match` names. */
function asksOf({ behaviour, entry }: CompiledRule, named: readonly Resource[] | undefined): readonly Ask[] {
  const refuses = entry.enforcementAction === "deny";
  const on = (resources: readonly Resource[], operations: (resource: Resource) => readonly Operation[]): readonly Pick<Ask, "resource" | "operation">[] =>
    resources.filter((resource) => !named || named.includes(resource)).flatMap((resource) => operations(resource).map((operation) => ({ resource, operation })));
  const judged = behaviour.judge ? on(named ?? (behaviour.about ?? ["pod", "namespace", "policy"]).flatMap(kindsThat), judgedOperations) : [];
  const derived = behaviour.derive ? on(named ?? [], () => WRITES) : [];
  const mutated = behaviour.mutate ? on(named ?? kindsThat("pod"), () => ["CREATE"]) : [];
  const protects = behaviour.protect ? on([...kindsThat("pod"), ...kindsThat("namespace")], () => ["UPDATE"]).concat(on(kindsThat("policy"), () => ["CREATE", "UPDATE", "DELETE"])) : [];
  const held = behaviour.protect && entry.hold && entry.hold !== "off" ? on(kindsThat("pod"), () => ["CREATE"]) : [];
  return [...[...judged, ...derived, ...protects].map((ask) => ({ ...ask, refuses })), ...held.map((ask) => ({ ...ask, refuses: entry.hold === "deny" })), ...mutated.map((ask) => ({ ...ask, refuses: false, mutates: true }))];
}

/** DELETEs of pods and namespaces are always admitted. */
function judgedOperations({ group, kind }: Resource): readonly Operation[] {
  return group === "" && (kind === "Pod" || kind === "Namespace") ? WRITES : ["CREATE", "UPDATE", "DELETE"];
}

function kindsThat(touched: Change["touches"]): readonly Resource[] {
  if (touched === "policy") return readKinds.filter(({ policy }) => policy);
  if (touched === "pod") return readKinds.filter(({ group, kind }) => group === "" && kind === "Pod");
  return touched === "namespace" ? readKinds.filter(({ group, kind }) => group === "" && kind === "Namespace") : [];
}

/** The kinds of a rule's `match`, among those that are read and those that packs watch. */
function namedKinds({ id, entry }: CompiledRule, { watches }: CompiledPacks, problems: Problem[]): readonly Resource[] | undefined {
  return entry.match?.kinds?.flatMap((name) => {
    const read = readKinds.filter((known) => name === known.kind || name === kindKey(known));
    const watched = watches.filter((known) => name === known.kind || name === kindKey(known)).map(({ version, ...rest }): Resource => ({ ...rest, versions: [version] }));
    const found = read.length > 0 ? read : watched.slice(0, 1);
    if (found.length === 0) problems.push({ code: "webhook/kind", message: `rule \`${id}\` is about \`${name}\`, whose resource is not known: list it in \`spec.watches\` of its pack`, path: "" });
    return found;
  });
}
