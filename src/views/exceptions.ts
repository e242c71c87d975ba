import { stateOf, type Exception, type ExceptionScope } from "../packs/exception.js";
import type { ExceptionView } from "../model/views.js";

const ORDER = ["refused", "expired", "expiring", "active"] as const;

/** Those that need somebody's eye first. */
export function inOrder(exceptions: readonly Exception[], now: number): readonly Exception[] {
  const rank = (exception: Exception): number => ORDER.indexOf(stateOf(exception, now));
  return [...exceptions].sort((a, b) => rank(a) - rank(b) || a.ends - b.ends || (a.name < b.name ? -1 : 1));
}

/** What an exception covers, in words. */
export function scopeText({ rules, namespaces, objects, users }: ExceptionScope): string {
  const parts = [
    rules.length === 0 ? "no rule" : rules.join(", "),
    namespaces && `in ${namespaces.join(", ")}`,
    objects && `for ${objects.map(({ kind, name }) => `${kind} ${name}`).join(", ")}`,
    users && `by ${users.join(", ")}`,
  ];
  return parts.filter((part) => part !== undefined).join("; ");
}

/** Exceptions at an instant (milliseconds since 1970), those first that need somebody's eye. */
export function exceptionViews(exceptions: readonly Exception[], now: number): readonly ExceptionView[] {
  return inOrder(exceptions, now).map((exception) => {
    const { name, owner, reason, expires, scope, problems } = exception;
    return { name, state: stateOf(exception, now), owner, reason, expires, covers: scopeText(scope), problems: problems.map(({ message }) => message) };
  });
}
