import type { IncomingMessage, RequestListener, ServerResponse } from "node:http";
import express, { type ErrorRequestHandler, type Express, type RequestHandler } from "express";
import { loopbackOnly, type Access } from "./access.js";
import { answerReview, startCall, type Answer, type Call, type EdgeParts, type OpenEdge } from "./admission-edge.js";
import { timeToAnswer } from "./deadline.js";
import { Decoder } from "./decoder.js";
import { DEFAULT_LIMITS, Gate } from "./gate.js";
import { readinessText, type Readiness } from "../model/readiness.js";
import { ROUTES, type Route } from "./route.js";
import { traceIdOf } from "./trace.js";

export interface AppParts extends EdgeParts {
  readonly gate?: Gate;
  /** All of `/readyz`: what judging needs and the health of the server around it. `ready` by default. */
  readonly health?: () => Readiness | Promise<Readiness>;
  /** Who may read `/metrics`; programs of the same machine by default. */
  readonly access?: Access;
  /** May this client ask for reviews? Everybody by default. */
  readonly mayReview?: (request: IncomingMessage) => boolean;
  /** While true, every answer asks for the connection to be closed. */
  readonly draining?: () => boolean;
}

/**
 * The HTTP surface: reviews, health, metrics. Every answer is JSON or plain text, also of what it does not know.
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
  app.use((request, response) => sendJson(response, 404, { error: "not found", path: request.path }));
  app.use(fault(parts));
  return app;
}

type ReviewHandler = (request: IncomingMessage, response: ServerResponse, query: string) => Promise<void>;

function reviewHandler(parts: AppParts & OpenEdge, route: Route): ReviewHandler {
  return async (request, response, query) => {
    if (parts.mayReview && !parts.mayReview(request)) return sendJson(response, 401, { error: "a client certificate of the API server is needed" });
    const call = startCall(route, parts.failureMode(), { left: timeToAnswer(query), trace: traceIdOf(request.headers["traceparent"]) });
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

function count({ metrics }: AppParts, { route, mode, operation, started }: Call, answer: Answer | undefined): void {
  const outcome = answer?.outcome ?? "cut-off";
  metrics.answered({ route, operation, outcome }, (performance.now() - started) / 1_000);
  if (outcome === "error" || outcome === "late" || outcome === "busy" || outcome === "too-long") metrics.decidedByFailureMode(route, mode);
}

function readyHandler({ ready, health = ready }: AppParts): RequestHandler {
  return async (request, response) => {
    const readiness = await health();
    sendText(response, readiness.ready ? 200 : 503, readinessText(readiness, request.query["verbose"] !== undefined));
  };
}

/** For what tells of the cluster. When the API server cannot say who asks, nobody may. */
function guarded({ access = loopbackOnly, log }: AppParts, handler: RequestHandler): RequestHandler {
  return async (request, response, next) => {
    const answer = await access(request).catch((error: unknown) => {
      log.warn({ err: error }, "the API server does not say who may read this");
      return 403 as const;
    });
    if (answer === "granted") return handler(request, response, next);
    if (answer === 401) response.setHeader("www-authenticate", "Bearer");
    sendJson(response, answer, { error: answer === 401 ? "a bearer token is needed" : "not allowed", path: request.path });
  };
}

function metricsHandler({ metrics }: AppParts): RequestHandler {
  return async (_, response) => {
    const text = await metrics.registry.metrics();
    response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text);
  };
}

function otherMethod(allow: string): RequestHandler {
  return (request, response) => {
    response.setHeader("allow", allow);
    sendJson(response, 405, { error: "method not allowed", method: request.method, allow: [allow] });
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

function sendJson(response: ServerResponse, status: number, body: object): void {
  sendJsonText(response, status, JSON.stringify(body));
}

/** As text: Node sends it in one piece with its header, and bytes in another one. */
function sendJsonText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" }).end(text);
}
