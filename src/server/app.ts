import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import type { Access } from "./access.js";
import { answerReview, startCall, type Answer, type Call, type EdgeParts, type OpenEdge } from "./admission-edge.js";
import { handleConsole, type ConsoleParts } from "./console.js";
import { timeToAnswer } from "./deadline.js";
import { Decoder } from "./decoder.js";
import { DEFAULT_LIMITS, Gate } from "./gate.js";
import { guarded } from "./guarded.js";
import { readinessText, type Readiness } from "../model/readiness.js";
import { ROUTES, type Route } from "./route.js";
import { otherMethod, sendJson, sendJsonText, sendText } from "./send.js";
import type { Answered } from "./tracing.js";
import { traceParentOf } from "./trace.js";

export interface AppParts extends EdgeParts {
  readonly gate?: Gate;
  /** All of `/readyz`: what judging needs and the health of the server around it. `ready` by default. */
  readonly health?: () => Readiness | Promise<Readiness>;
  /** Who may read `/metrics` and the console; programs of the same machine by default. */
  readonly access?: Access;
  /** The page at `/` and what it asks; none by default. */
  readonly console?: ConsoleParts;
  /** May this client ask for reviews? Everybody by default. */
  readonly mayReview?: (request: IncomingMessage) => boolean;
  /** Told of each review that was answered. */
  readonly traced?: (answered: Answered) => void;
  /** While true, every answer asks for the connection to be closed. */
  readonly draining?: () => boolean;
}

/**
 * The HTTP surface: reviews, health, metrics, the console. Every answer is JSON or plain text, also of what it does not know.
 * Reviews are taken before express looks at a request: they need none of it, and it costs them twice what a bare server does (bench/server.mjs).
 */
export function createApp(parts: AppParts): RequestListener {
  const open = { ...parts, gate: parts.gate ?? new Gate(DEFAULT_LIMITS), decoder: new Decoder() };
  const reviews = new Map(ROUTES.map((route) => [`/${route}`, reviewHandler(open, route)]));
  const rest = createExpress(parts);
  return (request, response) => {
    // An instance that is going serves on, and its clients take their next connection to another one (A14).
    if (parts.draining?.()) response.setHeader("connection", "close");
    const [path, query] = splitUrl(request.url ?? "");
    const review = request.method === "POST" ? reviews.get(path) : undefined;
    if (!review) return rest(request, response);
    review(request, response, query).catch((error: unknown) => {
      parts.log.error({ err: error }, "an answer could not be sent");
      response.destroy();
    });
  };
}

function createExpress(parts: AppParts): Express {
  const app = express();
  app.disable("x-powered-by").disable("etag");
  for (const route of ROUTES) app.all(`/${route}`, otherMethod("POST"));
  app.route("/livez").get((_, response) => sendText(response, 200, "ok\n")).all(otherMethod("GET"));
  app.route("/readyz").get(readyHandler(parts)).all(otherMethod("GET"));
  app.route("/metrics").get(guarded(parts, metricsHandler(parts))).all(otherMethod("GET"));
  if (parts.console) handleConsole(app, parts.console, parts);
  app.use((request, response) => sendJson(response, 404, { error: "not found", path: request.path }));
  app.use(fault(parts));
  return app;
}

type ReviewHandler = (request: IncomingMessage, response: ServerResponse, query: string) => Promise<void>;

function reviewHandler(parts: AppParts & OpenEdge, route: Route): ReviewHandler {
  return async (request, response, query) => {
    if (parts.mayReview && !parts.mayReview(request)) return sendJson(response, 401, { error: "a client certificate of the API server is needed" });
    const call = startCall(route, parts.failureMode(), { left: timeToAnswer(query), parent: traceParentOf(request.headers["traceparent"]) });
    const answer = await answerReview(parts, call, request);
    if (answer) sendJsonText(response, answer.status, answer.text);
    count(parts, call, answer);
  };
}

/** Path and query; the API server writes neither escapes nor fragments. */
function splitUrl(url: string): [path: string, query: string] {
  const mark = url.indexOf("?");
  return mark < 0 ? [url, ""] : [url.slice(0, mark), url.slice(mark + 1)];
}

function count({ metrics, traced }: AppParts, call: Call, answer: Answer | undefined): void {
  const { route, mode, operation, started } = call;
  const outcome = answer?.outcome ?? "cut-off";
  traced?.({ ...call, outcome });
  metrics.answered({ route, operation, outcome }, (performance.now() - started) / 1_000);
  if (outcome === "error" || outcome === "late" || outcome === "busy" || outcome === "too-long") metrics.decidedByFailureMode(route, mode);
}

function readyHandler({ ready, health = ready }: AppParts): RequestHandler {
  return async (request, response) => {
    const readiness = await health();
    sendText(response, readiness.ready ? 200 : 503, readinessText(readiness, request.query["verbose"] !== undefined));
  };
}

function metricsHandler({ metrics }: AppParts): RequestHandler {
  return async (_, response) => {
    const text = await metrics.registry.metrics();
    response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text);
  };
}

/** What express itself could not handle, such as a path with a broken escape; never its HTML page. */
function fault({ log }: AppParts): ErrorRequestHandler {
  // express tells a handler of faults by its four parameters.
  // eslint-disable-next-line max-params
  return (error: { status?: unknown } | undefined, request, response, next) => {
    const status = typeof error?.status === "number" && error.status >= 400 && error.status < 500 ? error.status : 500;
    if (status === 500) log.error({ err: error, method: request.method }, "a request failed inside");
    if (response.headersSent) return next(error);
    sendJson(response, status, { error: status === 500 ? "internal error" : "bad request" });
  };
}
