import type { Problem } from "../model/result.js";
import type { Labels } from "../sets/label-box.js";

/** How a label's value is compared with a text. */
type Comparison = "==" | "!=" | "contains" | "starts with" | "ends with";

/**
 * A Calico selector (K5): `expr := and {"||" and}; and := op {"&&" op}; op := {"!"} (comparison | membership | has | all | global | "(" expr ")")`.
 * `and` and `or` have at least two operands; `values` are sorted and distinct.
 */
export type CalicoSelector =
  | { readonly op: "all" | "global" }
  | { readonly op: "has"; readonly label: string }
  | { readonly op: Comparison; readonly label: string; readonly value: string }
  | { readonly op: "in" | "not in"; readonly label: string; readonly values: readonly string[] }
  | { readonly op: "not"; readonly operand: CalicoSelector }
  | { readonly op: "and" | "or"; readonly operands: readonly CalicoSelector[] };

/** A problem and the character, counted from 0, at which the text stops making sense. */
export interface SelectorProblem extends Problem {
  readonly offset: number;
}

export type ParsedSelector = { readonly ok: true; readonly value: CalicoSelector } | { readonly ok: false; readonly problem: SelectorProblem };

/** Reads a selector; `path` is that of the field it stands in. The empty text is `all()`. */
export function parseCalicoSelector(text: string, path = ""): ParsedSelector {
  const parser = new Parser(text);
  const value = parser.parse();
  if (value) return { ok: true, value };
  const { offset, expected } = parser.failure;
  const found = offset < text.length ? `found \`${text.slice(offset, offset + 20)}\`` : "the selector ends";
  return { ok: false, problem: { code: "selector/syntax", message: `${expected} is missing at character ${offset + 1}: ${found}`, path, offset } };
}

/** "`!=` and `not in` match when the label is absent" (K5); every other comparison needs it. */
export function matchesCalico(selector: CalicoSelector, labels: Labels): boolean {
  switch (selector.op) {
    case "all":
    case "global":
      return true;
    case "not":
      return !matchesCalico(selector.operand, labels);
    case "and":
      return selector.operands.every((operand) => matchesCalico(operand, labels));
    case "or":
      return selector.operands.some((operand) => matchesCalico(operand, labels));
    case "has":
      return valueOf(labels, selector.label) !== undefined;
    case "in":
    case "not in":
      return selector.values.includes(valueOf(labels, selector.label) ?? ABSENT) === (selector.op === "in");
    default:
      return COMPARISONS[selector.op](valueOf(labels, selector.label), selector.value);
  }
}

/** The text Calico itself writes for a selector: equal selectors, up to spacing, spelling and order of values, have equal texts. */
export function canonicalCalico(selector: CalicoSelector): string {
  switch (selector.op) {
    case "all":
    case "global":
      return `${selector.op}()`;
    case "has":
      return `has(${selector.label})`;
    case "not":
      return `!${canonicalCalico(selector.operand)}`;
    case "and":
    case "or":
      return `(${selector.operands.map(canonicalCalico).join(selector.op === "and" ? " && " : " || ")})`;
    case "in":
    case "not in":
      return `${selector.label} ${selector.op} {${selector.values.map(quoted).join(", ")}}`;
    default:
      return `${selector.label} ${selector.op} ${quoted(selector.value)}`;
  }
}

/** A text that no label has and no selector can write: it holds both quotes. */
const ABSENT = `'"`;

const COMPARISONS: Readonly<Record<Comparison, (value: string | undefined, text: string) => boolean>> = {
  "==": (value, text) => value === text,
  "!=": (value, text) => value !== text,
  contains: (value, text) => value?.includes(text) ?? false,
  "starts with": (value, text) => value?.startsWith(text) ?? false,
  "ends with": (value, text) => value?.endsWith(text) ?? false,
};

function valueOf(labels: Labels, label: string): string | undefined {
  return Object.hasOwn(labels, label) ? labels[label] : undefined;
}

function quoted(text: string): string {
  return text.includes('"') ? `'${text}'` : `"${text}"`;
}

/** Nesting beyond this is nobody's selector; it bounds the recursion of all that walks one. */
const MAX_DEPTH = 200;

