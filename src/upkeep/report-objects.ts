import { createHash } from "node:crypto";
import { violationKey, type AuditState, type StandingViolation } from "../model/audit.js";
import { groupOf, isRecord, recordsIn, type KubeObject, type ObjectRef } from "../model/kubernetes.js";
import { printable } from "../model/printable.js";
import { placeOf } from "../model/violation.js";

/** How a kind of report is named and read. */
export interface ReportKind {
  readonly apiVersion: string;
  readonly kind: string;
  /** Plural, as in paths. */
  readonly resource: string;
  readonly namespaced: boolean;
}

/** The kinds of one API: reports of namespaces, and those of what lies in none. */
export interface ReportApi {
  readonly namespaced: ReportKind;
  readonly cluster: ReportKind;
  /** Does a whole report have a source, beside those of its results? */
  readonly sourced: boolean;
}

/** OpenReports, and the PolicyReports of the working group that it comes from; the first one that is installed is written. */
export const REPORT_APIS: readonly ReportApi[] = [
  {
    namespaced: { apiVersion: "openreports.io/v1alpha1", kind: "Report", resource: "reports", namespaced: true },
    cluster: { apiVersion: "openreports.io/v1alpha1", kind: "ClusterReport", resource: "clusterreports", namespaced: false },
    sourced: true,
  },
  {
    namespaced: { apiVersion: "wgpolicyk8s.io/v1alpha2", kind: "PolicyReport", resource: "policyreports", namespaced: true },
    cluster: { apiVersion: "wgpolicyk8s.io/v1alpha2", kind: "ClusterPolicyReport", resource: "clusterpolicyreports", namespaced: false },
    sourced: false,
  },
];

export const REPORT_SOURCE = "sluice";
export const REPORT_LABELS = { "app.kubernetes.io/managed-by": "sluice" } as const;
/** Says what the report says, so that it is written only when that is something else. */
export const CONTENT = "sluice.dev/content";

/**
 * Bytes of the results of one report. etcd takes 1.5 MB and watchers hold many; with its metadata a report stays below 256 KB,
 * so that one violation more costs a write of that size and no more.
 */
const SHARD_BYTES = 180_000;

/** All texts are one line each; a message may name many policies. */
const MESSAGE = 2_000;

/** What one report is about. */
export interface ReportOf {
  /** Of the namespace; empty: what lies in none. */
  readonly namespace: string;
  readonly violations: readonly StandingViolation[];
  /** Why the audit is not complete; told as errors. */
  readonly reasons?: readonly string[];
}

/** What is the same for all reports. */
export interface ReportOptions {
  readonly api: ReportApi;
  /** `pack/rule` of those in force: what is not broken passes. */
  readonly rules: number;
  /** Owner of what is written: it goes with Sluice. */
  readonly owner?: object;
  readonly apiVersionOf: (ref: ObjectRef) => string;
  /** RFC 3339, for what has no date of its own. */
  readonly at: string;
}

/** What is to be reported, by namespace, those with nothing left out; at most `most` violations, refusals first. Also how many were left out. */
export function groupsOf({ violations, reasons }: AuditState, most: number): { readonly groups: readonly ReportOf[]; readonly leftOut: number } {
  const byPlace = new Map<string, StandingViolation[]>();
  const told = violations.slice(0, most);
  for (const violation of told) {
    const place = placeOf(violation) ?? "";
    const known = byPlace.get(place);
    if (known) known.push(violation);
    else byPlace.set(place, [violation]);
  }
  if (reasons.length > 0 && !byPlace.has("")) byPlace.set("", []);
  const groups = [...byPlace].map(([namespace, found]): ReportOf => ({ namespace, violations: found, ...(namespace === "" && reasons.length > 0 && { reasons }) }));
  return { groups, leftOut: violations.length - told.length };
}

/** Since when the violations of a stored report are known, by `violationKey`. */
export function datesIn(report: KubeObject): readonly (readonly [string, Pick<StandingViolation, "since" | "newlyBroken">])[] {
  return recordsIn(report["results"]).flatMap(({ policy, rule, resources, properties }) => {
    const [object] = recordsIn(resources);
    if (!object || !isRecord(properties) || typeof properties["since"] !== "string") return [];
    const [apiVersion = "", kind = "", name = "", namespace = "", path = ""] = [object["apiVersion"], object["kind"], object["name"], object["namespace"], properties["path"]].map((text) => (typeof text === "string" ? text : ""));
    const key = violationKey({ pack: String(policy), rule: String(rule), object: { group: groupOf(apiVersion), kind, name, namespace }, path });
    return [[key, { since: properties["since"], newlyBroken: properties["newlyBroken"] === "true" }] as const];
  });
}

interface Result {
  readonly key: string;
  readonly bytes: number;
  readonly result: Readonly<Record<string, unknown>>;
}

