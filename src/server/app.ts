import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import { answerReview, startCall, type Answer, type Call, type EdgeParts, type OpenEdge } from "./admission-edge.js";
import { timeToAnswer } from "./deadline.js";
import { decisionFields } from "./decision-log.js";
import { Decoder } from "./decoder.js";
import { answerFault } from "./fault.js";
import { DEFAULT_LIMITS, Gate } from "./gate.js";
import { Outbox } from "./outbox.js";
import { probes, type Page, type ProbesParts } from "./probes.js";
import type { RestParts } from "./rest.js";
import { ROUTES, type Route } from "./route.js";
import { sendJson, sendJsonText } from "./send.js";
import type { Answered } from "./tracing.js";
import { traceParentOf } from "./trace.js";

export interface AppParts extends EdgeParts, ProbesParts, RestParts {
  readonly gate?: Gate;
  /** May this client ask for reviews? Everybody by default. */
  readonly mayReview?: (request: IncomingMessage) => boolean;
  /** Told of each review that was answered. */
  readonly traced?: (answered: Answered) => void;
  /** Answers everything but reviews; this process by default. */
  readonly rest?: RequestListener;
  /** While true, every answer asks for the connection to be closed. */
  readonly draining?: () => boolean;
}

/**
 * The HTTP surface: reviews, health, metrics, the console. Every answer is JSON or plain text, also of what it does not know.
 * Reviews are taken before express looks at a request: they need none of it, and it costs them twice what a bare server does (bench/server.mjs).
 * So are health and metrics: most servers are asked nothing else, and never load express.
 */
export function createApp(parts: AppParts): RequestListener {
  const open = { ...parts, gate: parts.gate ?? new Gate(DEFAULT_LIMITS), decoder: new Decoder(), outbox: new Outbox() };
  const reviews = new Map(ROUTES.map((route) => [`/${route}`, reviewHandler(open, route)]));
  const pages = probes(parts);
  const rest = restOf(parts, pages);
  return (request, response) => {
    // An instance that is going serves on, and its clients take their next connection to another one (A14).
    if (parts.draining?.()) response.setHeader("connection", "close");
    const [path, query] = splitUrl(request.url ?? "");
    const review = request.method === "POST" ? reviews.get(path) : undefined;
    if (!review && parts.rest) return parts.rest(request, response);
    if (!review) return answerPage(parts, { request, response }, (request.method === "GET" ? pages.get(path) : undefined) ?? rest);
    review(request, response, query).catch((error: unknown) => unsent(parts, response, error));
  };
}

/** Loaded when it is asked first. */
function restOf(parts: RestParts, pages: ReadonlyMap<string, Page>): Page {
  let loaded: Promise<RequestListener> | undefined;
  const load = async (): Promise<RequestListener> => {
    try {
      return await (await import("./rest.js")).createRest(parts, pages);
    } catch (error) {
      // What went wrong once may go well the next time.
      loaded = undefined;
      throw error;
    }
  };
  return async (request, response) => (await (loaded ??= load()))(request, response);
}

function answerPage({ log }: AppParts, { request, response }: { readonly request: IncomingMessage; readonly response: ServerResponse }, page: Page): void {
  page(request, response).catch((error: unknown) => {
    if (!answerFault(log, { request, response }, error)) response.destroy();
  });
}

type ReviewHandler = (request: IncomingMessage, response: ServerResponse, query: string) => Promise<void>;

function reviewHandler(parts: AppParts & OpenEdge, route: Route): ReviewHandler {
  return async (request, response, query) => {
    if (parts.mayReview && !parts.mayReview(request)) return sendJson(response, 401, { error: "a client certificate of the API server is needed" });
    const call = startCall(route, parts.failureMode(), { left: timeToAnswer(query), parent: traceParentOf(request.headers["traceparent"]) });
    const answer = await answerReview(parts, call, request);
    parts.outbox.post({ send: () => answer && send(parts, response, answer), tell: () => tell(parts, call, answer) });
  };
}

function send(parts: AppParts, response: ServerResponse, { status, text }: Answer): void {
  try {
    sendJsonText(response, status, text);
  } catch (error) {
    unsent(parts, response, error);
  }
}

function unsent({ log }: AppParts, response: ServerResponse, error: unknown): void {
  log.error({ err: error }, "an answer could not be sent");
  response.destroy();
}

/** Path and query; the API server writes neither escapes nor fragments. */
function splitUrl(url: string): [path: string, query: string] {
  const mark = url.indexOf("?");
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
}

function tell({ log, metrics, traced }: AppParts, call: Call, answer: Answer | undefined): void {
  const { route, mode, operation, started, judged } = call;
  const outcome = answer?.outcome ?? "cut-off";
  if (judged) log.info(decisionFields(judged), outcome === "would-deny" ? "would deny" : outcome);
  traced?.({ ...call, outcome });
  metrics.answered({ route, operation, outcome }, (performance.now() - started) / 1_000);
  if (outcome === "error" || outcome === "late" || outcome === "busy" || outcome === "too-long") metrics.decidedByFailureMode(route, mode);
}
