import type { Config } from "../config.js";
import type { AdmissionRequest, AdmissionReviewOut } from "../model/admission.js";
import type { Decision } from "../model/decision.js";
import { formatProblem, type Problem } from "../model/result.js";
import { Snapshot } from "../model/snapshot.js";
import type { CompiledPacks } from "../packs/compile.js";
import { applyPatch } from "../review/apply-patch.js";
import { provisionFor } from "../review/provision.js";
import { review } from "../review/review.js";
import { decode } from "../server/decode.js";
import { errored, malformed, respond } from "../server/respond.js";
import { stateChanges } from "../server/state-changes.js";
import { splitJson } from "../sources/documents.js";
import { factsOf, readText } from "../sources/files.js";
import { readBackground, readPacks, unwrap, type Command, type ExitCode, type Outcome, type Session } from "./command.js";

/** The decision of the webhook without a server. */
export const command: Command = {
  name: "review",
  description:
    "Answers AdmissionReviews as the webhook would, one line per review; for a Pod that is created, the answer holds its patch.\n" +
    "Each is judged against the given state, not against the ones before it, unless --apply. Exit code 1 when any is refused.",
  arguments: ["<review...>"],
  options: ["state", "cluster", "packs", "apply", "profile", "set"],
  formats: ["json", "text"],
  example: "sluice review review.json --state cluster/",
  run,
};

async function run(config: Config, session: Session): Promise<Outcome> {
  const { packs, digest } = await readPacks(config, session);
  const snapshot = await readBackground(config, session);
  const inputs = await readInputs(config.paths);
  const tally = { refused: 0, unread: 0 };
  const reviewer = new Reviewer({ packs, digest, snapshot, apply: config.apply });
  const format = config.format === "text" ? asText : asLine;
  return { output: answers(inputs, reviewer, { session, tally, format }), exitCode: () => exitCode(tally) };
}

interface Input {
  readonly file: string;
  readonly line: number;
  readonly text: string;
}

async function readInputs(files: readonly string[]): Promise<readonly Input[]> {
  const inputs: Input[] = [];
  for (const file of files) {
    const text = unwrap(await readText(file));
    const parts = splitJson(text);
    if (parts.length === 0) inputs.push({ file, line: 1, text });
    for (const part of parts) inputs.push({ file, line: part.linesBefore + 1, text: part.text });
  }
  return inputs;
}

interface Tally {
  refused: number;
  unread: number;
}

interface Telling {
  readonly session: Session;
  readonly tally: Tally;
  readonly format: (answer: AdmissionReviewOut) => string;
}

function* answers(inputs: readonly Input[], reviewer: Reviewer, { session, tally, format }: Telling): Iterable<string> {
  for (const [i, input] of inputs.entries()) {
    session.progress(i, inputs.length);
    const { answer, problems } = reviewer.answer(input.text);
    for (const problem of problems) session.note(`error: ${formatProblem({ ...problem, place: { file: input.file, line: input.line } })}`);
    if (answer === undefined) tally.unread++;
    else {
      if (!answer.response.allowed) tally.refused++;
      yield format(answer);
    }
  }
}

function exitCode({ refused, unread }: Tally): ExitCode {
  if (unread > 0) return 2;
  return refused > 0 ? 1 : 0;
}

interface Reviewed {
  /** Absent only when no uid could be read: then nobody could tell whose answer it is. */
  readonly answer?: AdmissionReviewOut;
  readonly problems: readonly Problem[];
}

interface ReviewerParts {
  readonly packs: CompiledPacks;
  readonly digest: string;
  readonly snapshot: Snapshot;
  readonly apply: boolean;
}

class Reviewer {
  private readonly parts: ReviewerParts;
  private snapshot: Snapshot;

  constructor(parts: ReviewerParts) {
    this.parts = parts;
    this.snapshot = parts.snapshot;
  }

  answer(text: string): Reviewed {
    const decoded = decode(Buffer.from(text));
    if (decoded.ok) return { answer: this.judge(decoded.request), problems: [] };
    const { uid, problems } = decoded;
    return uid === undefined ? { problems } : { answer: errored(uid, "Deny", malformed(problems)), problems };
  }

  private judge(request: AdmissionRequest): AdmissionReviewOut {
    const { packs, digest, apply } = this.parts;
    const decision = review(request, { snapshot: this.snapshot, packs, now: Date.now() });
    if (decision.allowed && apply && !request.dryRun) this.apply(request, decision);
    return respond(decision, { uid: request.uid, mutating: true, annotations: { packs: digest } });
  }

  private apply(request: AdmissionRequest, decision: Decision): void {
    const provided = provisionFor(request, this.snapshot, this.parts.packs).flatMap(factsOf);
    this.snapshot = this.snapshot.with([...stateChanges(stored(request, decision), factsOf), ...provided.map((put) => ({ put }))]);
  }
}

/** What the API server would store: the object with its patch. */
function stored(request: AdmissionRequest, { patch }: Decision): AdmissionRequest {
  return request.object && patch.length > 0 ? { ...request, object: applyPatch(request.object, patch) } : request;
}

function asLine(answer: AdmissionReviewOut): string {
  return `${JSON.stringify(answer)}\n`;
}

function asText({ response }: AdmissionReviewOut): string {
  const { uid, allowed, status, warnings = [], patch } = response;
  const changed = patch === undefined ? "" : `, patched with ${Buffer.from(patch, "base64").toString()}`;
  const lines = [`${uid}: ${allowed ? "allowed" : "refused"}${changed}`, ...(status ? [status.message] : []), ...warnings.map((warning) => `warning: ${warning}`)];
  return `${lines.join("\n  ").replaceAll("\n\n", "\n")}\n`;
}
