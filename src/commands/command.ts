import { WrongUse, type Config, type OptionName } from "../config.js";
import type { SurveyOptions } from "../engine/survey.js";
import type { EngineProfile } from "../engine/verdict.js";
import { problemText } from "../sources/code-frame.js";
import { formatProblem, type Problem, type Result } from "../model/result.js";
import { Snapshot } from "../model/snapshot.js";
import type { Profile } from "../packs/profile.js";
import type { LoadedState } from "../sources/files.js";
import type { LoadedPacks } from "../sources/packs.js";
import { isSwitch, loadProfile, type Knobs } from "../sources/profile.js";
import { openState } from "../sources/state.js";

/** 0 clean, 1 findings, 2 wrong use or unreadable input. */
export type ExitCode = 0 | 1 | 2;

/** What a verb answers; `main` alone writes it and exits. */
export interface Outcome {
  /** Text for standard output; an iterable is written while it is made, so that long answers never sit in memory. */
  readonly output: string | Iterable<string> | AsyncIterable<string>;
  /** A function is asked after the output has been written. */
  readonly exitCode: ExitCode | (() => ExitCode);
}

/** What a verb may use of the terminal while it works. */
export interface Session {
  /** One line on standard error. */
  note(line: string): void;
  /** Shown on a terminal when the work takes over a second; `total` is absent while it is not known. */
  progress(done: number, total?: number): void;
}

/** One verb of the command line. */
export interface Command {
  readonly name: string;
  /** Sentences of the help, after the one-line summary of the list. */
  readonly description: string;
  /** In commander's notation: `<path...>`, `[path...]`. */
  readonly arguments: readonly string[];
  readonly options: readonly OptionName[];
  /** Values of `-o`, the default first; empty when there is no choice. */
  readonly formats: readonly string[];
  /** One line that can be tried as it stands. */
  readonly example: string;
  run(config: Config, session: Session): Promise<Outcome>;
}

/** The value of a result; its problems are wrong input. */
export function unwrap<T>(result: Result<T>, message = ""): T {
  if (result.ok) return result.value;
  throw new WrongUse(message, result.problems);
}

/** The cluster that the paths of a verb, or `--cluster`, describe. Says on standard error what in it looks wrong. */
export async function readState(config: Config, session: Session): Promise<LoadedState> {
  const state = unwrap(await openState({ files: config.paths, cluster: config.cluster }));
  noteProblems(session, state.warnings);
  return state;
}

/** The state that changes are judged against, of `--state` or `--cluster`: empty when neither is given. */
export async function readBackground({ state, cluster }: Config, session: Session): Promise<Snapshot> {
  if (state.length === 0 && !cluster) return Snapshot.EMPTY;
  const loaded = unwrap(await openState({ files: state, cluster }), "the state cannot be read");
  noteProblems(session, loaded.warnings);
  return loaded.snapshot;
}

/** The packs in force. Says on standard error which exceptions are not granted. */
export async function readPacks(config: Config & Pick<Knobs, "point">, session: Session): Promise<LoadedPacks> {
  // Verbs that ask no rule need not load the checks.
  const { loadPacks } = await import("../sources/packs.js");
  const loaded = unwrap(await loadPacks(config), "the rule packs cannot be used");
  for (const problem of loaded.warnings) session.note(`warning: ${problemText(problem)}`);
  return loaded;
}

/** The profile of the cluster. A setting that is no switch must at least be a parameter of a pack. */
export async function readProfile(config: Config): Promise<Profile> {
  const profile = unwrap(await loadProfile(config));
  if (config.set.some((setting) => !isSwitch(setting))) {
    const { checkSettings } = await import("../sources/packs.js");
    unwrap(await checkSettings(config));
  }
  return profile;
}

/** The part of the profile that the engine asks for. */
export function engineProfile(profile: Profile): EngineProfile {
  return { cidrSelectsPods: profile["cidrSelectsPods"] !== false };
}

/** What `connectivity` and `diff` ask of the profile. */
export function surveyOptions(profile: Profile): SurveyOptions {
  return { profile: engineProfile(profile), addressFamilies: profile["addressFamilies"] === "dual" ? "dual" : "ipv4" };
}

/** Says on standard error what was read but looks wrong. */
export function noteProblems(session: Session, problems: readonly Problem[]): void {
  for (const problem of problems) session.note(`warning: ${formatProblem(problem)}`);
}

/** JSON as people and programs read it, with a line end. */
export function jsonText(value: unknown): string {
  return `${JSON.stringify(value, null, 2)}\n`;
}
