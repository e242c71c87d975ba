import { spawn, type ChildProcess } from "node:child_process";
import { closeSync, openSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { setTimeout as sleep } from "node:timers/promises";
import { GiveUp } from "./wait-for.js";

const graceMs = 10_000;
const tailLines = 15;

/** Started programs, and the certainty that none outlives us. */
export interface Processes {
  /** Starts a program with its output in `NAME.log`. */
  start(name: string, file: string, args: readonly string[]): void;
  /** Ends one program and waits: SIGTERM and, after 10 s, SIGKILL; or SIGKILL at once. */
  stop(name: string, signal?: "SIGTERM" | "SIGKILL"): Promise<void>;
  /** Throws, with the end of its log, when the program is not running. */
  assertRunning(name: string): void;
  /** The last lines that the program wrote. */
  logTail(name: string): string;
  /** Ends everything, last started first. */
  stopAll(): Promise<void>;
}

/** An empty set of programs which log into `directory`; the directory goes with them when this process dies. */
export function createProcesses(directory: string): Processes {
  const children = new Map<string, ChildProcess>();
  const guard = startGuard(directory);
  const logFile = (name: string): string => join(directory, `${name}.log`);
  const tellGuard = (): void => guard.watch([...children.values()].filter(isRunning).map((child) => child.pid));
  const logTail = (name: string): string => readFileSync(logFile(name), "utf8").trimEnd().split("\n").slice(-tailLines).join("\n");

  const stop: Processes["stop"] = async (name, signal = "SIGTERM") => {
    const child = children.get(name);
    if (!child) return;
    await end(child, signal);
    children.delete(name);
    tellGuard();
  };

  return {
    start(name, file, args) {
      const log = openSync(logFile(name), "a");
      const child = spawn(file, args, { cwd: directory, stdio: ["ignore", log, log] });
      closeSync(log);
      // Without a listener a program that cannot be started would end the test run; assertRunning reports it.
      child.on("error", () => undefined);
      child.unref();
      children.set(name, child);
      tellGuard();
    },
    stop,
    assertRunning(name) {
      const child = children.get(name);
      if (!child || !isRunning(child)) throw new ProcessEnded(name, logTail(name));
    },
    logTail,
    async stopAll() {
      for (const name of [...children.keys()].reverse()) await stop(name, "SIGKILL");
      guard.dismiss();
    },
  };
}

/** A program ended by itself. */
export class ProcessEnded extends GiveUp {
  constructor(name: string, logTail: string) {
    super(`${name} is not running; the end of its log:\n${logTail}`);
  }
}

function isRunning(child: ChildProcess): boolean {
  return child.pid !== undefined && child.exitCode === null && child.signalCode === null;
}

async function end(child: ChildProcess, signal: "SIGTERM" | "SIGKILL"): Promise<void> {
  if (!isRunning(child)) return;
  const exited = new Promise<void>((resolve) => child.once("exit", () => resolve()));
  child.ref();
  child.kill(signal);
  const timer = new AbortController();
  const late = sleep(graceMs, undefined, { signal: timer.signal }).then(() => child.kill("SIGKILL"), () => undefined);
  await exited;
  timer.abort();
  await late;
}

/**
 * A shell that reads lists of process ids and, when its input ends, kills those of the last list.
 * Its input ends with this process, however that dies: an exit hook would miss a SIGKILL or a lost terminal.
 */
function startGuard(directory: string): { watch(pids: readonly (number | undefined)[]): void; dismiss(): void } {
  const script = 'while read -r line; do pids=$line; done; [ -z "$pids" ] || kill -9 $pids; rm -rf "$1"';
  // In a session of its own: Ctrl-C in a terminal must not end the guard first.
  const guard = spawn("sh", ["-c", script, "sh", directory], { detached: true, stdio: ["pipe", "ignore", "ignore"] });
  guard.unref();
  guard.stdin.on("error", () => undefined);
  return {
    watch: (pids) => void guard.stdin.write(`${pids.join(" ")}\n`),
    dismiss: () => void guard.stdin.end("\n"),
  };
}
