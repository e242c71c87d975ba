import { EVENT_ID, getScalarValue, parseEvents, SCALAR_STYLE } from "js-yaml";
import type { Place } from "../model/result.js";

/** Where one object stands: its document's text and the path of the object in it (empty, or `items[3]` in a List). */
export interface Origin {
  readonly file: string;
  readonly text: string;
  readonly linesBefore: number;
  readonly path: string;
}

type Step = string | number;
type Event = ReturnType<typeof parseEvents>[number];

/**
 * The place of a path, such as `spec.ingress[0].ports`, in an object's file; the deepest part of the path that is there
 * when not all of it is. The text is parsed again, for positions: only problems pay for them.
 */
export function placeOf(origin: Origin, path = ""): Place {
  const { file, text, linesBefore } = origin;
  const steps = [...parsePath(origin.path), ...parsePath(path)];
  const offset = new Locator(text, eventsOf(text)).find(steps);
  const before = text.slice(0, offset);
  const line = before.split("\n").length;
  return { file, line: line + linesBefore, column: offset - before.lastIndexOf("\n") };
}

let last: { readonly text: string; readonly events: readonly Event[] } | undefined;

/** Problems come in groups, each about one text. */
function eventsOf(text: string): readonly Event[] {
  if (last?.text !== text) last = { text, events: parsed(text) };
  return last.events;
}

/** JSON that YAML readers give up on (they count its depth) has no places but its beginning. */
function parsed(text: string): readonly Event[] {
  try {
    return parseEvents(text, {});
  } catch {
    return [];
  }
}

/** `spec.ports[0]["a.b"]` and `metadata.labels[a.b/c]` as steps. */
function parsePath(path: string): Step[] {
  const steps: Step[] = [];
  for (const [, name, bracket] of path.matchAll(/([^.[\]]+)|\[([^\]]*)\]/g)) {
    if (name !== undefined) steps.push(name);
    else if (bracket !== undefined) steps.push(/^\d+$/.test(bracket) ? Number(bracket) : bracket.replace(/^["']|["']$/g, ""));
  }
  return steps;
}

/** Walks the parser's flat list of events; each visit moves `at` past one whole node. */
class Locator {
  private readonly text: string;
  private readonly events: readonly Event[];
  private at = 0;

  constructor(text: string, events: readonly Event[]) {
    this.text = text;
    this.events = events;
  }

  find(steps: readonly Step[]): number {
    while (this.events[this.at]?.type === EVENT_ID.DOCUMENT) this.at++;
    let found = this.startOf(this.at);
    for (const step of steps) {
      const inner = this.enter(step);
      if (inner === undefined) break;
      found = inner;
    }
    return found;
  }

  /** Moves to the value of a key or index of the node at `at`; answers where its key, or the item, begins. */
  private enter(step: Step): number | undefined {
    const node = this.events[this.at];
    if (node?.type === EVENT_ID.MAPPING) return this.enterKey(String(step));
    if (node?.type === EVENT_ID.SEQUENCE && typeof step === "number") return this.enterItem(step);
    return undefined;
  }

  private enterKey(key: string): number | undefined {
    this.at++;
    while (this.at < this.events.length && this.events[this.at]?.type !== EVENT_ID.POP) {
      const event = this.events[this.at];
      const start = this.startOf(this.at);
      this.skip();
      if (event?.type === EVENT_ID.SCALAR && getScalarValue(this.text, event) === key) return start;
      this.skip();
    }
    return undefined;
  }

  private enterItem(index: number): number | undefined {
    this.at++;
    for (let item = 0; item < index; item++) {
      if (this.events[this.at]?.type === EVENT_ID.POP) return undefined;
      this.skip();
    }
    return this.isPlaceless(this.at) ? undefined : this.startOf(this.at);
  }

  /** An item of which only the dash is written stands where its list does. */
  private isPlaceless(index: number): boolean {
    const event = this.events[index];
    return event?.type === EVENT_ID.POP || (event?.type === EVENT_ID.SCALAR && event.valueStart < 0);
  }

  private skip(): void {
    let depth = 0;
    do {
      const type = this.events[this.at]?.type;
      if (type === EVENT_ID.MAPPING || type === EVENT_ID.SEQUENCE) depth++;
      if (type === EVENT_ID.POP) depth--;
      this.at++;
    } while (depth > 0 && this.at < this.events.length);
  }

  private startOf(index: number): number {
    const event = this.events[index];
    if (event?.type === EVENT_ID.MAPPING || event?.type === EVENT_ID.SEQUENCE) return Math.max(event.start, 0);
    if (event?.type === EVENT_ID.SCALAR) return Math.max(event.valueStart - (isQuoted(event.style) ? 1 : 0), 0);
    return event?.type === EVENT_ID.ALIAS ? Math.max(event.anchorStart, 0) : 0;
  }
}

/** The parser's positions are those inside the quotes. */
function isQuoted(style: number): boolean {
  return style === SCALAR_STYLE.SINGLE_QUOTED || style === SCALAR_STYLE.DOUBLE_QUOTED;
}
