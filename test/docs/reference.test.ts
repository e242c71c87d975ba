import { readdirSync, readFileSync, writeFileSync } from "node:fs";
import { resolve } from "node:path";
import type { Metric, Registry } from "prom-client";
import { expect, it } from "vitest";
import { COMMANDS } from "../../src/commands/index.js";
import { OPTIONS, type OptionSpec } from "../../src/config.js";
import { Snapshot } from "../../src/model/snapshot.js";
import type { ObjectCollection } from "../../src/model/object-store.js";
import { ContinuousAudit } from "../../src/server/continuous-audit.js";
import { ServerMetrics } from "../../src/server/metrics.js";
import { PacksState } from "../../src/server/packs-state.js";
import { Leader } from "../../src/upkeep/leader.js";
import { ProvisionMetrics } from "../../src/upkeep/provision-metrics.js";
import { ReportWriter } from "../../src/upkeep/report-writer.js";
import { Suspension } from "../../src/upkeep/suspension.js";
import { MemoryObjects } from "../upkeep/memory-objects.js";
import { keptLog } from "../server/small-app.js";
import { root } from "./pages.js";

/** docs/reference is made from the code. UPDATE_DOCS=1 writes it anew. */

const NOTE = "<!-- generated from the code: UPDATE_DOCS=1 npx vitest run --project unit test/docs -->";

async function commandReference(): Promise<string> {
  const sections = await Promise.all(COMMANDS.map(async ({ name, summary, load }) => {
    const { description, arguments: args, options, formats, example } = await load();
    const flags = options.map((option) => {
      const { flags: written, text, env, repeat }: OptionSpec = OPTIONS[option];
      return `| \`${written.replaceAll("|", "\\|")}\` | ${text.replaceAll("|", "\\|")}${env === undefined ? "" : ` (env: \`${env}\`)`}${repeat ? " (may be repeated)" : ""} |`;
    });
    const output = formats.length === 0 ? [] : [`| \`-o, --output <format>\` | ${formats.map((format, i) => `\`${format}\`${i === 0 ? " (default)" : ""}`).join(", ")} |`];
    const rows = [...output, ...flags];
    return [
      `## ${name}`, "", `${summary[0]?.toUpperCase() ?? ""}${summary.slice(1)}${summary.endsWith("?") ? "" : "."}`, "", description.split("\n").join("  \n"), "",
      `Usage: \`sluice ${[name, "[options]", ...args].join(" ")}\``, "", ...(rows.length > 0 ? ["| flag | is |", "|---|---|", ...rows, ""] : []), `Example: \`${example}\``, "",
    ].join("\n");
  }));
  return `${["# Commands", "", NOTE, "", "Exit codes: 0 clean, 1 findings, 2 wrong use or unreadable input. `explain` and `eval` answer 0 whatever the verdict. Results go to standard output, progress and logs to standard error.", "", ...sections].join("\n").trimEnd()}\n`;
}

const NOTHING: ObjectCollection = { isKnown: async () => false, list: async function* () {}, remove: async () => undefined };

/** Everything that a replica could ever tell, in one registry. */
function everyMetric(): Registry {
  const metrics = new ServerMetrics("0");
  const { registry } = metrics;
  metrics.observe({ inFlight: () => 0, waiting: () => 0, kinds: () => [], exceptions: () => ({}), pending: () => 0, certificateEnds: () => undefined, caEnds: () => undefined });
  const { log } = keptLog();
  new PacksState(() => ({ names: [], digest: "", rules: 0, refused: new Map(), warnings: [] }), { log, registry });
  new ProvisionMetrics(registry, () => []);
  new Suspension(registry);
  new Leader({ store: new MemoryObjects().client("a").store, at: { apiVersion: "coordination.k8s.io/v1", resource: "leases", namespace: "a", name: "a" }, identity: "a", lead: async () => undefined, log, registry });
  const { store } = new MemoryObjects().client("b");
  new ReportWriter({ store, collection: NOTHING, owner: async () => undefined, apiVersionOf: () => "", rules: () => 0, recall: () => undefined, log, registry });
  new ContinuousAudit({ snapshot: () => Snapshot.EMPTY, packs: () => undefined, everyMs: 0, log, registry });
  return registry;
}

function metricReference(): string {
  const rows = (everyMetric().getMetricsAsArray() as unknown as readonly (Metric & { readonly name: string; readonly help: string; readonly labelNames: readonly string[]; readonly type?: string })[])
    .filter(({ name }) => name.startsWith("sluice_"))
    .sort((a, b) => (a.name < b.name ? -1 : 1))
    .map((metric) => `| \`${metric.name}\` | ${metric.constructor.name.toLowerCase()} | ${metric.labelNames.filter((label) => label !== "le").map((label) => `\`${label}\``).join(", ") || "–"} | ${metric.help.replaceAll("|", "\\|")} |`);
  return `${["# Metrics", "", NOTE, "", "What `/metrics` tells, beside the defaults of Node (`process_*`, `nodejs_*`). Who may read it: [operations](../operations.md). Alerts and a dashboard lie in `deploy/components`.", "", "| name | type | labels | tells |", "|---|---|---|---|", ...rows].join("\n")}\n`;
}

async function isMade(file: string, text: string): Promise<void> {
  const path = resolve(root, "docs/reference", file);
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(path, text);
  else expect(readFileSync(path, "utf8")).toBe(text);
}

it("commands.md says what the verbs say of themselves", async () => isMade("commands.md", await commandReference()));
it("metrics.md says what is registered", async () => isMade("metrics.md", metricReference()));
it("no metric of the sources is left out", () => {
  const sources = readdirSync(resolve(root, "src"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".ts") && !file.startsWith("reports")).map((file) => readFileSync(resolve(root, "src", file), "utf8"));
  const named = sources.flatMap((text) => [...text.matchAll(/"(sluice_[a-z_]+)"/g)].map(([, name = ""]) => name));
  const told = metricReference();
  expect(named.length).toBeGreaterThan(20);
  expect(named.filter((name) => !told.includes(`\`${name}\``))).toEqual([]);
});
