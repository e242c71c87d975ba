/**
 * Is version `a` later than `b`? Versions of one cluster are comparable as numbers (Kubernetes 1.35, KEP-5504). What is no
 * number is not later: nothing is taken for observed that may not be.
 */
export function isAfter(a: string | undefined, b: string | undefined): boolean {
  const [one, other] = [numberOf(a), numberOf(b)];
  return one !== undefined && other !== undefined && one > other;
}

/** Is what is known as of version `a` as far as `b`? */
export function reaches(a: string | undefined, b: string | undefined): boolean {
  const [one, other] = [numberOf(a), numberOf(b)];
  return one !== undefined && other !== undefined && one >= other;
}

/** The latest of some versions; undefined when none is a number. */
export function latest(versions: Iterable<string | undefined>): string | undefined {
  let found: string | undefined;
  for (const version of versions) if (isVersion(version) && (found === undefined || isAfter(version, found))) found = version;
  return found;
}

/** Can it be compared with others? */
export function isVersion(version: unknown): boolean {
  return typeof version === "string" && numberOf(version) !== undefined;
}

function numberOf(version: string | undefined): bigint | undefined {
  return version !== undefined && /^\d+$/.test(version) ? BigInt(version) : undefined;
}
