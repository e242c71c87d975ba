import type { Change, Scope } from "./rule.js";
import type { NamespaceSelector } from "./namespace-selector.js";

/** The scopes of a subject that a change could alter. `hosts`: does this namespace hold peers of the subject's flows? */
export function scopesOfSubject(change: Change, subject: NamespaceSelector, hosts: (namespace: string) => boolean): readonly Scope[] {
  const { after, namespace } = change;
  const everywhere = namespace === undefined || hosts(namespace);
  if (!everywhere) {
    const own = after.namespace(namespace);
    return subject.includes(own) ? [own] : [];
  }
  const existing = [...after.namespaces.values()].map((state) => state.namespace).filter((own) => subject.includes(own) && !own.terminating);
  return [...existing, ...subject.future.map((future) => ({ future }))];
}
