/** Where the parser gave up: line and column count from 0 within the document. */
interface SyntaxError {
  readonly line: number;
  readonly column: number;
  readonly reason: string;
}

interface Explained {
  readonly line: number;
  readonly column: number;
  /** The message, given the number that the document's first line has in the file. */
  readonly message: (firstLine: number) => string;
}

/** Says what was probably meant where a parser's own words ("bad indentation of a mapping entry") say only what it saw. */
export function explainSyntax(text: string, error: SyntaxError): Explained {
  const lines = text.split("\n");
  const hint = HINTS.map((find) => find(lines, error)).find((found) => found !== undefined);
  return hint ?? { line: error.line, column: error.column, message: () => plain(error.reason) };
}

type Hint = (lines: readonly string[], error: SyntaxError) => Explained | undefined;

const HINTS: readonly Hint[] = [template, besideItems, tab, duplicate];

function plain(reason: string): string {
  return `not valid YAML: ${reason}`;
}

/** `{{ .Values.x }}`: the text was never meant to be read as it stands. */
function template(lines: readonly string[]): Explained | undefined {
  const line = lines.findIndex((text) => /\{\{.*\}\}/.test(text));
  if (line < 0) return undefined;
  const column = lines[line]?.indexOf("{{") ?? 0;
  return { line, column, message: () => "this is a template, not YAML yet; render it first (`helm template`) and pass the result" };
}

/** A key at the column of the list's dashes above it: it was meant to be in the last item, or to end the list. */
function besideItems(lines: readonly string[], { line, column }: SyntaxError): Explained | undefined {
  const key = /^ *([^\s:#-][^:#]*):(?:\s|$)/.exec(lines[line] ?? "")?.[1];
  const item = lastLineBefore(lines, line, (text) => indentOf(text) <= column);
  const dash = /^( *)- +/.exec(lines[item] ?? "");
  if (key === undefined || dash?.[1]?.length !== column || indentOf(lines[line] ?? "") !== column) return undefined;
  const list = listOf(lines, item);
  if (BESIDE_RULES.has(key) && list && list.indent < column) {
    return { line, column, message: () => `\`${key}\` stands beside the list items of \`${list.name}\`, where only items may stand; indent it by ${column - list.indent} less, to stand beside \`${list.name}\`` };
  }
  const missing = dash[0].length - column;
  const message = (first: number): string =>
    `\`${key}\` stands beside the list items${list ? ` of \`${list.name}\`` : ""} instead of inside one; indent it by ${missing} more spaces ` +
    `so that it belongs to the item that begins on line ${item + first}`;
  return { line, column, message };
}

/** Fields of a policy that stand beside its lists of rules: no rule has one of that name. */
const BESIDE_RULES: ReadonlySet<string> = new Set(["podSelector", "policyTypes", "ingress", "egress"]);

/** The list that an item on this line belongs to, such as `ingress`. */
function listOf(lines: readonly string[], item: number): { readonly name: string; readonly indent: number } | undefined {
  const text = lines[lastLineBefore(lines, item, (line) => indentOf(line) < indentOf(lines[item] ?? ""))] ?? "";
  const name = /^ *(?:- )?([^:]+):/.exec(text)?.[1];
  return name === undefined ? undefined : { name, indent: indentOf(text) };
}

function tab(lines: readonly string[], { line, reason }: SyntaxError): Explained | undefined {
  const column = lines[line]?.search(/\t/) ?? -1;
  if (column < 0 || !reason.includes("tab")) return undefined;
  return { line, column, message: () => "a tab is used for indentation; YAML wants spaces" };
}

function duplicate(lines: readonly string[], { line, column, reason }: SyntaxError): Explained | undefined {
  if (!reason.includes("duplicated mapping key")) return undefined;
  const key = /^[^:]*/.exec(lines[line]?.slice(column) ?? "")?.[0].trim().replace(/^["']|["']$/g, "") ?? "";
  return { line, column, message: () => `\`${key}\` is given twice; the API server would keep only one of them` };
}

function lastLineBefore(lines: readonly string[], before: number, test: (text: string) => boolean): number {
  for (let at = before - 1; at >= 0; at--) {
    const text = lines[at] ?? "";
    if (text.trim() !== "" && !text.trimStart().startsWith("#") && test(text)) return at;
  }
  return -1;
}

function indentOf(text: string): number {
  return text.length - text.trimStart().length;
}
