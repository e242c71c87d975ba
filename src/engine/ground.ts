import { isLive, type Pod } from "../model/endpoint.js";
import type { NamespaceState } from "../model/snapshot.js";
import { familyText } from "./running.js";

/**
 * Does a namespace give a *proof* the same ground in both states? Its labels and policies must be the same. A proof is about every pod
 * that could be, so what runs may differ, except by what only running pods have: ports they declare and families of their
 * addresses. With `exactly`, as for rules that deny addresses, nothing may differ.
 */
export function isSameGround(a: NamespaceState | undefined, b: NamespaceState | undefined, exactly: boolean): boolean {
  if (a === b) return true;
  if (!a || !b || a.policies !== b.policies || a.namespace !== b.namespace) return false;
  return a.pods === b.pods || (!exactly && kindsOf(a.pods) === kindsOf(b.pods));
}

type Pods = ReadonlyMap<string, Pod>;

const kinds = new WeakMap<Pods, string>();

/** What its live pods have that a hypothetical one has not, as text: each sort once. */
function kindsOf(pods: Pods): string {
  let text = kinds.get(pods);
  if (text === undefined) kinds.set(pods, (text = [...new Set([...pods.values()].filter(isLive).map(kindOf))].sort().join("\n")));
  return text;
}

const known = new WeakMap<Pod, string>();

function kindOf(pod: Pod): string {
  let text = known.get(pod);
  if (text === undefined) {
    const ports = pod.ports.map(({ name, port, protocol, container }) => [name ?? "", port, protocol, container]);
    known.set(pod, (text = JSON.stringify([familyText(pod), ports])));
  }
  return text;
}
