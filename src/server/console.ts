import type { IncomingMessage, ServerResponse } from "node:http";
import type { Express } from "express";
import { formatProblem, type Result } from "../model/result.js";
import { readBody } from "./body.js";
import type { ConsoleAssets } from "./console-assets.js";
import { guarded, guardedPage, type Guard } from "./guarded.js";
import { otherMethod, sendJson } from "./send.js";

/** What the console may ask, each answered by plain JSON (model/views). `undefined`: too many ask at once. */
export interface ConsoleAnswers {
  /** By the path below `/console/v1/`. */
  readonly get: Readonly<Record<string, (query: URLSearchParams, signal: AbortSignal) => Answering>>;
  /** Questions too long for a query. They change nothing either. */
  readonly post: Readonly<Record<string, (body: unknown, signal: AbortSignal) => Answering>>;
}

type Answering = Promise<Result<object> | undefined>;

export interface ConsoleParts {
  readonly answers: ConsoleAnswers;
  readonly assets: ConsoleAssets;
}

const API = "/console/v1/";

/** What an editor holds is a few KB; 50 policies of 20 KB. */
const LONGEST_QUESTION = 1024 * 1024;

/**
 * Nothing from elsewhere, nothing inline, nowhere else to send anything to, in no frame. `data:` pictures are the wavy lines under
 * mistakes in the editor.
 */
const POLICY = [
  "default-src 'none'", "script-src 'self'", "style-src 'self'", "img-src 'self' data:", "connect-src 'self'",
  "base-uri 'none'", "form-action 'none'", "frame-ancestors 'none'",
].join("; ");

/** For every answer of the console, pages and JSON alike. */
export function protect(response: ServerResponse): void {
  const headers = {
    "content-security-policy": POLICY, "x-content-type-options": "nosniff", "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin", "cross-origin-resource-policy": "same-origin", "x-frame-options": "DENY",
  };
  for (const [name, value] of Object.entries(headers)) response.setHeader(name, value);
}

/** Lets an application answer the console's page and its questions. */
export function handleConsole(app: Express, { answers, assets }: ConsoleParts, guard: Guard): void {
  app.use(API, (request, response, next) => {
    protect(response);
    response.setHeader("cache-control", "no-store");
    if (!isFromElsewhere(request)) return next();
    sendJson(response, 403, { error: "another site asked", path: request.originalUrl });
  });
  for (const [name, get] of Object.entries(answers.get)) {
    app.route(`${API}${name}`).get(guarded(guard, (request, response) => send(response, (signal) => get(queryOf(request), signal)))).all(otherMethod("GET"));
  }
  for (const [name, post] of Object.entries(answers.post)) {
    app.route(`${API}${name}`).post(guarded(guard, (request, response) => answerBody(request, response, post))).all(otherMethod("POST"));
  }
  for (const path of assets.paths) {
    const page = guardedPage(guard, (request, response) => assets.answer(path, request, response));
    app.route(path).get((request, response) => (protect(response), page(request, response))).all(otherMethod("GET"));
  }
}

/**
 * Did another site make the browser ask? Pages of other sites cannot read answers, but they may ask. Browsers say where a request
 * comes from; programs that are no browser say nothing.
 */
export function isFromElsewhere({ headers }: IncomingMessage): boolean {
  const site = headers["sec-fetch-site"];
  if (site !== undefined) return site !== "same-origin" && site !== "none";
  const origin = headers["origin"];
  return origin !== undefined && originHost(origin) !== headers["host"];
}

function originHost(origin: string): string | undefined {
  return URL.canParse(origin) ? new URL(origin).host : undefined;
}

function queryOf({ url = "" }: IncomingMessage): URLSearchParams {
  return new URLSearchParams(url.split("?").slice(1).join("?"));
}

async function answerBody(request: IncomingMessage, response: ServerResponse, answer: (body: unknown, signal: AbortSignal) => Answering): Promise<void> {
  if (!/^application\/json\b/.test(request.headers["content-type"] ?? "")) return sendJson(response, 415, { error: "the question must be `application/json`" });
  const body = await readBody(request, { cap: LONGEST_QUESTION });
  if (body.kind === "cut-off") return;
  if (body.kind !== "whole") return sendJson(response, 413, { error: `the question is longer than ${LONGEST_QUESTION} bytes` });
  const asked = parsed(Buffer.from(body.bytes).toString("utf8"));
  if (asked === undefined) return sendJson(response, 400, { error: "the question is no JSON" });
  await send(response, (signal) => answer(asked, signal));
}

function parsed(text: string): unknown {
  try {
    return JSON.parse(text) as unknown;
  } catch {
    return undefined;
  }
}

async function send(response: ServerResponse, answer: (signal: AbortSignal) => Answering): Promise<void> {
  const gone = new AbortController();
  response.once("close", () => gone.abort());
  const result = await answer(gone.signal);
  if (gone.signal.aborted) return;
  if (!result) return sendJson(response, 429, { error: "too many questions at once: try again in a moment" });
  if (!result.ok) return sendJson(response, 400, { error: result.problems.map(formatProblem).join("; ") });
  sendJson(response, 200, result.value);
}
