import type { IncomingMessage } from "node:http";
import type { AdmissionRequest } from "../model/admission.js";
import { wouldDeny, type Decision } from "../model/decision.js";
import type { Problem } from "../model/result.js";
import type { Log } from "../log.js";
import { readBody } from "./body.js";
import { within } from "./deadline.js";
import { unreadableFields, type Judged } from "./decision-log.js";
import type { Decoder } from "./decoder.js";
import { encode, encodeDecision } from "./encode.js";
import type { Gate, Place } from "./gate.js";
import type { Outcome, ServerMetrics } from "./metrics.js";
import { NotNow } from "../pending/not-now.js";
import type { Outbox } from "./outbox.js";
import type { Readiness } from "../model/readiness.js";
import { errored, malformed, type Trouble } from "./respond.js";
import { failureModeOf, type FailureMode, type Route } from "./route.js";
import type { TraceParent } from "./trace.js";
import { uidFromHead } from "./uid-from-head.js";

/** Makes one decision. `deadline` is on the clock of `performance.now()`; an answer after it is not waited for. */
export type Judge = (request: AdmissionRequest, route: Route, deadline: number) => Decision | Promise<Decision>;

/** All that the admission edge needs of the rest of the program. */
export interface EdgeParts {
  readonly judge: Judge;
  /** What must hold before anything is judged: packs compiled, every kind synced. */
  readonly ready: () => Readiness;
  readonly log: Log;
  readonly metrics: ServerMetrics;
  /** Asked at each call: it changes with the packs. */
  readonly failureMode: () => FailureMode;
  /** Resource versions of the snapshot, by kind, for the log line. */
  readonly versions?: () => Readonly<Record<string, string>>;
  /** Writes decisions down with their requests. */
  readonly record?: (judged: Judged) => void;
}

export interface Call {
  readonly route: Route;
  readonly mode: FailureMode;
  /** On the clock of `performance.now()`. */
  readonly started: number;
  readonly deadline: number;
  readonly parent?: TraceParent;
  /** Empty until one was read. */
  uid: string;
  operation: string;
  /** What was decided, once it was. */
  judged?: Judged;
}

export interface Answer {
  /** 400 only for a body without a uid: the API server shows no body of an answer that is not 200. */
  readonly status: 200 | 400;
  readonly outcome: Outcome;
  /** JSON. */
  readonly text: string;
}

/** With what all its calls share. */
export interface OpenEdge extends EdgeParts {
  readonly gate: Gate;
  readonly decoder: Decoder;
  readonly outbox: Outbox;
}

/** Bytes; a recorded review is 1 to 10 KB. What takes long to judge is longer. */
const LARGE = 64 * 1_024;

/** The answer to one AdmissionReview; undefined when nobody is left to hear it. The one place that catches: a fault inside becomes a decision by failure mode. */
export async function answerReview(parts: OpenEdge, call: Call, request: IncomingMessage): Promise<Answer | undefined> {
  const { gate, log } = parts;
  const place = gate.admit();
  try {
    return await (place ? readAndJudge(parts, call, { request, place }) : shed(call, request));
  } catch (error) {
    if (error instanceof NotNow) return overloaded(call, error.message);
    log.error({ uid: call.uid, route: call.route, err: error }, "a review failed inside");
    return trouble(call, "error", { code: 403, message: "an error inside Sluice kept this request from being judged; its log has the details" });
  } finally {
    if (place) gate.release(place);
  }
}

interface Admitted {
  readonly request: IncomingMessage;
  readonly place: Place;
}

