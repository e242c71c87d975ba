import { kindKey, nameKey, type ObjectRef } from "../model/kubernetes.js";
import type { CompiledRule } from "../packs/compile-parts.js";

/** A namespace to look at: all of it, or whether some rules hold in it. */
export interface NamespaceTask {
  readonly namespace: string;
  readonly rules: "all" | ReadonlySet<CompiledRule>;
}

/** An object beside pods, namespaces and policies, or a cluster-scoped policy. */
export interface ObjectTask {
  readonly object: ObjectRef;
}

/** What an audit still has to ask, each once; what just changed comes first. */
export class AuditAgenda {
  readonly #urgent = new Set<string>();
  readonly #namespaces = new Map<string, "all" | Set<CompiledRule>>();
  readonly #objects = new Map<string, ObjectRef>();

  get isEmpty(): boolean {
    return this.#namespaces.size === 0 && this.#objects.size === 0;
  }

  /** How many namespaces and objects there are to look at. */
  get size(): number {
    return this.#namespaces.size + this.#objects.size;
  }

  has(namespace: string, rule: CompiledRule): boolean {
    const known = this.#namespaces.get(namespace);
    return known === "all" || known?.has(rule) === true;
  }

  namespace(name: string, { isUrgent = false } = {}): void {
    this.#namespaces.set(name, "all");
    if (isUrgent) this.#urgent.add(name);
  }

  rule(namespace: string, rule: CompiledRule): void {
    const known = this.#namespaces.get(namespace);
    if (known === undefined) this.#namespaces.set(namespace, new Set([rule]));
    else if (known !== "all") known.add(rule);
  }

  object(ref: ObjectRef): void {
    this.#objects.set(objectKey(ref), ref);
  }

  drop(namespace: string): void {
    this.#namespaces.delete(namespace);
    this.#urgent.delete(namespace);
  }

  /** Takes what is to be asked next off the list. */
  next(): NamespaceTask | ObjectTask | undefined {
    const [namespace] = this.#urgent.size > 0 ? this.#urgent : this.#namespaces.keys();
    const rules = namespace === undefined ? undefined : this.#namespaces.get(namespace);
    if (namespace !== undefined && rules !== undefined) {
      this.drop(namespace);
      return { namespace, rules };
    }
    for (const [key, object] of this.#objects) {
      this.#objects.delete(key);
      return { object };
    }
    return undefined;
  }
}

/** One text per object. */
export function objectKey(ref: ObjectRef): string {
  return `${kindKey(ref)} ${nameKey(ref)}`;
}
