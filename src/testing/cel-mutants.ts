/** Changes of a CEL expression, as text: a parser would give it back in other words than its author's. */
export interface CelMutant {
  readonly text: string;
  readonly change: string;
}

/** The expression negated, without one operand of `&&` or `||`, and without one item of a list. */
export function celMutants(expression: string): readonly CelMutant[] {
  const text = expression.trim();
  return [{ text: `!(${text})`, change: `\`${short(text)}\` is negated` }, ...operandMutants(text), ...itemMutants(text)];
}

/** Parts of an expression, with the text around each. */
interface Part {
  readonly start: number;
  readonly end: number;
}

function operandMutants(text: string): readonly CelMutant[] {
  return groupsIn(text).flatMap(({ start, end }) => {
    const operator = ["||", "&&"].find((one) => splitAt(text, { start, end }, one).length > 1);
    if (operator === undefined || hasTernary(text, { start, end })) return [];
    const parts = splitAt(text, { start, end }, operator);
    return parts.map((part, i): CelMutant => {
      const rest = parts.filter((_, at) => at !== i).map((one) => text.slice(one.start, one.end).trim());
      return { text: `${text.slice(0, start)}${rest.join(` ${operator} `)}${text.slice(end)}`, change: `\`${short(text.slice(part.start, part.end))}\` is left out` };
    });
  });
}

/** Items of lists of texts, such as `['app', 'build']`. */
function itemMutants(text: string): readonly CelMutant[] {
  return [...text.matchAll(/\[('[^']*'(?:\s*,\s*'[^']*')+)\]/g)].flatMap((found) => {
    const items = (found[1] ?? "").split(",").map((item) => item.trim());
    return items.map((item, i): CelMutant => {
      const list = `[${items.filter((_, at) => at !== i).join(", ")}]`;
      return { text: text.slice(0, found.index) + list + text.slice(found.index + found[0].length), change: `\`${item}\` is left out of \`${short(found[0])}\`` };
    });
  });
}

/** The whole, and the inside of every bracket that only groups. */
function groupsIn(text: string): readonly Part[] {
  const groups: Part[] = [{ start: 0, end: text.length }];
  const open: number[] = [];
  walk(text, { start: 0, end: text.length }, (at) => {
    if (text[at] === "(") open.push(at);
    if (text[at] !== ")") return;
    const start = open.pop();
    if (start !== undefined && !/[\w\]]/.test(text[start - 1] ?? "")) groups.push({ start: start + 1, end: at });
  });
  return groups;
}

function splitAt(text: string, whole: Part, operator: string): readonly Part[] {
  const parts: Part[] = [];
  let start = whole.start;
  walk(text, whole, (at, depth) => {
    if (depth !== 0 || !text.startsWith(operator, at)) return;
    parts.push({ start, end: at });
    start = at + operator.length;
  });
  return [...parts, { start, end: whole.end }];
}

function hasTernary(text: string, whole: Part): boolean {
  let found = false;
  walk(text, whole, (at, depth) => {
    if (depth === 0 && text.startsWith("? ", at) && text[at - 1] !== ".") found = true;
  });
  return found;
}

/** Visits each character outside of texts, with its depth in brackets. */
function walk(text: string, { start, end }: Part, visit: (at: number, depth: number) => void): void {
  let depth = 0;
  let quote = "";
  for (let at = start; at < end; at++) {
    const character = text[at] ?? "";
    if (quote !== "") {
      if (character === "\\") at++;
      else if (character === quote) quote = "";
      continue;
    }
    if (character === "'" || character === '"') quote = character;
    if (")]}".includes(character)) depth--;
    visit(at, depth);
    if ("([{".includes(character)) depth++;
  }
}

const SHOWN = 60;

function short(text: string): string {
  const line = text.replace(/\s+/g, " ").trim();
  return line.length <= SHOWN ? line : `${line.slice(0, SHOWN - 3)}...`;
}
