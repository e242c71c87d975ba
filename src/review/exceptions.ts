import { isInScope, stateOf, type Exception } from "../packs/exception.js";
import type { CompiledPacks } from "../packs/compile.js";
import type { Change } from "../rules/rule.js";
import { objectOf, type Excepted, type Excepting } from "./findings.js";

/** The exceptions of the packs for one change, at one instant (milliseconds since 1970). */
export function exceptionsFor(change: Change, { exceptions }: Pick<CompiledPacks, "exceptions">, now: number): Excepting {
  if (exceptions.length === 0) return () => NOT_EXCEPTED;
  const [object, user] = [objectOf(change), change.request.userInfo];
  return (rule, namespace) => {
    const fitting = exceptions.filter((exception) => isInScope(exception, { rule, object, user, ...(namespace === undefined ? {} : { namespace }) }));
    const covering = fitting.filter((exception) => covers(exception, now)).sort((a, b) => Number(b.becomes === "dryrun") - Number(a.becomes === "dryrun") || b.ends - a.ends);
    const [granted] = covering;
    if (granted) return { granted: { name: granted.name, owner: granted.owner, expires: granted.expires, ...(granted.becomes === "dryrun" && { becomes: granted.becomes }) }, lapsed: [] };
    return { lapsed: fitting.map((exception) => lapsedText(exception, rule)) };
  };
}

const NOT_EXCEPTED: Excepted = { lapsed: [] };

function covers(exception: Exception, now: number): boolean {
  const state = stateOf(exception, now);
  return state === "active" || state === "expiring";
}

function lapsedText({ name, owner, expires, problems }: Exception, rule: string): string {
  const [problem] = problems;
  const what = problem ? `exception \`${name}\` does not count: ${problem.message}` : `exception \`${name}\` of ${owner} ended (${expires}) and does not count any more`;
  return `[${rule}] ${what}`;
}
