/** Is one resource version later than another? Versions of one cluster are comparable as numbers (Kubernetes 1.35, KEP-5504); what is no number is not later. */
export function isLater(version: string | undefined, than: string | undefined): boolean {
  const [one, other] = [numberOf(version), numberOf(than)];
  return one !== undefined && other !== undefined && one > other;
}

/** The latest of some versions; undefined when none is a number. */
export function latest(versions: Iterable<string | undefined>): string | undefined {
  let found: string | undefined;
  for (const version of versions) if (numberOf(version) !== undefined && (found === undefined || isLater(version, found))) found = version;
  return found;
}

function numberOf(version: string | undefined): bigint | undefined {
  return version !== undefined && /^\d+$/.test(version) ? BigInt(version) : undefined;
}
