import { mkdtempSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterAll, expect, it } from "vitest";
import { problemText } from "../../src/sources/code-frame.js";

const folder = mkdtempSync(join(tmpdir(), "sluice-frame-"));
afterAll(() => rmSync(folder, { recursive: true, force: true }));
const file = join(folder, "a.yaml");
const shown = (text: string, line: number, column: number): string[] => {
  writeFileSync(file, text);
  return problemText({ code: "x", message: "wrong", path: "", place: { file, line, column } }).split("\n").slice(1);
};

it.each<[string, string, number, number, string[]]>([
  ["the line and a caret", "a: 1\nb:  two\n", 2, 5, ["  2 | b:  two", "    |     ^"]],
  ["tabs are as wide as the caret thinks", "a:\t1\n", 1, 4, ["  1 | a: 1", "    |    ^"]],
  ["line ends of Windows", "a: 1\r\nb: 2\r\n", 1, 1, ["  1 | a: 1", "    | ^"]],
  ["a line that is not there", "a: 1\n", 7, 1, []],
  ["an empty line", "\na: 1\n", 1, 1, []],
])("%s", (_what, text, line, column, expected) => expect(shown(text, line, column)).toEqual(expected));
it("a long line is cut around the place", () => {
  const [text = "", caret = ""] = shown(`${"x".repeat(5_000)}!${"y".repeat(5_000)}\n`, 1, 5_001);
  expect(text.length).toBeLessThan(120);
  expect(text[caret.indexOf("^")]).toBe("!");
});
it("a file that is gone, standard input, a place without a column", () => {
  for (const place of [{ file: join(folder, "none"), line: 1, column: 1 }, { file: "-", line: 1, column: 1 }, { file, line: 1 }]) {
    expect(problemText({ code: "x", message: "wrong", path: "", place })).not.toContain("\n");
  }
});
