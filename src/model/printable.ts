// Control characters of both blocks, the line separators and the bidirectional overrides: terminals obey them, and kubectl prints them raw.
const UNPRINTABLE = /[\u0000-\u0009\u000b-\u001f\u007f-\u009f\u2028\u2029\u202a-\u202e\u2066-\u2069]/g;

/** Text for a terminal: line feeds stay, other control characters become visible escapes such as `\x1b`. */
export function printable(text: string): string {
  return text.replace(UNPRINTABLE, escapeOf);
}

/** The same on one line. */
export function oneLine(text: string): string {
  return printable(text.trim().replace(/\s*\n\s*/g, " "));
}

function escapeOf(character: string): string {
  if (character === "\t") return " ";
  const code = character.codePointAt(0) ?? 0;
  return code > 0xff ? `\\u${code.toString(16).padStart(4, "0")}` : `\\x${code.toString(16).padStart(2, "0")}`;
}