/** The reports of one place. Which of several a result is in is told by its own name, so that one more changes one report. */
export function reportsOf(of: ReportOf, options: ReportOptions): readonly KubeObject[] {
  const results = [...of.violations.map((violation) => resultOf(violation, options)), ...(of.reasons ?? []).map((reason) => errorOf(reason, options))];
  const broken = new Set(of.violations.map(({ pack, rule }) => `${pack}/${rule}`)).size;
  const shards = sharded(results);
  const filled = shards.map((shard, i) => ({ shard, name: shards.length === 1 ? "sluice" : `sluice-${i + 1}-of-${shards.length}` })).filter(({ shard }) => shard.length > 0);
  return filled.map(({ shard, name }, i) => reportOf(shard, { ...options, namespace: of.namespace, name, pass: i === 0 ? Math.max(0, options.rules - broken) : 0 }));
}

/** A power of two, so that a few more results seldom move all of them. */
function sharded(results: readonly Result[]): readonly (readonly Result[])[] {
  const largest = Math.max(0, ...results.map(({ bytes }) => bytes));
  for (let count = 1; ; count *= 2) {
    const shards = Array.from({ length: count }, (): Result[] => []);
    for (const result of results) shards[count === 1 ? 0 : hashOf(result.key).readUInt32BE() % count]?.push(result);
    const fits = shards.every((shard) => shard.reduce((sum, { bytes }) => sum + bytes, 0) <= Math.max(SHARD_BYTES, largest));
    if (fits) return shards;
  }
}

function resultOf(violation: StandingViolation, { apiVersionOf }: ReportOptions): Result {
  const { pack, rule, action, severity, object, message, counterexample, since } = violation;
  const { kind, name, namespace } = object;
  const text = printable(counterexample === undefined ? message : `${message}: ${counterexample}`);
  return sized(violationKey(violation), {
    source: REPORT_SOURCE, policy: pack, rule, category: "network",
    ...(severity && { severity }),
    result: action === "deny" ? "fail" : "warn",
    scored: action === "deny",
    timestamp: timestampOf(since),
    resources: [{ apiVersion: apiVersionOf(object), kind, name, ...(namespace !== undefined && { namespace }) }],
    message: text.length > MESSAGE ? `${text.slice(0, MESSAGE - 1)}…` : text,
    properties: propertiesOf(violation),
  });
}

function propertiesOf({ action, since, newlyBroken, path, runningPods, policies, remediation, exception }: StandingViolation): Readonly<Record<string, string>> {
  const told = {
    enforcementAction: action, since, newlyBroken: String(newlyBroken), path,
    runningPods: runningPods === undefined ? undefined : String(runningPods),
    policies: policies.length > 0 ? policies.slice(0, 10).join(", ") : undefined,
    remediation,
    exception: exception && `${exception.name} of ${exception.owner} until ${exception.expires}`,
  };
  return Object.fromEntries(Object.entries(told).flatMap(([name, value]) => (value === undefined ? [] : [[name, printable(value).slice(0, MESSAGE)]])));
}

/** What was not looked at. */
function errorOf(reason: string, { at }: ReportOptions): Result {
  return sized(`reason ${reason}`, { source: REPORT_SOURCE, policy: "sluice", rule: "complete", category: "network", result: "error", scored: false, timestamp: timestampOf(at), message: printable(reason).slice(0, MESSAGE), properties: {} });
}

function sized(key: string, result: Result["result"]): Result {
  return { key, result, bytes: Buffer.byteLength(JSON.stringify(result)) };
}

/** `metav1.Timestamp`. */
function timestampOf(date: string): object {
  const ms = Date.parse(date);
  return { seconds: Math.floor(ms / 1_000), nanos: (ms % 1_000) * 1_000_000 };
}

function reportOf(results: readonly Result[], { api, namespace, name, pass, owner }: ReportOptions & { readonly namespace: string; readonly name: string; readonly pass: number }): KubeObject {
  const { apiVersion, kind } = namespace === "" ? api.cluster : api.namespaced;
  const count = (which: string): number => results.filter(({ result }) => result["result"] === which).length;
  const content = {
    ...(api.sourced && { source: REPORT_SOURCE }),
    ...(namespace !== "" && { scope: { apiVersion: "v1", kind: "Namespace", name: namespace } }),
    summary: { pass, fail: count("fail"), warn: count("warn"), error: count("error"), skip: 0 },
    results: results.map(({ result }) => result),
  };
  const hash = hashOf(JSON.stringify(content)).toString("hex").slice(0, 32);
  return { apiVersion, kind, metadata: { name, ...(namespace !== "" && { namespace }), labels: REPORT_LABELS, annotations: { [CONTENT]: hash }, ...(owner && { ownerReferences: [owner as never] }) }, ...content };
}

function hashOf(text: string): Buffer {
  return createHash("sha256").update(text).digest();
}
