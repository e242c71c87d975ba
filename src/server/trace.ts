/**
 * The trace id of a `traceparent` header (W3C Trace Context: `version-traceid-parentid-flags`); undefined for one that is not
 * valid, which the recommendation says to ignore.
 */
export function traceIdOf(header: string | string[] | undefined): string | undefined {
  const found = typeof header === "string" ? /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})[0-9a-f]{16}-[0-9a-f]{2}(?:-|$)/.exec(header) : undefined;
  // Version 00 has these four parts and no more.
  return found && (!header?.slice(0, 2).includes("00") || header.length === 55) ? found[1] : undefined;
}
