import { CORE_SCHEMA, defineScalarTag, load, mergeTag, NOT_RESOLVED, YAMLException } from "js-yaml";
import { isRecord } from "../model/kubernetes.js";
import type { Problem } from "../model/result.js";
import { explainSyntax } from "./yaml-hint.js";

/** One document of a file: its value, and its text for looking up places later. */
export interface YamlDocument {
  readonly value: unknown;
  readonly text: string;
  /** Lines of the file before this text. */
  readonly linesBefore: number;
}

export interface YamlFile {
  readonly documents: readonly YamlDocument[];
  readonly problems: readonly Problem[];
}

/** Nodes of one document with its aliases written out; sigs.k8s.io/yaml refuses such documents by the same idea. */
const MAX_NODES = 1_000_000;

/**
 * Go's reading of whole numbers, which is kubectl's: `010` is 8, `0o10` is 8, `1_000` is 1000; unlike YAML 1.1, `1:30` stays a text.
 */
const goInt = defineScalarTag<number>("tag:yaml.org,2002:int", {
  implicit: true,
  implicitFirstChars: [..."+-0123456789"],
  identify: () => false,
  resolve: (source) => {
    const plain = /^([+-]?)(0[xX][0-9a-fA-F_]+|0[bB][01_]+|0[oO]?[0-7_]*|[1-9][0-9_]*)$/.exec(source);
    if (!plain) return NOT_RESOLVED;
    const digits = (plain[2] ?? "").replaceAll("_", "").replace(/^0(?=[0-7])/, "0o");
    const value = Number(digits);
    return Number.isNaN(value) ? NOT_RESOLVED : plain[1] === "-" ? -value : value;
  },
});

/**
 * The booleans that every YAML 1.1 reader agrees on. A bare `y` or `n` stays a text: Go's reader takes it for a boolean, but
 * writers such as PyYAML leave it without quotes, and short names like `y` are common.
 */
const bool = defineScalarTag<boolean>("tag:yaml.org,2002:bool", {
  implicit: true,
  implicitFirstChars: [..."tTfFyYnNoO"],
  identify: () => false,
  resolve: (source) => {
    if (/^(?:true|True|TRUE|yes|Yes|YES|on|On|ON)$/.test(source)) return true;
    return /^(?:false|False|FALSE|no|No|NO|off|Off|OFF)$/.test(source) ? false : NOT_RESOLVED;
  },
});

/** What kubectl reads: YAML 1.2's core with the booleans of YAML 1.1, Go's numbers and merge keys. Dates stay texts. */
const KUBECTL_SCHEMA = CORE_SCHEMA.withTags(bool, goInt, mergeTag);

/** Reads every document of a text; a broken one does not hide the others. Empty documents are left out. */
export function parseYaml(text: string, file: string): YamlFile {
  const documents: YamlDocument[] = [];
  const problems: Problem[] = [];
  for (const part of splitDocuments(text)) {
    if (isBlank(part.text)) continue;
    try {
      const value = load(part.text, { schema: KUBECTL_SCHEMA });
      if (value === null || value === undefined) continue;
      const problem = expansionProblem(value, part, file);
      if (problem) problems.push(problem);
      else documents.push({ value, ...part });
    } catch (error) {
      problems.push(syntaxProblem(error, part, file));
    }
  }
  return { documents, problems };
}

/** Cuts at document markers. A line that starts with `---` or `...` is always one: inside scalars column 0 forbids them. */
function splitDocuments(text: string): Omit<YamlDocument, "value">[] {
  if (!/^(?:---|\.\.\.)/m.test(text)) return [{ text, linesBefore: 0 }];
  const parts: Omit<YamlDocument, "value">[] = [];
  let start = 0;
  let startLine = 0;
  let line = 0;
  const cut = (end: number): void => {
    parts.push({ text: text.slice(start, end), linesBefore: startLine });
  };
  for (let at = 0; at < text.length; line++) {
    const marker = /^(?:---|\.\.\.)(?=\s|$)/.exec(text.slice(at, at + 4))?.[0];
    const end = lineEnd(text, at);
    if (marker === "---" && !onlyDirectives(text.slice(start, at))) {
      cut(at);
      [start, startLine] = [at, line];
    } else if (marker === "...") {
      cut(at);
      [start, startLine] = [end, line + 1];
    }
    at = end;
  }
  cut(text.length);
  return parts;
}

function lineEnd(text: string, from: number): number {
  const end = text.indexOf("\n", from);
  return end < 0 ? text.length : end + 1;
}

/** `%YAML 1.1` belongs to the document that follows. */
function onlyDirectives(text: string): boolean {
  return text.includes("%") && /^(?:\s*(?:[%#].*)?(?:\n|$))*$/.test(text);
}

function isBlank(text: string): boolean {
  return text.split("\n").every((line) => /^\s*(?:#.*|---\s*(?:#.*)?|%.*)?\s*$/.test(line));
}

function syntaxProblem(error: unknown, part: Omit<YamlDocument, "value">, file: string): Problem {
  const mark = error instanceof YAMLException ? error.mark : undefined;
  const reason = error instanceof YAMLException && error.reason ? error.reason : "cannot be read as YAML";
  if (!mark) return { code: "file/syntax", message: reason, path: "", place: { file, line: part.linesBefore + 1 } };
  const syntax = explainSyntax(part.text, { line: mark.line, column: mark.column, reason });
  const lineOffset = part.linesBefore + 1;
  return {
    code: "file/syntax",
    message: syntax.message(lineOffset),
    path: "",
    place: { file, line: syntax.line + lineOffset, column: syntax.column + 1 },
  };
}

function expansionProblem(value: unknown, part: Omit<YamlDocument, "value">, file: string): Problem | undefined {
  if (!part.text.includes("*") || !part.text.includes("&")) return undefined;
  if (expandedSize(value, new Map()) <= MAX_NODES) return undefined;
  const message = `the document has more than ${MAX_NODES} values once its aliases are written out`;
  return { code: "file/too-large", message, path: "", place: { file, line: part.linesBefore + 1 } };
}

/** Number of values with shared ones counted at each use; each is walked once. A value within itself counts as too many. */
function expandedSize(value: unknown, known: Map<unknown, number>): number {
  if (!Array.isArray(value) && !isRecord(value)) return 1;
  const before = known.get(value);
  if (before !== undefined) return before;
  known.set(value, Infinity);
  let size = 1;
  for (const inner of Object.values(value)) size += expandedSize(inner, known);
  known.set(value, size);
  return size;
}
