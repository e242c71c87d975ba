import { RE2JS } from "re2js";
import { failed, ok, type Result } from "./result.js";

/** A regular expression (RE2 syntax, as in CEL) that takes time linear in the text, whatever it says. */
export interface Pattern {
  /** Is there a match anywhere in the text? */
  test(text: string): boolean;
}

/** Longer ones are nobody's handwriting, and compiling takes time and memory too. */
const MAX_LENGTH = 1_000;
/** Instructions: repetitions multiply them (`(a{100}){100}`). */
const MAX_SIZE = 20_000;

/** Compiles a pattern; back references and look-around, which no linear matcher has, are problems. */
export function compilePattern(source: string): Result<Pattern> {
  if (source.length > MAX_LENGTH) return bad(source, `is longer than ${MAX_LENGTH} characters`);
  try {
    const compiled = RE2JS.compile(source);
    if (compiled.programSize() > MAX_SIZE) return bad(source, "is too large once its repetitions are written out");
    return ok({ test: (text) => compiled.matcher(text).find() });
  } catch (error) {
    return bad(source, `is no regular expression in RE2 syntax: ${error instanceof Error ? error.message : String(error)}`);
  }
}

function bad(source: string, why: string): Result<Pattern> {
  const shown = source.length > 60 ? `${source.slice(0, 60)}...` : source;
  return failed({ code: "pattern/compile", message: `pattern \`${shown}\` ${why}`, path: "" });
}

/** For libraries that take another engine of regular expressions than JavaScript's; throws what is wrong with a pattern. */
export function linearRegExp(source: string): Pattern {
  const compiled = compilePattern(source);
  if (!compiled.ok) throw new Error(compiled.problems[0]?.message);
  return compiled.value;
}
linearRegExp.code = "require(\"re2js\")";
