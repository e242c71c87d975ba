import type { IncomingMessage, ServerResponse } from "node:http";
import { readinessText, type Readiness } from "../model/readiness.js";
import { guarded, type Guard } from "./guarded.js";
import type { ServerMetrics } from "./metrics.js";
import { sendText } from "./send.js";

/** Answers a GET. */
export type Page = (request: IncomingMessage, response: ServerResponse) => Promise<void>;

export interface ProbesParts extends Guard {
  readonly metrics: ServerMetrics;
  /** What judging needs. */
  readonly ready: () => Readiness;
  /** All of `/readyz`: what judging needs and the health of the server around it. `ready` by default. */
  readonly health?: () => Readiness | Promise<Readiness>;
  /** The metrics as text; those of this process by default. */
  readonly exposition?: () => Promise<string>;
}

/** What kubelets and Prometheus ask, by path. */
export function probes(parts: ProbesParts): ReadonlyMap<string, Page> {
  const { ready, health = ready, metrics, exposition = () => metrics.registry.metrics() } = parts;
  return new Map<string, Page>([
    ["/livez", async (_, response) => sendText(response, 200, "ok\n")],
    ["/readyz", async ({ url = "" }, response) => {
      const readiness = await health();
      sendText(response, readiness.ready ? 200 : 503, readinessText(readiness, new URLSearchParams(url.split("?")[1]).has("verbose")));
    }],
    ["/metrics", guarded(parts, async (_, response) => {
      const text = await exposition();
      response.writeHead(200, { "content-type": metrics.registry.contentType }).end(text);
    })],
  ]);
}
