import { readdirSync, readFileSync } from "node:fs";
import { resolve } from "node:path";

/** Every page that people read. */

export const root = resolve(import.meta.dirname, "../..");

export const PAGES: readonly string[] = [
  "README.md",
  "CONTRIBUTING.md",
  ...readdirSync(resolve(root, "docs"), { recursive: true, encoding: "utf8" }).filter((file) => file.endsWith(".md")).sort().map((file) => `docs/${file}`),
];

export function textOf(page: string): string {
  return readFileSync(resolve(root, page), "utf8");
}

/** A block of code with the comment before it, and the kind it says it is. */
export interface Block {
  readonly page: string;
  readonly mark: string;
  readonly kind: string;
  readonly text: string;
}

export function blocksIn(page: string): readonly Block[] {
  return [...textOf(page).matchAll(/(?:^<!-- (.*?) -->\n)?^```(\w*)\n([\s\S]*?)^```$/gm)].map(([, mark = "", kind = "", text = ""]) => ({ page, mark, kind, text }));
}

/** Words as a shell would split them; quotes hold words together. */
export function wordsIn(line: string): readonly string[] {
  return [...line.matchAll(/"([^"]*)"|'([^']*)'|(\S+)/g)].map(([, double, single, plain]) => double ?? single ?? plain ?? "");
}

/** Every `sluice VERB ...` of a page: in code blocks and in the text. */
export function commandsIn(page: string): readonly (readonly string[])[] {
  const text = textOf(page);
  const ofBlocks = blocksIn(page).filter(({ kind }) => kind === "" || kind === "sh" || kind === "console").flatMap((block) => block.text.split("\n").flatMap((line) => [...line.replace(/\s#\s.*$/, "").matchAll(/(?:^|\$ |\| |&& |\$\()sluice (\w.*?)(?=$| \||\)| &&|;| >)/g)].map(([, rest = ""]) => rest)));
  const ofText = [...text.replace(/^```[\s\S]*?^```$/gm, "").matchAll(/`(?:[^`]*[|] )?sluice ([a-z][^`|]*)[^`]*`/g)].map(([, rest = ""]) => rest);
  return [...ofBlocks, ...ofText].map(wordsIn);
}
