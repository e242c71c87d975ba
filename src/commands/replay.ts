import { WrongUse, type Config } from "../config.js";
import type { CompiledPacks } from "../packs/compile.js";
import { answered, turn, type Answered, type Turn } from "../review/replay.js";
import { reviewMutation, reviewValidation } from "../review/review.js";
import { forRoute } from "../server/judge.js";
import { ROUTES, type Route } from "../server/route.js";
import { loadPacks, type LoadedPacks } from "../sources/packs.js";
import { readRecording, UnreadableRecord, type RecordedDecision } from "../sources/recording.js";
import { jsonText, noteProblems, unwrap, type Command, type Outcome, type Session } from "./command.js";

/** What other packs would have decided. */
export const command: Command = {
  name: "replay",
  description:
    "Judges the requests that `sluice serve --record FILE` wrote down again, each on the state of that time, with the packs given: what would be refused, freed or told otherwise.\n" +
    "With the packs that decided then, nothing differs but what hung on other requests under way, or on a consistent read. Exit code 1 when anything differs.",
  arguments: ["<recording...>"],
  options: ["packs", "profile", "set"],
  formats: ["text", "json"],
  example: "sluice replay decisions.jsonl --packs next/",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const loaded = unwrap(await loadPacks(config), "the rule packs cannot be used");
  noteProblems(session, loaded.warnings);
  const tally: Tally = { decisions: 0, undecided: 0, sameDigest: 0, differences: [] };
  for (const file of config.paths) await replay(file, loaded, { tally, session });
  const { differences } = tally;
  return { output: config.format === "json" ? jsonText(asJson(tally, loaded)) : asText(tally, loaded), exitCode: differences.length > 0 ? 1 : 0 };
}

interface Difference {
  readonly turn: Turn;
  readonly recorded: RecordedDecision;
  readonly before: Answered;
  readonly after: Answered;
}

interface Tally {
  decisions: number;
  /** Asked to try again: nothing was decided then. */
  undecided: number;
  sameDigest: number;
  readonly differences: Difference[];
}

async function replay(file: string, { packs, digest }: LoadedPacks, { tally, session }: { readonly tally: Tally; readonly session: Session }): Promise<void> {
  try {
    for await (const recorded of readRecording(file)) {
      session.progress(++tally.decisions);
      if (recorded.packs === digest) tally.sameDigest++;
      if (recorded.code === 429) tally.undecided++;
      else add(tally, recorded, again(recorded, packs));
    }
  } catch (error) {
    if (error instanceof UnreadableRecord) throw new WrongUse("the recording cannot be replayed", [{ code: "replay/line", message: error.message, path: "", place: error.place }]);
    if (error instanceof Error && "code" in error) throw new WrongUse(`${file}: ${error.code === "ENOENT" ? "no such file or folder" : error.message}`);
    throw error;
  }
}

/** The decision of the same route, on the state and at the time of the recorded one. */
function again({ request, route, snapshot, time, place }: RecordedDecision, packs: CompiledPacks): Answered {
  if (!ROUTES.includes(route as Route)) throw new UnreadableRecord(`is of a route \`${route}\` that nobody serves`, place);
  const context = { snapshot, packs, now: Date.parse(time) };
  if (route === "mutate") return answered(reviewMutation(request, context));
  return answered(forRoute(reviewValidation(request, context), { route: route as Route, request, isExempt: packs.isExempt }));
}

function add(tally: Tally, recorded: RecordedDecision, after: Answered): void {
  const before: Answered = { allowed: recorded.allowed, rules: recorded.rules, patch: recorded.patch };
  const turned = turn(before, after);
  if (turned) tally.differences.push({ turn: turned, recorded, before, after });
}

function asJson({ decisions, undecided, sameDigest, differences }: Tally, { digest }: LoadedPacks): object {
  const told = differences.map(({ turn: turned, recorded: { time, route, packs, request, place }, before, after }) => ({
    turn: turned,
    time,
    route,
    operation: request.operation,
    kind: request.kind.kind,
    ...(request.namespace !== undefined && { namespace: request.namespace }),
    name: request.name,
    user: request.userInfo.username,
    packs,
    before,
    after,
    line: place.line,
  }));
  return { packs: digest, decisions, undecided, madeByThesePacks: sameDigest, differences: told };
}

const TITLES: Readonly<Record<Turn, string>> = { refused: "newly refused", freed: "newly admitted", otherwise: "told otherwise" };

function asText({ decisions, undecided, differences }: Tally, { digest, packs }: LoadedPacks): string {
  const head = `${decisions} decisions replayed with the packs ${packs.names.join(", ")} (${digest}): ${differences.length === 0 ? "nothing differs" : `${differences.length} differ`}`;
  const sections = (["refused", "freed", "otherwise"] as const).flatMap((turned) => {
    const found = differences.filter((difference) => difference.turn === turned);
    return found.length === 0 ? [] : ["", `${TITLES[turned]}: ${found.length}`, ...found.map(line)];
  });
  const rest = undecided > 0 ? ["", `${undecided} were asked to try again at the time, and are not compared`] : [];
  return `${[head, ...sections, ...rest].join("\n")}\n`;
}

function line({ recorded: { time, route, request }, before, after }: Difference): string {
  const { operation, kind, namespace, name, userInfo } = request;
  const what = kind.kind === "Namespace" || namespace === undefined ? name : `${namespace}/${name}`;
  return `  ${time} ${operation} ${kind.kind} ${what} by ${userInfo.username} (/${route}): ${said(before)} -> ${said(after)}`;
}

function said({ allowed, rules, patch }: Answered): string {
  const how = [allowed ? "admitted" : "refused", ...(patch.length > 0 ? ["patched"] : [])].join(", ");
  return rules.length === 0 ? how : `${how} (${rules.join(", ")})`;
}
