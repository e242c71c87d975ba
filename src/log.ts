import { destination, pino, stdTimeFunctions, type DestinationStream, type Logger } from "pino";

export type LogLevel = "debug" | "info" | "warn" | "error" | "silent";

/** Writes one JSON line per event: `log.info({ field: value }, "what happened")`. Fields are chosen one by one; an object of the cluster is never one. */
export type Log = Pick<Logger, "debug" | "info" | "warn" | "error">;

export interface LogOptions {
  readonly level?: LogLevel;
  /** Where the lines go; standard error by default, because results own standard output. */
  readonly stream?: DestinationStream;
}

// A second line of defence: nobody should log these, and pino drops them from the top two levels when somebody does.
const SECRETS = ["object", "oldObject", "body", "token", "key", "password", "authorization", "headers"];
const STDERR = 2;

export function createLog({ level = "info", stream }: LogOptions = {}): Log {
  const options = {
    level,
    base: null,
    timestamp: stdTimeFunctions.isoTime,
    formatters: { level: (label: string) => ({ level: label }) },
    redact: { paths: SECRETS.flatMap((field) => [field, `*.${field}`]), remove: true },
  };
  return pino(options, stream ?? destination({ fd: STDERR, sync: false }));
}
