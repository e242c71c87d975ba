import { createRequire } from "node:module";

/** One metric with its series, as the reader gives them. */
export interface MetricFamily {
  readonly name: string;
  readonly help: string;
  readonly type: string;
  readonly metrics: readonly { readonly value: string; readonly labels?: Readonly<Record<string, string>> }[];
}

// The package has no types, and the file that its manifest names for import is none to Node.
/** Prometheus' text format, read by another's program. */
export const parsePrometheus = createRequire(import.meta.url)("parse-prometheus-text-format/dist/parse-prometheus-text-format.cjs.js") as (text: string) => readonly MetricFamily[];
