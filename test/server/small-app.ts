import { Writable } from "node:stream";
import { createLog } from "../../src/log.js";
import type { Judge } from "../../src/server/admission-edge.js";
import { createApp, type AppParts } from "../../src/server/app.js";
import { ServerMetrics } from "../../src/server/metrics.js";
import { readinessOf } from "../../src/model/readiness.js";
import { ALLOWED, DENIED } from "./decisions.js";

/** Small and real: labels pods on the mutating route, and refuses to let a policy named `allow-dns` go. */
export const smallJudge: Judge = ({ operation, kind, name }, route) => {
  if (route === "mutate") return kind.kind === "Pod" && operation === "CREATE" ? { ...ALLOWED, patch: [{ op: "add", path: "/metadata/labels/kf.dev~1networkpolicy", value: "app" }] } : ALLOWED;
  return kind.kind === "NetworkPolicy" && operation === "DELETE" && name === "allow-dns" ? DENIED : ALLOWED;
};

/** A log that is kept, as parsed lines. */
export function keptLog(): { log: AppParts["log"]; lines: () => Record<string, unknown>[]; text: () => string } {
  let text = "";
  const stream = new Writable({ write: (chunk, _, done) => ((text += String(chunk)), done()) });
  const lines = () => text.split("\n").filter((line) => line !== "").map((line) => JSON.parse(line) as Record<string, unknown>);
  return { log: createLog({ stream, level: "debug" }), lines, text: () => text };
}

export function smallParts(changes: Partial<AppParts> = {}): AppParts & { kept: ReturnType<typeof keptLog> } {
  const kept = keptLog();
  const ready = () => readinessOf([{ name: "packs", ok: true, detail: "2 packs" }]);
  return { judge: smallJudge, ready, log: kept.log, metrics: new ServerMetrics("1.2.3"), failureMode: () => "Deny", kept, ...changes };
}

export function smallApp(changes: Partial<AppParts> = {}) {
  return createApp(smallParts(changes));
}
