import express, { type ErrorRequestHandler, type Express, type RequestHandler, type Response } from "express";
import { answerReview, startCall, type Answer, type Call, type EdgeParts } from "./admission-edge.js";
import { timeToAnswer } from "./deadline.js";
import { DEFAULT_LIMITS, Gate } from "./gate.js";
import { readinessText, type Readiness } from "./readiness.js";
import { ROUTES, type Route } from "./route.js";

export interface AppParts extends EdgeParts {
  readonly gate?: Gate;
  /** All of `/readyz`: what judging needs and the health of the server around it. `ready` by default. */
  readonly health?: () => Readiness;
  /** While true, every answer asks for the connection to be closed. */
  readonly draining?: () => boolean;
}

/** The HTTP surface: reviews, health, metrics. Every answer is JSON or plain text, also of what it does not know. */
export function createApp(parts: AppParts): Express {
  const app = express();
  app.disable("x-powered-by").disable("etag");
  app.use(connectionCloser(parts));
  const gate = parts.gate ?? new Gate(DEFAULT_LIMITS);
  for (const route of ROUTES) app.route(`/${route}`).post(reviewHandler({ ...parts, gate }, route)).all(otherMethod("POST"));
  app.route("/livez").get((_, response) => sendText(response, 200, "ok\n")).all(otherMethod("GET"));
  app.route("/readyz").get(readyHandler(parts)).all(otherMethod("GET"));
  app.route("/metrics").get(metricsHandler(parts)).all(otherMethod("GET"));
  app.use((request, response) => sendJson(response, 404, { error: "not found", path: request.path }));
  app.use(fault(parts));
  return app;
}

function reviewHandler(parts: AppParts & { readonly gate: Gate }, route: Route): RequestHandler {
  return async (request, response) => {
    const call = startCall(route, parts.failureMode, timeToAnswer(request.query["timeout"]));
    const answer = await answerReview(parts, call, request);
    if (answer) sendJson(response, answer.status, answer.review);
    count(parts, call, answer);
  };
}

function count({ metrics }: AppParts, { route, mode, operation, started }: Call, answer: Answer | undefined): void {
  const outcome = answer?.outcome ?? "cut-off";
  metrics.answered({ route, operation, outcome }, (performance.now() - started) / 1_000);
  if (outcome === "error" || outcome === "late" || outcome === "busy" || outcome === "too-long") metrics.decidedByFailureMode(route, mode);
}

function readyHandler({ ready, health = ready }: AppParts): RequestHandler {
  return (request, response) => {
    const readiness = health();
    sendText(response, readiness.ready ? 200 : 503, readinessText(readiness, request.query["verbose"] !== undefined));
  };
}

function metricsHandler({ metrics }: AppParts): RequestHandler {
  return async (_, response) => {
    const text = await metrics.registry.metrics();
    response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text);
  };
}

/** An instance that is going serves on, and its clients take their next connection to another one (A14). */
function connectionCloser({ draining }: AppParts): RequestHandler {
  return (_, response, next) => {
    if (draining?.()) response.setHeader("connection", "close");
    next();
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

function sendJson(response: Response, status: number, body: object): void {
  const text = Buffer.from(JSON.stringify(body));
  response.writeHead(status, { "content-type": "application/json", "content-length": text.byteLength }).end(text);
}

function sendText(response: Response, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" }).end(text);
}