async function readAndJudge(parts: OpenEdge, call: Call, { request, place }: Admitted): Promise<Answer | undefined> {
  const { gate, decoder, outbox, ready } = parts;
  const body = await readBody(request, { cap: gate.limits.bodyCap, take: (bytes) => gate.take(place, bytes) });
  if (body.kind === "cut-off") return undefined;
  if (body.kind === "no-room") return crowded(call, body.head);
  if (body.kind === "too-long") return tooLong(call, body.head, gate.limits.bodyCap);
  if (body.bytes.byteLength > LARGE) outbox.flush();
  const decoded = decoder.decode(body.bytes);
  call.uid = (decoded.ok ? decoded.request.uid : decoded.uid) ?? "";
  if (!decoded.ok) return unreadable(parts, call, decoded.problems);
  call.operation = decoded.request.operation;
  const readiness = ready();
  if (!readiness.ready) return overloaded(call, `not ready yet${unmet(readiness)}`);
  if (!(await gate.enter(call.deadline - performance.now()))) return overloaded(call, "too many requests are waiting");
  try {
    if (performance.now() > call.deadline) return late(call);
    return await judged(parts, call, decoded.request);
  } finally {
    gate.leave();
  }
}

async function judged(parts: EdgeParts, call: Call, request: AdmissionRequest): Promise<Answer> {
  const { judge, metrics, versions, record } = parts;
  const { route, uid, started, deadline } = call;
  const snapshotVersions = versions?.() ?? {};
  const judging = judge(request, route, deadline);
  const decision = judging instanceof Promise ? await within(deadline - performance.now(), judging) : judging;
  if (!decision) return late(call);
  const text = encodeDecision(decision, uid, route === "mutate");
  const outcome = !decision.allowed ? "denied" : wouldDeny(decision) ? "would-deny" : "allowed";
  metrics.decided(decision);
  const told: Judged = { request, route, decision, milliseconds: performance.now() - started, versions: snapshotVersions, ...(call.parent && { trace: call.parent.traceId }) };
  call.judged = told;
  record?.(told);
  return { status: 200, outcome, text };
}

function late(call: Call): Answer {
  return trouble(call, "late", { code: 429, message: `no decision within ${Math.round(call.deadline - call.started)} ms` });
}

/** Answered from the first bytes, without taking the body on. */
async function shed(call: Call, request: IncomingMessage): Promise<Answer | undefined> {
  const body = await readBody(request, { cap: 0 });
  return body.kind === "cut-off" ? undefined : crowded(call, body.kind === "whole" ? body.bytes : body.head);
}

function crowded(call: Call, head: Uint8Array): Answer {
  call.uid = uidFromHead(head) ?? "";
  return overloaded(call, "too many requests at once");
}

function tooLong(call: Call, head: Uint8Array, cap: number): Answer {
  call.uid = uidFromHead(head) ?? "";
  return trouble(call, "too-long", { code: 413, message: `the AdmissionReview is longer than ${cap} bytes: make the object smaller or split it` });
}

/** Refused whatever the failure mode, which is for faults of ours; only where a refusal of ours may never count it is a warning. */
function unreadable({ log }: EdgeParts, call: Call, problems: readonly Problem[]): Answer {
  log.warn(unreadableFields(call, problems), "a body that is no AdmissionReview");
  return trouble({ ...call, mode: failureModeOf(call.route, "Deny") }, "malformed", malformed(problems));
}

function overloaded(call: Call, message: string): Answer {
  return trouble(call, "busy", { code: 429, message });
}

function trouble(call: Call, outcome: Outcome, what: Trouble): Answer {
  // Without a uid no answer can be matched to a request: nothing is admitted by it.
  return call.uid === "" ? { status: 400, outcome, text: encode(errored("", "Deny", what)) } : { status: 200, outcome, text: encode(errored(call.uid, call.mode, what)) };
}

/** The first of what is missing: whoever reads this waits for Sluice and does not mend it, and an API server that is away keeps a dozen kinds from being synced. */
function unmet({ conditions }: Readiness): string {
  const [first, ...more] = conditions.filter(({ ok }) => !ok);
  if (!first) return "";
  return `: ${first.name}${first.detail && ` (${first.detail})`}${more.length > 0 ? ` and ${more.length} more, which \`/readyz?verbose\` of Sluice tells` : ""}`;
}

/** Starts the clock of one call. `left` is what the API server gives it, in milliseconds. */
export function startCall(route: Route, configured: FailureMode, { left, parent }: { readonly left: number; readonly parent: TraceParent | undefined }): Call {
  const started = performance.now();
  return { route, mode: failureModeOf(route, configured), started, deadline: started + left, ...(parent && { parent }), uid: "", operation: "" };
}
