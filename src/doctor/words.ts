/** `1 namespace`, `2 namespaces`. */
export function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? "" : "s"}`;
}

/** The first of many, and how many there are besides: nobody reads a hundred names in one line. */
export function listed(names: readonly string[], most = 5): string {
  const shown = names.slice(0, most).map((name) => `\`${name}\``).join(", ");
  return names.length > most ? `${shown} and ${names.length - most} more` : shown;
}

export function secondsText(ms: number): string {
  return ms < 120_000 ? `${Math.round(ms / 1_000)} s` : `${Math.round(ms / 60_000)} min`;
}

/** `in 12 days (2027-01-31)`. */
export function daysText(end: number, now: number): string {
  const days = Math.floor((end - now) / DAY_MS);
  const date = new Date(end).toISOString().slice(0, 10);
  return end <= now ? `on ${date}` : `in ${count(days, "day")} (${date})`;
}

export const DAY_MS = 86_400_000;
