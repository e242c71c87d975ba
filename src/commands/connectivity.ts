import type { Config } from "../config.js";
import { connectivity } from "../engine/connectivity.js";
import { chosen, CONNECTIONS_REPORTS } from "../reports/index.js";
import type { ConnectionLine } from "../reports/report.js";
import { readProfile, readState, surveyOptions, type Command, type Outcome, type Session } from "./command.js";

/** Who can talk to whom: every pair of workloads and external ranges. */
export const command: Command = {
  name: "connectivity",
  description: "Lists every pair of workloads, or of a workload and a range of external addresses, that can talk, and on which ports.",
  arguments: ["[path...]"],
  options: ["cluster", "profile", "set", "packs"],
  formats: Object.keys(CONNECTIONS_REPORTS),
  example: "sluice connectivity manifests/ -o json",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const options = surveyOptions(await readProfile(config));
  const { snapshot } = await readState(config, session);
  const report = chosen(CONNECTIONS_REPORTS, config.format);
  return { output: report(counted(connectivity(snapshot, options), session)), exitCode: 0 };
}

function* counted(lines: Iterable<ConnectionLine>, session: Session): Iterable<ConnectionLine> {
  let count = 0;
  for (const line of lines) {
    if (++count % 1_000 === 0) session.progress(count);
    yield line;
  }
}
