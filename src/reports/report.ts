import type { ConnectionLine } from "../plots/connection-line.js";
import { graph } from "../plots/graph.js";
import { heatMap } from "../plots/heat-map.js";
import type { ObjectRef } from "../model/kubernetes.js";
import type { Place } from "../model/result.js";
import type { TestRun } from "../model/test-result.js";
import { exceptionText, ruleId, type VerifiedFix, type Violation } from "../model/violation.js";

export { parseEnd, type ConnectionLine } from "../plots/connection-line.js";
export { escapeMarkup } from "../plots/markup.js";

/** One broken rule and where its object stands. */
export interface Finding {
  readonly violation: Violation;
  readonly place?: Place;
}

/** Something in a policy that breaks no rule, but does nothing or most likely is not what was meant. */
export interface Note {
  /** What kind of thing: `shadowed`, `redundant`, `selects-nothing`. */
  readonly kind: string;
  readonly object: ObjectRef;
  readonly path: string;
  readonly message: string;
  readonly place?: Place;
}

/** What a run of `check` or `audit` found. */
export interface Findings {
  readonly findings: readonly Finding[];
  /** Said to whoever makes the change, though no rule is broken. */
  readonly warnings: readonly string[];
  readonly notes: readonly Note[];
  /** Given for an audit: why something could not be looked at; empty when everything was. */
  readonly reasons?: readonly string[];
  /** Number of objects that were judged. */
  readonly checked: number;
  /** Who can reach whom, for formats that draw it. */
  readonly connections?: readonly ConnectionLine[];
}

export interface ReportOptions {
  readonly color: boolean;
  /** Version of Sluice. */
  readonly version: string;
}

/** Findings in one format, as a whole text that ends with a line end. */
export type FindingsReport = (found: Findings, options: ReportOptions) => string;

/** Connections in one format, made line by line. */
export type ConnectionsReport = (lines: Iterable<ConnectionLine>) => Iterable<string>;

/** One line of `diff`. */
export interface DifferenceLine {
  readonly type: "added" | "removed" | "changed";
  readonly src: string;
  readonly dst: string;
  readonly old: string;
  readonly new: string;
  readonly info: string | null;
}

export type DifferencesReport = (lines: Iterable<DifferenceLine>, options: ReportOptions) => Iterable<string>;

/** A run of the tests of packs in one format. */
export type TestsReport = (run: TestRun, options: ReportOptions) => string;

/** How bad a violation is, worst first, and what reports call it. */
export const SEVERITIES = [
  { action: "deny", plural: "refused", singular: "refused" },
  { action: "warn", plural: "warnings", singular: "warning" },
  { action: "dryrun", plural: "dry runs", singular: "dry run" },
] as const;

/** `Kind namespace/name` of the object a violation or a note is about. */
export function objectName({ object }: Pick<Violation, "object">): string {
  return `${object.kind} ${object.namespace === undefined ? "" : `${object.namespace}/`}${object.name}`;
}

/** `file:line:column` as editors and terminals link it. */
export function formatPlace({ file, line, column }: Place): string {
  return [file, line, column].filter((part) => part !== undefined).join(":");
}

/** `2 refused, 1 warning` with zero counts left out; `no violations` when there are none. */
export function summary({ findings, checked }: Findings): string {
  const counts = SEVERITIES.flatMap(({ action, plural, singular }) => {
    const count = findings.filter(({ violation }) => violation.action === action).length;
    return count === 0 ? [] : [`${count} ${count === 1 ? singular : plural}`];
  });
  const objects = `${checked} ${checked === 1 ? "object" : "objects"} checked`;
  return `${counts.length === 0 ? "no violations" : counts.join(", ")}, ${objects}`;
}

/** Sentences under a violation's message, in the order people ask: where, who, why, how many, what to do. */
export function detailsOf(violation: Violation): readonly string[] {
  const { counterexample, policies, runningPods, remediation, link, path, fix, exception } = violation;
  return [
    exception && exceptionText(exception),
    path === undefined || path === "" ? undefined : `at ${path}`,
    counterexample,
    policies.length === 0 ? undefined : `decided by ${policies.join(", ")}`,
    runningPods === undefined || runningPods === 0 ? undefined : `${runningPods} running ${runningPods === 1 ? "pod is" : "pods are"} affected`,
    remediation === undefined ? undefined : `to do: ${remediation}`,
    ...(fix ? fixLines(fix) : []),
    link,
  ].filter((line) => line !== undefined);
}

/** The verified fix, one object a line, as `kubectl apply -f -` takes it. */
function fixLines({ apply, remove }: VerifiedFix): readonly string[] {
  return [
    ...remove.map(({ kind, namespace, name }) => `fix (verified): delete ${kind} ${namespace === undefined ? "" : `${namespace}/`}${name}`),
    ...apply.map((object) => `fix (verified): apply ${JSON.stringify(object)}`),
  ];
}

/** What belongs to no rule, a line each: warnings of decisions, then notes with their place. */
export function remarks({ warnings, notes, reasons = [] }: Findings): readonly string[] {
  const lines = notes.map((note) => `${objectName(note)}: \`${note.path}\` ${note.message}${note.place ? ` (${formatPlace(note.place)})` : ""}`);
  return [...reasons.map((reason) => `not complete: ${reason}`), ...warnings, ...lines];
}

/** Each rule that was broken, once, by id. */
export function brokenRules(findings: readonly Finding[]): ReadonlyMap<string, Violation> {
  return new Map(findings.map(({ violation }) => [ruleId(violation), violation]));
}

/** One line without what terminals obey: control characters of both blocks, line separators and bidirectional overrides become escapes. */
export function printable(text: string): string {
  return text.replace(/\s*\n\s*/g, " ").replace(/[\u0000-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g, (character) => {
    const code = character.charCodeAt(0);
    return code < 0x100 ? `\\x${code.toString(16).padStart(2, "0")}` : `\\u${code.toString(16)}`;
  });
}

/** What pages look like: HTML reports share it. */
export const PAGE_STYLE = `
:root { color-scheme: light dark; --ink: #1b1f24; --dim: #57606a; --paper: #fff; --line: #d0d7de; --deny: #b42318; --warn: #8a5a00; --dryrun: #0b6b8a; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6edf3; --dim: #9aa4af; --paper: #11151a; --line: #30363d; --deny: #ff8a80; --warn: #f0c060; --dryrun: #7cc7e0; } }
body { font: 16px/1.5 system-ui, sans-serif; margin: 2rem auto; max-width: 70rem; padding: 0 1rem; color: var(--ink); background: var(--paper); }
h2 { margin-top: 2rem; } code { font-size: 0.9em; } li { margin: 0 0 1rem; }
.wide { overflow-x: auto; } table { border-collapse: collapse; width: 100%; font-size: 0.9em; } th, td { text-align: left; padding: 0.3rem 0.8rem 0.3rem 0; border-bottom: 1px solid var(--line); overflow-wrap: anywhere; vertical-align: top; } th { color: var(--dim); }
@media print { body { margin: 0; max-width: none; } .wide { overflow: visible; } .wide svg { max-width: 100%; height: auto; } }`;

/** The pictures of a page: by namespace, and by workload. */
export function* pictures(lines: readonly ConnectionLine[]): Iterable<string> {
  if (lines.length === 0) return;
  yield '<h2>By namespace</h2>\n<div class="wide" tabindex="0" role="region" aria-label="by namespace">\n';
  yield* heatMap(lines);
  yield '</div>\n<h2>As a graph</h2>\n<div class="wide" tabindex="0" role="region" aria-label="as a graph">\n';
  yield* graph(lines);
  yield "</div>\n";
}
