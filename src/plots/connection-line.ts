/** One line of `connectivity`: ends named as in the conformance cases, and the traffic between them. */
export interface ConnectionLine {
  readonly src: string;
  readonly dst: string;
  readonly conn: string;
}

/** `namespace/name[Kind]` in its parts; `Kind` is `External` for ranges of addresses, empty when there is none. */
export interface EndName {
  readonly group: string;
  readonly name: string;
  readonly kind: string;
}

/** Takes an end's name apart. External ends and the ingress controller have no namespace. */
export function parseEnd(text: string): EndName {
  const [, whole = text, kind = ""] = /^(.*?)(?:\[(\w+)\])?$/.exec(text) ?? [];
  const slash = kind === "External" ? -1 : whole.indexOf("/");
  return { group: slash < 0 ? "" : whole.slice(0, slash), name: whole.slice(slash + 1), kind };
}
