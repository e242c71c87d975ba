/** Wrong input, as a value: what, where, and what to do. Wording: lower case, no full stop, user input in backticks. */
export interface Problem {
  /** Stable identifier, such as `policy/unknown-peer`. */
  readonly code: string;
  readonly message: string;
  /** Path inside the object in Kubernetes' notation, such as `spec.ingress[0].from[1]`; empty for the whole object. */
  readonly path: string;
  /** Where the text stands, when it came from a file; line and column count from 1. */
  readonly place?: Place;
}

export interface Place {
  readonly file: string;
  readonly line?: number;
  readonly column?: number;
}

/** Either a value or the problems that kept it from being made; never both, never an exception. */
export type Result<T> = { readonly ok: true; readonly value: T } | { readonly ok: false; readonly problems: readonly Problem[] };

export function ok<T>(value: T): Result<T> {
  return { ok: true, value };
}

export function failed<T>(...problems: Problem[]): Result<T> {
  return { ok: false, problems };
}

/** `file:line:column: path: message`, leaving out what is not known. */
export function formatProblem({ message, path, place }: Problem): string {
  const where = place && [place.file, place.line, place.column].filter((part) => part !== undefined).join(":");
  return [where, path, message].filter((part) => part !== undefined && part !== "").join(": ");
}
