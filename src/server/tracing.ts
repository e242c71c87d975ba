import { ROOT_CONTEXT, SpanKind, SpanStatusCode, trace, type Context } from "@opentelemetry/api";
import { OTLPTraceExporter } from "@opentelemetry/exporter-trace-otlp-http";
import { resourceFromAttributes } from "@opentelemetry/resources";
import { BasicTracerProvider, BatchSpanProcessor } from "@opentelemetry/sdk-trace-base";
import { kindKey } from "../model/kubernetes.js";
import { ruleId } from "../model/violation.js";
import type { Judged } from "./decision-log.js";
import type { Outcome } from "./metrics.js";
import type { Route } from "./route.js";
import type { TraceParent } from "./trace.js";

/** One review that was answered. */
export interface Answered {
  readonly route: Route;
  readonly operation: string;
  readonly outcome: Outcome;
  /** On the clock of `performance.now()`. */
  readonly started: number;
  /** The span of whoever asked. */
  readonly parent?: TraceParent;
  /** Absent for what was not judged. */
  readonly judged?: Pick<Judged, "request" | "decision">;
}

/** With its repetitions; the last spans are sent while the process ends. */
const SENDING_MS = 3_000;

/** Sends one span per review, some seconds later, to a collector of OpenTelemetry. Imported only when somebody asks for it. */
export class Tracing {
  readonly #provider: BasicTracerProvider;

  /** `endpoint`: base address, as OTEL_EXPORTER_OTLP_ENDPOINT has it. What else the exporter can be told stands in its own environment variables. */
  constructor(endpoint: string, version: string) {
    const exporter = new OTLPTraceExporter({ url: `${endpoint.replace(/\/+$/, "")}/v1/traces`, timeoutMillis: SENDING_MS });
    const resource = resourceFromAttributes({ "service.name": process.env["OTEL_SERVICE_NAME"] ?? "sluice", "service.version": version });
    this.#provider = new BasicTracerProvider({ resource, spanProcessors: [new BatchSpanProcessor(exporter)] });
  }

  answered({ route, operation, outcome, started, parent, judged }: Answered): void {
    const attributes = { "sluice.route": route, "sluice.operation": operation, "sluice.outcome": outcome, ...(judged && judgedAttributes(judged)) };
    const span = this.#provider.getTracer("sluice").startSpan(`review ${route}`, { kind: SpanKind.SERVER, startTime: performance.timeOrigin + started, attributes }, contextOf(parent));
    if (outcome === "error") span.setStatus({ code: SpanStatusCode.ERROR });
    span.end(performance.timeOrigin + performance.now());
  }

  /** Sends what is left. */
  async close(): Promise<void> {
    await this.#provider.shutdown();
  }
}

function judgedAttributes({ request, decision }: Pick<Judged, "request" | "decision">) {
  const rules = [...new Set(decision.violations.map((violation) => `${ruleId(violation)}=${violation.action}`))];
  return { "sluice.uid": request.uid, "sluice.kind": kindKey(request.kind), "sluice.dry_run": request.dryRun, "sluice.rules": rules };
}

function contextOf(parent: TraceParent | undefined): Context {
  return parent ? trace.setSpanContext(ROOT_CONTEXT, { ...parent, isRemote: true }) : ROOT_CONTEXT;
}
