import type { RequestHandler } from "express";
import type { Log } from "../log.js";
import { loopbackOnly, type Access } from "./access.js";
import { sendJson } from "./send.js";

export interface Guard {
  /** Who may look; programs of the same machine by default. */
  readonly access?: Access;
  readonly log: Log;
}

/** For what tells of the cluster. When the API server cannot say who asks, nobody may. */
export function guarded(guard: Guard, handler: RequestHandler): RequestHandler {
  return async (request, response, next) => {
    const answer = await askAccess(guard, request);
    if (answer === "granted") return handler(request, response, next);
    if (answer === 401) response.setHeader("www-authenticate", "Bearer");
    sendJson(response, answer, { error: answer === 401 ? "a bearer token is needed" : "not allowed", path: request.path });
  };
}

/** For what tells nothing of the cluster, to those who may still say who they are: a page asks for a token, and has none when it is loaded. */
export function guardedPage(guard: Guard, handler: RequestHandler): RequestHandler {
  return async (request, response, next) => {
    const answer = await askAccess(guard, request);
    if (answer === 403) return sendJson(response, 403, { error: "not allowed", path: request.path });
    return handler(request, response, next);
  };
}

async function askAccess({ access = loopbackOnly, log }: Guard, request: Parameters<Access>[0]): ReturnType<Access> {
  return access(request).catch((error: unknown) => {
    log.warn({ err: error }, "the API server does not say who may read this");
    return 403 as const;
  });
}
