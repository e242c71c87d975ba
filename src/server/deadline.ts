const UNIT_MS: Readonly<Record<string, number>> = { h: 3_600_000, m: 60_000, s: 1_000, ms: 1, us: 1e-3, "µs": 1e-3, ns: 1e-6 };

// `timeoutSeconds` of a webhook: 10 when it is not set, at most 30 (admissionregistration.k8s.io/v1).
const DEFAULT_MS = 10_000;
const MAX_MS = 30_000;

/**
 * Milliseconds to answer in: what the API server writes in the query as `timeout=10s`, a Go duration, without the margin that the way back takes.
 * The margin is a tenth, at most 500 ms: a round trip to another zone takes a few milliseconds, a collection of garbage up to 100.
 */
export function timeToAnswer(query: string): number {
  if (query !== last.query) last = { query, milliseconds: timeIn(query) };
  return last.milliseconds;
}

/** An API server writes the same one each time. */
let last = { query: "", milliseconds: timeIn("") };

function timeIn(query: string): number {
  const whole = Math.min(MAX_MS, parseDuration(/(?:^|&)timeout=([^&]*)/.exec(query)?.[1] ?? "") ?? DEFAULT_MS);
  return whole - Math.min(500, whole / 10);
}

/** A positive Go duration such as `10s` or `1m30s`, in milliseconds. */
export function parseDuration(text: string): number | undefined {
  if (!/^(?:\d{1,9}(?:\.\d{1,9})?(?:h|ms|m|s|us|µs|ns))+$/.test(text)) return undefined;
  let sum = 0;
  for (const [, value, unit] of text.matchAll(/([\d.]+)(h|ms|m|s|us|µs|ns)/g)) sum += Number(value) * (UNIT_MS[unit ?? ""] ?? 0);
  return sum > 0 ? sum : undefined;
}

/** What `work` comes to, or undefined when `milliseconds` pass first. */
export async function within<T extends object>(milliseconds: number, work: Promise<T>): Promise<T | undefined> {
  let timer: NodeJS.Timeout | undefined;
  const late = new Promise<undefined>((resolve) => {
    timer = setTimeout(() => resolve(undefined), Math.max(0, milliseconds));
  });
  try {
    return await Promise.race([work, late]);
  } finally {
    clearTimeout(timer);
  }
}
