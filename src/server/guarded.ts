import type { IncomingMessage, ServerResponse } from "node:http";
import { reasonOf, type Log } from "../log.js";
import { loopbackOnly, type Access } from "./access.js";
import { sendJson } from "./send.js";

export interface Guard {
  /** Who may look; programs of the same machine by default. */
  readonly access?: Access;
  readonly log: Log;
}

type Handler = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

/** For what tells of the cluster. When the API server cannot say who asks, nobody may. */
export function guarded(guard: Guard, handler: Handler): Handler {
  return async (request, response) => {
    const answer = await askAccess(guard, request);
    if (answer === "granted") return handler(request, response);
    if (answer === 401) response.setHeader("www-authenticate", "Bearer");
    sendJson(response, answer, { error: answer === 401 && request.headers.authorization !== undefined ? "the API server does not know this bearer token" : ERRORS[answer], path: pathOf(request) });
  };
}

const ERRORS = { 401: "a bearer token is needed", 403: "not allowed", 503: "the API server does not say who may read this; try again" } as const;

/** For what tells nothing of the cluster, to those who may still say who they are: a page asks for a token, and has none when it is loaded. */
export function guardedPage(guard: Guard, handler: Handler): Handler {
  return async (request, response) => {
    const answer = await askAccess(guard, request);
    if (answer === 403) return sendJson(response, 403, { error: "not allowed", path: pathOf(request) });
    return handler(request, response);
  };
}

function pathOf({ url = "" }: IncomingMessage): string {
  return url.split("?", 1)[0] ?? "";
}

async function askAccess({ access = loopbackOnly, log }: Guard, request: Parameters<Access>[0]): Promise<Awaited<ReturnType<Access>> | 503> {
  return access(request).catch((error: unknown) => {
    log.warn({ reason: reasonOf(error) }, "the API server does not say who may read this");
    return 503 as const;
  });
}
