import type { Snapshot } from "../model/snapshot.js";
import type { VerifiedFix } from "../model/violation.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { Protection, Scope } from "../rules/rule.js";
import { readChange } from "./change.js";
import { requestOf, userInfo } from "./proposed.js";

/** "No other required or forbidden flow is worse": no rule that refuses is broken by the objects of a fix, applied one after the other to the state it was proven on. */
export function breaksNothing({ apply, remove }: VerifiedFix, snapshot: Snapshot, packs: CompiledPacks): boolean {
  if (remove.length > 0) return false;
  const protections = packs.rules.flatMap(({ entry, behaviour }) => (behaviour.protect && entry.enforcementAction === "deny" ? behaviour.protect : []));
  let now = snapshot;
  return apply.every((object) => {
    const { change, problems } = readChange(requestOf(object, userInfo(undefined)), now, packs);
    const { before, after } = change;
    now = after;
    return problems.length === 0 && protections.every((protect) => protect.spared?.(change) === true || (protect.askedScopes?.(change) ?? protect.scopes(change)).every((scope) => broken(protect, after, scope) <= broken(protect, before, scope)));
  });
}

function broken(protect: Protection, snapshot: Snapshot, scope: Scope): number {
  return protect.standing(snapshot, scope).filter(({ outcome }) => outcome === "broken").length;
}