const LABEL = /[a-zA-Z0-9_./-]{1,512}/y;
const TEXT = /"([^"]*)"|'([^']*)'/y;
const CALL = /(has)\([ \t]*([a-zA-Z0-9_./-]{1,512})[ \t]*\)|(all|global)\([ \t]*\)/y;
const OPERATORS: readonly (readonly [pattern: RegExp, op: Comparison | "in" | "not in"])[] = [
  [/==/y, "=="], [/!=/y, "!="], [/contains/y, "contains"],
  [/starts[ \t]*with/y, "starts with"], [/ends[ \t]*with/y, "ends with"],
  [/not[ \t]*in/y, "not in"], [/in/y, "in"],
];

/** Recursive descent; every method answers undefined when the text does not go on as it should, and notes what it wanted. */
class Parser {
  private readonly text: string;
  private at = 0;
  private depth = 0;
  failure = { offset: 0, expected: "a selector" };

  constructor(text: string) {
    this.text = text;
  }

  parse(): CalicoSelector | undefined {
    this.skipSpace();
    if (this.at === this.text.length) return { op: "all" };
    const selector = this.parseChain("||");
    this.skipSpace();
    if (selector && this.at < this.text.length) return this.fail("`&&`, `||` or the end");
    return selector;
  }

  /** `expr` and `and` differ in their operator only. */
  private parseChain(operator: "||" | "&&"): CalicoSelector | undefined {
    const operands: CalicoSelector[] = [];
    do {
      const operand = operator === "||" ? this.parseChain("&&") : this.parseOperation();
      if (!operand) return undefined;
      operands.push(operand);
    } while (this.take(operator));
    const [first, second] = operands;
    return second ? { op: operator === "||" ? "or" : "and", operands } : first;
  }

  private parseOperation(): CalicoSelector | undefined {
    if (++this.depth > MAX_DEPTH) return this.fail("an end to the nesting");
    const selector = this.take("!") ? this.parseNegated() : this.take("(") ? this.parseGroup() : this.parseTerm();
    this.depth--;
    return selector;
  }

  private parseNegated(): CalicoSelector | undefined {
    const operand = this.parseOperation();
    return operand && { op: "not", operand };
  }

  private parseGroup(): CalicoSelector | undefined {
    const inner = this.parseChain("||");
    return inner && (this.take(")") ? inner : this.fail("`)`"));
  }

  private parseTerm(): CalicoSelector | undefined {
    const call = this.match(CALL);
    if (!call) return this.parseComparison();
    return call[1] ? { op: "has", label: call[2] ?? "" } : { op: call[3] === "all" ? "all" : "global" };
  }

  private parseComparison(): CalicoSelector | undefined {
    const label = this.match(LABEL)?.[0];
    if (label === undefined) return this.fail("a label, `has(...)`, `all()`, `global()`, `!` or `(`");
    const op = OPERATORS.find(([pattern]) => this.match(pattern))?.[1];
    if (op === undefined) return this.fail("a comparison such as `==`");
    if (op === "in" || op === "not in") {
      const values = this.parseValues();
      return values && { op, label, values };
    }
    const value = this.parseText();
    return value === undefined ? undefined : { op, label, value };
  }

  private parseValues(): readonly string[] | undefined {
    if (!this.take("{")) return this.fail("`{`");
    const values = new Set<string>();
    if (this.take("}")) return [];
    do {
      const value = this.parseText();
      if (value === undefined) return undefined;
      values.add(value);
    } while (this.take(","));
    return this.take("}") ? [...values].sort() : this.fail("`,` or `}`");
  }

  private parseText(): string | undefined {
    const text = this.match(TEXT);
    return text ? (text[1] ?? text[2]) : this.fail("a text in quotes");
  }

  private take(symbol: string): boolean {
    this.skipSpace();
    if (!this.text.startsWith(symbol, this.at)) return false;
    this.at += symbol.length;
    return true;
  }

  private match(pattern: RegExp): RegExpExecArray | undefined {
    this.skipSpace();
    pattern.lastIndex = this.at;
    const found = pattern.exec(this.text) ?? undefined;
    if (found) this.at += found[0].length;
    return found;
  }

  private skipSpace(): void {
    while (this.text[this.at] === " " || this.text[this.at] === "\t") this.at++;
  }

  private fail(expected: string): undefined {
    this.skipSpace();
    this.failure = { offset: this.at, expected };
    return undefined;
  }
}
