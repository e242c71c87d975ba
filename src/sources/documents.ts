import type { Problem } from "../model/result.js";
import { parseYaml, type YamlFile } from "./yaml.js";

/** The documents of a text: YAML, or JSON values one after another (one per line, pretty-printed, or both). */
export function parseDocuments(text: string, file: string): YamlFile {
  return /^\s*[{[]/.test(text) ? parseJson(text, file) : parseYaml(text, file);
}

/** JSON is read as JSON, five times faster; what is not JSON may still be YAML in flow style, unless its name says JSON. */
function parseJson(text: string, file: string): YamlFile {
  const whole = tryJson(text);
  if (whole) return { documents: [{ value: whole.value, text, linesBefore: 0 }], problems: [] };
  const parts = splitValues(text);
  const values = parts.map((part) => ({ part, parsed: tryJson(part.text) }));
  if (values.every(({ parsed }) => parsed)) {
    return { documents: values.map(({ part, parsed }) => ({ value: parsed?.value, ...part })), problems: [] };
  }
  const yaml = file.endsWith(".json") ? undefined : parseYaml(text, file);
  if (yaml?.problems.length === 0) return yaml;
  return {
    documents: values.flatMap(({ part, parsed }) => (parsed ? [{ value: parsed.value, ...part }] : [])),
    problems: values.flatMap(({ part, parsed }) => (parsed ? [] : [jsonProblem(part, file)])),
  };
}

/** The texts of JSON values in a file: one per line, or each as long as it is; a broken one is a text too. */
export function splitJson(text: string): readonly Part[] {
  if (tryJson(text)) return [{ text, linesBefore: 0 }];
  const lines = text.split("\n").map((line, i): Part => ({ text: line, linesBefore: i })).filter((line) => line.text.trim() !== "");
  return lines.length > 1 && lines.every((line) => line.text.startsWith("{")) ? lines : splitValues(text);
}

function tryJson(text: string): { readonly value: unknown } | undefined {
  try {
    return { value: JSON.parse(text) as unknown };
  } catch {
    return undefined;
  }
}

/** A piece of a file. */
export interface Part {
  readonly text: string;
  readonly linesBefore: number;
}

/** Cuts a text after each closed top-level object or list. */
function splitValues(text: string): Part[] {
  const parts: Part[] = [];
  let start = 0;
  let linesBefore = 0;
  let depth = 0;
  const cut = (end: number): void => {
    const part = text.slice(start, end);
    if (part.trim() !== "") parts.push({ text: part, linesBefore });
    linesBefore += part.split("\n").length - 1;
    start = end;
  };
  for (const { 0: token, index } of text.matchAll(/"(?:[^"\\\n]|\\.)*"|[{}[\]]/g)) {
    if (token === "{" || token === "[") depth++;
    else if (token === "}" || token === "]") {
      depth = Math.max(depth - 1, 0);
      if (depth === 0) cut(index + 1);
    }
  }
  cut(text.length);
  return parts;
}

function jsonProblem({ text, linesBefore }: Part, file: string): Problem {
  const reason = reasonOf(text);
  const position = /at position (\d+)/.exec(reason)?.[1];
  const before = text.slice(0, position === undefined ? text.trimEnd().length : Number(position));
  const place = { file, line: before.split("\n").length + linesBefore, column: before.length - before.lastIndexOf("\n") };
  const short = reason.replace(/ (?:in JSON )?at position.*$/s, "").replace(/, "[\s\S]*$/, "");
  return { code: "file/syntax", message: `not valid JSON: ${short.charAt(0).toLowerCase()}${short.slice(1)}`, path: "", place };
}

function reasonOf(text: string): string {
  try {
    JSON.parse(text);
    return "";
  } catch (error) {
    return (error as Error).message;
  }
}
