import { request as httpRequest, type IncomingMessage, type RequestListener } from "node:http";
import type { Duplex } from "node:stream";
import type { Access } from "../server/access.js";
import { sendJson, sendText } from "../server/send.js";

/** Who asks, as the worker that was asked saw it. Whatever a client writes there itself is replaced. */
const CLIENT = "x-sluice-client";

/** Of one connection, as RFC 9110 has them (7.6.1); Node writes its own. */
const OF_THE_CONNECTION: ReadonlySet<string> = new Set(["connection", "keep-alive", "transfer-encoding", "upgrade", "te", "trailer", CLIENT]);

/** Hands what is no review on to the primary, which alone knows: health, metrics, the console. Only that this process lives is told here. */
export function forwarding(connect: () => Duplex): RequestListener {
  return (request, response) => {
    if (request.method === "GET" && request.url === "/livez") return sendText(response, 200, "ok\n");
    const headers = { ...kept(request), [CLIENT]: request.socket.remoteAddress ?? "" };
    const sent = httpRequest({ method: request.method, path: request.url, headers, createConnection: connect });
    sent.on("response", (answer) => {
      response.writeHead(answer.statusCode ?? 502, kept(answer));
      answer.pipe(response);
    });
    sent.on("error", () => (response.headersSent ? response.destroy() : sendJson(response, 502, { error: "the primary process does not answer" })));
    response.once("close", () => sent.destroy());
    request.pipe(sent);
  };
}

/** Judges who asked the worker, not the worker itself. */
export function accessOfForwarded(access: Access): Access {
  return ({ headers, url }) => access({ headers, ...(url !== undefined && { url }), socket: { remoteAddress: String(headers[CLIENT] ?? "") } });
}

function kept({ headers }: IncomingMessage): IncomingMessage["headers"] {
  return Object.fromEntries(Object.entries(headers).filter(([name]) => !OF_THE_CONNECTION.has(name)));
}
