import type { RequestListener } from "node:http";
import express, { type ErrorRequestHandler } from "express";
import { handleConsole, type ConsoleParts } from "./console.js";
import { answerFault } from "./fault.js";
import type { Guard } from "./guarded.js";
import type { Page } from "./probes.js";
import { ROUTES } from "./route.js";
import { otherMethod, sendJson } from "./send.js";

export interface RestParts extends Guard {
  /** The page at `/` and what it asks, made when somebody asks first; none by default. */
  readonly console?: () => Promise<ConsoleParts>;
}

/** Answers by express what is asked seldom: the console, other spellings and methods of what is asked often, and what is not there. */
export async function createRest(parts: RestParts, pages: ReadonlyMap<string, Page>): Promise<RequestListener> {
  const app = express();
  app.disable("x-powered-by").disable("etag");
  // A POST comes this far by another spelling only: what is not there, then.
  for (const route of ROUTES) app.all(`/${route}`, (request, response, next) => (request.method === "POST" ? next() : otherMethod("POST")(request, response, next)));
  for (const [path, page] of pages) app.route(path).get(page).all(otherMethod("GET"));
  if (parts.console) handleConsole(app, await parts.console(), parts);
  app.use((request, response) => sendJson(response, 404, { error: "not found", path: request.path }));
  app.use(fault(parts));
  return app;
}

/** What express itself could not handle, such as a path with a broken escape. */
function fault({ log }: RestParts): ErrorRequestHandler {
  // express tells a handler of faults by its four parameters.
  // eslint-disable-next-line max-params
  return (error: unknown, request, response, next) => {
    if (!answerFault(log, { request, response }, error)) next(error);
  };
}
