import { stateOf, type Exception } from "../packs/exception.js";
import { inOrder, scopeText } from "../views/exceptions.js";
import { daysBetween } from "../model/instant.js";

/** Exceptions as `rules` lists them: those that need somebody's eye first. */

/** Two lines each: state, owner and end; what it covers and why. */
export function exceptionLines(exceptions: readonly Exception[], now: number): readonly string[] {
  return inOrder(exceptions, now).flatMap((exception) => {
    const { name, owner, reason, scope } = exception;
    return [`  ${name}: ${stateText(exception, now)}, owner ${owner === "" ? "(none)" : owner}`, `    ${scopeText(scope)}`, ...(reason === "" ? [] : [`    reason: ${reason}`])];
  });
}

function stateText(exception: Exception, now: number): string {
  const { expires, ends, problems: [problem] } = exception;
  const state = stateOf(exception, now);
  if (state === "refused") return `not granted (${problem?.message ?? ""})`;
  if (state === "expired") return `expired (${expires})`;
  const days = daysBetween(now, ends);
  return state === "active" ? `until ${expires}` : `until ${expires}, in ${days} ${days === 1 ? "day" : "days"}`;
}

export function exceptionsAsJson(exceptions: readonly Exception[], now: number): readonly object[] {
  return inOrder(exceptions, now).map((exception) => {
    const { name, owner, reason, expires, scope, problems } = exception;
    return { name, state: stateOf(exception, now), owner, reason, expires, ...scope, ...(problems.length > 0 && { problems: problems.map(({ path, message }) => ({ path, message })) }) };
  });
}
