import { version, type Config } from "../config.js";
import { compare } from "../engine/compare.js";
import { chosen, DIFFERENCES_REPORTS } from "../reports/index.js";
import type { DifferenceLine } from "../reports/report.js";
import type { LoadedState } from "../sources/files.js";
import { openState } from "../sources/state.js";
import { noteProblems, readProfile, surveyOptions, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** What a change opens and closes. */
export const command: Command = {
  name: "diff",
  description: "Compares who can talk to whom in two states: traffic that was opened, closed or changed. Exit code 1 where anything differs.",
  arguments: ["<old>", "<new>"],
  options: ["profile", "set", "packs"],
  formats: Object.keys(DIFFERENCES_REPORTS),
  example: "sluice diff main/manifests/ branch/manifests/",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const options = surveyOptions(await readProfile(config));
  const [old, now] = [await read(config.paths[0], session), await read(config.paths[1], session)];
  const tally = { lines: 0 };
  const lines = counted(compare(old.snapshot, now.snapshot, options), tally, session);
  const output = chosen(DIFFERENCES_REPORTS, config.format)(lines, { color: config.color, version: version() });
  return { output, exitCode: () => (tally.lines > 0 ? 1 : 0) };
}

async function read(path: string | undefined, session: Session): Promise<LoadedState> {
  const state = unwrap(await openState({ files: path === undefined ? [] : [path], cluster: false }));
  noteProblems(session, state.warnings);
  return state;
}

function* counted(lines: Iterable<DifferenceLine>, tally: { lines: number }, session: Session): Iterable<DifferenceLine> {
  for (const line of lines) {
    if (++tally.lines % 1_000 === 0) session.progress(tally.lines);
    yield line;
  }
}
