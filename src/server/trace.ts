/** Who asked, as W3C Trace Context has it. */
export interface TraceParent {
  readonly traceId: string;
  readonly spanId: string;
  readonly traceFlags: number;
}

/**
 * What a `traceparent` header says (W3C Trace Context: `version-traceid-parentid-flags`); undefined for one that is not
 * valid, which the recommendation says to ignore.
 */
export function traceParentOf(header: string | string[] | undefined): TraceParent | undefined {
  const found = typeof header === "string" ? /^(?!ff)[0-9a-f]{2}-(?!0{32})([0-9a-f]{32})-(?!0{16})([0-9a-f]{16})-([0-9a-f]{2})(?:-|$)/.exec(header) : undefined;
  // Version 00 has these four parts and no more.
  if (!found || (header?.slice(0, 2).includes("00") && header.length !== 55)) return undefined;
  const [, traceId = "", spanId = "", flags = ""] = found;
  return { traceId, spanId, traceFlags: Number.parseInt(flags, 16) };
}
