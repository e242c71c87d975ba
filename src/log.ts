import { destination, pino, type DestinationStream, type Logger } from "pino";
import { isRecord } from "./model/kubernetes.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Writes one JSON line per event: `log.info({ field: value }, "what happened")`. Fields are chosen one by one; an object of the cluster is never one. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

export interface LogOptions {
  readonly level?: LogLevel;
  /** Where the lines go; standard error by default, because results own standard output. */
  readonly stream?: DestinationStream;
}

// A second line of defence: nobody should log these, and they are dropped from the top two levels when somebody does.
// Not pino's `redact`, which costs a tenth of a whole review.
const SECRETS: ReadonlySet<string> = new Set(["object", "oldObject", "body", "token", "key", "password", "authorization", "headers"]);
const STDERR = 2;

export function createLog({ level = "info", stream }: LogOptions = {}): Log {
  const options = {
    level,
    base: null,
    timestamp: timeField(),
    formatters: { level: (label: string) => ({ level: label }), log: withoutSecrets },
  };
  return pino(options, stream ?? gathered());
}

/** The time as pino's `isoTime` writes it; the lines of one millisecond share the text. */
function timeField(): () => string {
  let [at, text] = [0, ""];
  return () => {
    const now = Date.now();
    if (now !== at) [at, text] = [now, `,"time":"${new Date(now).toISOString()}"`];
    return text;
  };
}

/** Long enough for the lines of many decisions to share one write, which costs more than the making of a line; short enough for a reader not to notice. */
const GATHER_MS = 20;
const GATHER_BYTES = 15 * 1_024;

/** Lines are written together. At the end of the process pino writes what is left. */
function gathered(): DestinationStream {
  const out = destination({ fd: STDERR, sync: false, minLength: GATHER_BYTES });
  let timer: NodeJS.Timeout | undefined;
  const flush = (): void => {
    timer = undefined;
    out.flush();
  };
  return {
    write: (line) => {
      timer ??= setTimeout(flush, GATHER_MS).unref();
      out.write(line);
    },
  };
}

function withoutSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  if (!Object.keys(fields).some((key) => SECRETS.has(key) || typeof fields[key] === "object")) return fields;
  const kept: Record<string, unknown> = {};
  for (const key of Object.keys(fields)) {
    if (!SECRETS.has(key)) kept[key] = isRecord(fields[key]) && !(fields[key] instanceof Error) ? withoutDirectSecrets(fields[key]) : fields[key];
  }
  return kept;
}

function withoutDirectSecrets(fields: Record<string, unknown>): Record<string, unknown> {
  if (!Object.keys(fields).some((key) => SECRETS.has(key))) return fields;
  return Object.fromEntries(Object.entries(fields).filter(([key]) => !SECRETS.has(key)));
}

const LONGEST_REASON = 200;

/** What went wrong, for a line that many requests may write at once: no stack, and no more of what somebody answered than says it. */
export function reasonOf(error: unknown): string {
  const text = error instanceof Error ? error.message : String(error);
  return text.length > LONGEST_REASON ? `${text.slice(0, LONGEST_REASON)}…` : text;
}
