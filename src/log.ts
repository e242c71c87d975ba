import { destination, pino, type DestinationStream, type Logger } from "pino";
import { isRecord } from "./model/kubernetes.js";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Writes one JSON line per event: `log.info({ field: value }, "what happened")`. Fields are chosen one by one; an object of the cluster is never one. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

export interface LogOptions {
  readonly level?: LogLevel;
  /** Where the lines go; standard error by default, because results own standard output. */
  readonly stream?: DestinationStream;
  /** The file that they are written to when no stream takes them; for tests. */
  readonly fd?: number;
}

// A second line of defence: nobody should log these, and they are dropped from the top two levels when somebody does.
// Not pino's `redact`, which costs a tenth of a whole review.
const SECRETS: ReadonlySet<string> = new Set(["object", "oldObject", "body", "token", "key", "password", "authorization", "headers"]);
const STDERR = 2;

export function createLog({ level = "info", stream, fd = STDERR }: LogOptions = {}): Log {
  const options = {
    level,
    base: null,
    timestamp: timeField(),
    formatters: { level: (label: string) => ({ level: label }), log: withoutSecrets },
  };
  return pino(options, stream ?? gathered(fd));
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
/** What waits for whoever reads the log; past it lines are lost rather than the memory of the process. At 1,000 reviews a second it lasts half a minute. */
const WAITING_BYTES = 8 * 1_024 * 1_024;

/** Lines are written together. At the end of the process pino writes what is left. */
function gathered(fd: number): DestinationStream {
  const out = destination({ fd, sync: false, minLength: GATHER_BYTES, maxLength: WAITING_BYTES });
  const time = timeField();
  let lost = 0;
  out.on("drop", () => void (lost += 1));
  // All that waited is written.
  out.on("drain", () => {
    if (lost === 0) return;
    out.write(`{"level":"warn"${time()},"lost":${lost},"msg":"lines of the log were lost: nobody read them in time"}\n`);
    lost = 0;
    out.flush();
  });
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
