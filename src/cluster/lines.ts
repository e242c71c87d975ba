import { StringDecoder } from "node:string_decoder";

// One line is one watch event: the largest storable object measured is 3.8 MB of JSON (facts/admission.md 8); four times that is no event any more.
const MAX_LINE = 16 * 1_024 * 1_024;

/** Cuts a stream of text into lines; a line and even a character may lie across two chunks. The rest after the last line feed is no event. */
export class LineCutter {
  readonly #decoder = new StringDecoder("utf8");
  #parts: string[] = [];
  #length = 0;

  /** The lines that this chunk completes. Throws when a line grows past every possible event. */
  push(chunk: Buffer): readonly string[] {
    const lines = this.#decoder.write(chunk).split("\n");
    const rest = lines.pop() ?? "";
    const first = lines.shift();
    const whole = first === undefined ? [] : [this.#parts.join("") + first, ...lines];
    if (first !== undefined) {
      this.#parts = [];
      this.#length = 0;
    }
    this.#parts.push(rest);
    this.#length += rest.length;
    if (this.#length > MAX_LINE) throw new Error(`a watch event is longer than ${MAX_LINE} characters`);
    return whole.filter((line) => line !== "");
  }
}
