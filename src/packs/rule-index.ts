import type { AdmissionRequest } from "../model/admission.js";
import { kindKey } from "../model/kubernetes.js";
import type { CompiledRule } from "./compile-parts.js";
import { Memory } from "../model/memory.js";

/** Kinds, operations and namespaces are few; somebody who makes up names must not fill the memory. */
const REMEMBERED = 5_000;

const indexes = new Memory<readonly CompiledRule[], Map<string, readonly CompiledRule[]>>();

/**
 * The rules that could have something to say about a request, by what of them is fixed when they are compiled: kinds,
 * operations, and names of namespaces. The others would answer that they do not apply, or that nothing they protect is touched.
 */
export function candidates(rules: readonly CompiledRule[], { kind, operation, namespace }: Pick<AdmissionRequest, "kind" | "operation" | "namespace">): readonly CompiledRule[] {
  const known = indexes.get(rules) ?? new Map<string, readonly CompiledRule[]>();
  if (known.size === 0) indexes.set(rules, known);
  const key = `${kindKey(kind)} ${operation} ${namespace ?? ""}`;
  const found = known.get(key);
  if (found) return found;
  if (known.size >= REMEMBERED) known.clear();
  const fitting = rules.filter((rule) => couldConcern(rule, { kind, operation, namespace }));
  known.set(key, fitting);
  return fitting;
}

function couldConcern({ entry: { match }, named, behaviour }: CompiledRule, { kind, operation, namespace }: { readonly kind: AdmissionRequest["kind"]; readonly operation: string; readonly namespace: string | undefined }): boolean {
  if (match?.kinds && !match.kinds.includes(kind.kind) && !match.kinds.includes(kindKey(kind))) return false;
  if (match?.operations && operation !== "CONNECT" && !match.operations.some((one) => one === operation)) return false;
  if (named && (namespace === undefined || !named(namespace))) return false;
  // What only protects can be touched by changes in namespaces that its subjects or peers could lie in, and by cluster-scoped ones.
  const onlyProtects = behaviour.protect && !behaviour.judge && !behaviour.mutate && !behaviour.derive;
  return !onlyProtects || namespace === undefined || (behaviour.protect?.couldConcern?.(namespace) ?? true);
}
