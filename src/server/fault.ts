import type { IncomingMessage, ServerResponse } from "node:http";
import type { Log } from "../log.js";
import { sendJson } from "./send.js";

interface Exchange {
  readonly request: IncomingMessage;
  readonly response: ServerResponse;
}

/** Answers a request that failed, or that nobody can read; never with a page of HTML. False: an answer had begun. */
export function answerFault(log: Log, { request, response }: Exchange, error: unknown): boolean {
  const { status: told } = (error ?? {}) as { readonly status?: unknown };
  const status = typeof told === "number" && told >= 400 && told < 500 ? told : 500;
  if (status === 500) log.error({ err: error, method: request.method }, "a request failed inside");
  if (response.headersSent) return false;
  sendJson(response, status, { error: status === 500 ? "internal error" : "bad request" });
  return true;
}
