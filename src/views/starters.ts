import { isRecord, recordsIn, type KubeObject } from "../model/kubernetes.js";
import type { CompiledPacks } from "../packs/compile.js";

/** Policies to begin with, as the packs in force would have them: the allowances of their baselines, each once. */
export function starterPolicies({ baselines }: CompiledPacks): readonly KubeObject[] {
  const found = new Map<string, KubeObject>();
  for (const { policies } of baselines.values()) for (const policy of policies.filter(allows)) found.set(JSON.stringify(policy), policy);
  return [...found.values()];
}

function allows({ spec }: KubeObject): boolean {
  return isRecord(spec) && [spec["ingress"], spec["egress"]].some((rules) => recordsIn(rules).length > 0);
}
