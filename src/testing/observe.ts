import type { Result } from "../model/result.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { CompiledRule } from "../packs/compile-parts.js";
import type { AlternativeAnswer, Behaviour, Outcome, Protection, Scope } from "../rules/rule.js";
import type { Snapshot } from "../model/snapshot.js";

/** What rules were seen to do. Keys are `pack` and the path in the pack. */
export class Observations {
  private readonly seen = new Map<string, Set<string>>();
  /** The rule that is being asked: the rules of its pack may be asked on its behalf. */
  private asking: CompiledRule | undefined;

  add(pack: string, path: string, way: string): void {
    const key = `${pack} ${path}`;
    this.seen.set(key, (this.seen.get(key) ?? new Set<string>()).add(way));
  }

  ways(pack: string, path: string): ReadonlySet<string> {
    return this.seen.get(`${pack} ${path}`) ?? new Set<string>();
  }

  ask(rule: CompiledRule): void {
    this.asking = rule;
  }

  /** A rule was asked; what it found is told of the rule that wanted to know. */
  outcome(rule: CompiledRule, fired: boolean): void {
    const { pack, path } = this.asking ?? rule;
    this.add(pack, path, fired ? "fired" : "held");
  }
}

/** The same packs, with what their rules do written down. */
export function observed(packs: CompiledPacks, into: Observations): CompiledPacks {
  const variants = new Map<CompiledPacks, CompiledPacks>();
  return {
    ...packs,
    rules: packs.rules.map((rule) => observedRule(rule, { packs, into })),
    detected: (snapshot) => {
      const detected = packs.detected(snapshot);
      if (!detected) return undefined;
      const known = variants.get(detected) ?? observed(detected, into);
      variants.set(detected, known);
      return known;
    },
  };
}

interface Watch {
  readonly packs: CompiledPacks;
  readonly into: Observations;
}

function observedRule(rule: CompiledRule, { packs, into }: Watch): CompiledRule {
  const parameters = Object.entries(packs.parameters.get(rule.pack) ?? {});
  return {
    ...rule,
    applies: (change) => {
      into.ask(rule);
      const applies = rule.applies(change);
      if (applies.ok && applies.value) for (const [name, value] of parameters) into.add(rule.pack, `spec.parameters.${name}`, JSON.stringify(value));
      return applies;
    },
    behaviour: observedBehaviour(rule, into),
  };
}

function observedBehaviour(rule: CompiledRule, into: Observations): Behaviour {
  const { judge, mutate, protect } = rule.behaviour;
  const noted = <T>(result: Result<readonly T[]>): Result<readonly T[]> => {
    if (result.ok) into.outcome(rule, result.value.length > 0);
    return result;
  };
  return {
    ...rule.behaviour,
    ...(judge ? { judge: (change) => noted(judge(change)) } : {}),
    ...(mutate ? { mutate: (change) => noted(mutate(change)) } : {}),
    ...(protect ? { protect: observedProtection(rule, protect, into) } : {}),
  };
}

/** Each alternative as it is alone, and each flow: one alternative is enough (of a forbidden flow, all must be impossible). */
function noteFlows(pack: string, answers: readonly AlternativeAnswer[], into: Observations): void {
  const flows = new Map<string, AlternativeAnswer[]>();
  for (const answer of answers) {
    const flow = answer.path.replace(/\.anyOf\[\d+\]$/, "");
    flows.set(flow, [...(flows.get(flow) ?? []), answer]);
    if (flow !== answer.path) into.add(pack, answer.path, answer.holds ? "held" : "broken");
  }
  for (const [flow, own] of flows) into.add(pack, flow, own.some(({ holds, enough }) => holds === enough) === (own[0]?.enough ?? true) ? "held" : "broken");
}

function observedProtection(rule: CompiledRule, protect: Protection, into: Observations): Protection {
  const noted = (outcomes: readonly Outcome[], snapshot: Snapshot, scope: Scope): readonly Outcome[] => {
    into.outcome(rule, outcomes.some(({ outcome }) => outcome === "broken" || outcome === "broken-before"));
    if (!("future" in scope)) noteFlows(rule.pack, protect.alternatives?.(snapshot, scope) ?? [], into);
    return outcomes;
  };
  // What is observed is asked.
  const { unharmed: _none, foreseen: _neither, ...asked } = protect;
  return {
    ...asked,
    regression: (change, scope) => noted(protect.regression(change, scope), change.after, scope),
    forPod: (snapshot, pod) => noted(protect.forPod(snapshot, pod), snapshot, snapshot.namespace(pod.namespace)),
  };
}
