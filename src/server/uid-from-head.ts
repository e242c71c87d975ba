// Strings, the six structural characters, and anything else up to one of these. An unfinished string at the end matches nothing.
const TOKEN = /"(?:[^"\\]|\\.)*"|[{}[\],:]|[^\s"{}[\],:]+/gs;

const OPENS: ReadonlySet<string> = new Set(["{", "["]);
const CLOSES: ReadonlySet<string> = new Set(["}", "]"]);

/** A body is read for its uid no further than this: the API server writes it in the first 110 bytes (facts/admission.md 8). */
export const HEAD_BYTES = 4_096;

/**
 * `request.uid` of a body that is over-long, cut off or broken further on; undefined when its head does not tell.
 * Walks the text by depth, so that the uid of an object inside the request is never taken for it.
 */
export function uidFromHead(body: Uint8Array): string | undefined {
  const tokens = new TextDecoder().decode(body.subarray(0, HEAD_BYTES)).match(TOKEN) ?? [];
  const path: (string | undefined)[] = [];
  let key: string | undefined;
  for (const [index, token] of tokens.entries()) {
    if (OPENS.has(token) || CLOSES.has(token)) {
      if (OPENS.has(token)) path.push(key);
      else path.pop();
      key = undefined;
    } else if (tokens[index + 1] === ":") key = unquote(token);
    else if (key === "uid" && token !== ":" && path.join("/") === "/request") return unquote(token);
  }
  return undefined;
}

function unquote(token: string): string | undefined {
  try {
    const value: unknown = JSON.parse(token);
    return typeof value === "string" && value !== "" ? value : undefined;
  } catch {
    return undefined;
  }
}
