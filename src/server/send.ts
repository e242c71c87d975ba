import type { ServerResponse } from "node:http";
import type { RequestHandler } from "express";

/** A value as JSON. */
export function sendJson(response: ServerResponse, status: number, body: object): void {
  sendJsonText(response, status, JSON.stringify(body));
}

/** JSON as text: Node sends it in one piece with its header, and bytes in another one. */
export function sendJsonText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "application/json", "content-length": Buffer.byteLength(text) }).end(text);
}

/** One that browsers take for nothing else. */
export function sendText(response: ServerResponse, status: number, text: string): void {
  response.writeHead(status, { "content-type": "text/plain; charset=utf-8", "x-content-type-options": "nosniff" }).end(text);
}

/** For a path that takes another method only. */
export function otherMethod(allow: string): RequestHandler {
  return (request, response) => {
    response.setHeader("allow", allow);
    sendJson(response, 405, { error: "method not allowed", method: request.method, allow: [allow] });
  };
}
