/** Instants are milliseconds since 1970 UTC: who asks gives the time, so that equal input has equal answers. */

const DAY = 86_400_000;
const DATE = /^(\d{4})-(\d{2})-(\d{2})$/;
const TIME = /^(\d{4}-\d{2}-\d{2})[Tt](\d{2}):(\d{2}):(\d{2})(\.\d+)?([Zz]|[+-]\d{2}:\d{2})$/;

/** The first instant after an RFC 3339 date (all of that day, UTC, belongs to it) or date-time; undefined for anything else, 30 February too. */
export function endOf(text: string): number | undefined {
  if (DATE.test(text)) return isDay(text) ? Date.parse(`${text}T00:00:00Z`) + DAY : undefined;
  const [, day = "", hours, minutes, seconds] = TIME.exec(text) ?? [];
  if (!isDay(day) || Number(hours) > 23 || Number(minutes) > 59 || Number(seconds) > 59) return undefined;
  const instant = Date.parse(text.toUpperCase());
  return Number.isNaN(instant) ? undefined : instant;
}

/** An instant in whole days from another; negative when it has passed. */
export function daysBetween(from: number, to: number): number {
  return Math.floor((to - from) / DAY);
}

/** The parser of dates takes 30 February for 2 March. */
function isDay(text: string): boolean {
  const instant = Date.parse(`${text}T00:00:00Z`);
  return DATE.test(text) && !Number.isNaN(instant) && new Date(instant).toISOString().startsWith(text);
}
