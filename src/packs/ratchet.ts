import { isDeepStrictEqual } from "node:util";
import type { Problem } from "../model/result.js";
import { milder } from "../model/violation.js";
import type { RuleEntry, RulePack, RulePackSpec } from "./pack.js";

/** Fields that say nothing about what is enforced. */
const TEXTS: ReadonlySet<string> = new Set(["description", "message", "remediation", "link", "severity"]);

/**
 * What a change takes away of packs with `rollout: monotonic`, as far as can be told without knowing what conditions mean: a
 * rule may come, do more and be explained better; whatever else changes in one, or in what rules name, counts as weaker.
 */
export function weakenings(before: readonly RulePack[], after: readonly RulePack[]): readonly Problem[] {
  return before.filter(({ spec }) => spec.rollout === "monotonic").flatMap((pack) => {
    const next = after.find(({ name }) => name === pack.name);
    return next ? packWeaker(pack, next) : [weaker(`pack \`${pack.name}\` is taken away`, "")];
  });
}

function packWeaker({ spec: before }: RulePack, { spec: after }: RulePack): readonly Problem[] {
  return [
    ...settingsWeaker(before, after),
    ...before.rules.flatMap((_, i) => ruleWeaker(sameRule(before, after, i))),
    ...(["namespaces", "endpoints"] as const).flatMap((part) => definitionsChanged(part, before[part], after[part])),
    ...after.exemptNamespaces.filter((name) => !before.exemptNamespaces.includes(name)).map((name) => weaker(`namespace \`${name}\` becomes exempt`, "spec.exemptNamespaces")),
    ...after.exemptions.flatMap((exemption, i) => (before.exemptions.some((old) => isDeepStrictEqual(old, exemption)) ? [] : [weaker("an exemption is added or changed", `spec.exemptions[${i}]`)])),
  ];
}

function settingsWeaker(before: RulePackSpec, after: RulePackSpec): readonly Problem[] {
  return [
    ...(after.rollout === "monotonic" ? [] : [weaker("`rollout` is no longer `monotonic`", "spec.rollout")]),
    ...(before.failureMode === "Deny" && after.failureMode === "Allow" ? [weaker("errors are admitted from now on", "spec.failureMode")] : []),
    ...(before.unproven === "deny" && after.unproven === "warn" ? [weaker("what is not proven is only warned about from now on", "spec.unproven")] : []),
  ];
}

/** Several rules may share an id: the n-th of them is the n-th of them. */
function sameRule(before: RulePackSpec, after: RulePackSpec, index: number): { readonly old: RuleEntry; readonly rule?: RuleEntry; readonly path: string } {
  const old = before.rules[index] as RuleEntry;
  const rank = before.rules.slice(0, index).filter(({ id }) => id === old.id).length;
  const same = after.rules.map((rule, i) => ({ rule, path: `spec.rules[${i}]` })).filter(({ rule }) => rule.id === old.id)[rank];
  return { old, ...(same ?? { path: "spec.rules" }) };
}

function ruleWeaker({ old, rule, path }: ReturnType<typeof sameRule>): readonly Problem[] {
  if (!rule) return [weaker(`rule \`${old.id}\` is taken away`, path)];
  const actions = (["enforcementAction", "hold"] as const).flatMap((field) => {
    const [from, to] = [old[field] ?? "off", rule[field] ?? "off"];
    return from !== to && milder(from, to) === to ? [weaker(`rule \`${old.id}\` does less: \`${field}\` from \`${from}\` to \`${to}\``, `${path}.${field}`)] : [];
  });
  const others = [...new Set([...Object.keys(old), ...Object.keys(rule)])].filter((field) => !TEXTS.has(field) && field !== "enforcementAction" && field !== "hold");
  const changed = others.filter((field) => !isDeepStrictEqual(old[field as keyof RuleEntry], rule[field as keyof RuleEntry]));
  return [...actions, ...changed.map((field) => weaker(`rule \`${old.id}\` asks something else: \`${field}\` changes`, `${path}.${field}`))];
}

function definitionsChanged(part: string, before: Readonly<Record<string, unknown>>, after: Readonly<Record<string, unknown>>): readonly Problem[] {
  return Object.keys(before).flatMap((name) => (isDeepStrictEqual(before[name], after[name]) ? [] : [weaker(`what \`${name}\` stands for changes`, `spec.${part}.${name}`)]));
}

function weaker(message: string, path: string): Problem {
  return { code: "pack/weaker", message, path };
}
