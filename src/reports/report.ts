import type { ObjectRef } from "../model/kubernetes.js";
import type { Place } from "../model/result.js";
import type { TestRun } from "../model/test-result.js";
import { exceptionText, ruleId, type VerifiedFix, type Violation } from "../model/violation.js";

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
}

export interface ReportOptions {
  readonly color: boolean;
  /** Version of Sluice. */
  readonly version: string;
}

/** Findings in one format, as a whole text that ends with a line end. */
export type FindingsReport = (found: Findings, options: ReportOptions) => string;

/** One line of `connectivity`: ends named as in the conformance cases, and the traffic between them. */
export interface ConnectionLine {
  readonly src: string;
  readonly dst: string;
  readonly conn: string;
}

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

/** `namespace/name[Kind]` in its parts; `Kind` is `External` for ranges of addresses, empty when there is none. */
export interface EndName {
  readonly group: string;
  readonly name: string;
  readonly kind: string;
}

/** Takes an end's name apart. External ends and the ingress controller have no namespace. */
export function parseEnd(text: string): EndName {
  const [, whole = text, kind = ""] = /^(.*?)(?:\[(\w+)\])?$/.exec(text) ?? [];
  const slash = kind === "External" ? -1 : whole.indexOf("/");
  return { group: slash < 0 ? "" : whole.slice(0, slash), name: whole.slice(slash + 1), kind };
}

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

/** Text safe inside HTML, XML and SVG. Control characters have no place in XML 1.0 at all. */
export function escapeMarkup(text: string): string {
  return text
    .replace(/[^\t\n\r\u0020-\uD7FF\uE000-\uFFFD\u{10000}-\u{10FFFF}]/gu, "\uFFFD")
    .replaceAll("&", "&amp;")
    .replaceAll("<", "&lt;")
    .replaceAll(">", "&gt;")
    .replaceAll('"', "&quot;")
    .replaceAll("'", "&#39;");
}
