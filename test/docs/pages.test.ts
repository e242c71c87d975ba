import { spawnSync } from "node:child_process";
import { existsSync, readFileSync, writeFileSync } from "node:fs";
import { dirname, resolve } from "node:path";
import { describe, expect, it, test } from "vitest";
import { COMMANDS } from "../../src/commands/index.js";
import { OPTIONS } from "../../src/config.js";
import { blocksIn, commandsIn, PAGES, root, textOf, wordsIn } from "./pages.js";

/**
 * Every page is true. `<!-- run: sluice ... -->` before a block: it is what the built program prints, `<!-- file: ... -->`: it is
 * that file; UPDATE_DOCS=1 writes both anew. `<!-- e2e -->`: test/e2e/docs.test.ts runs it on a real API server. Other commands must at least be ones that there are.
 */

const TRANSCRIPT = /<!-- run: sluice (.+?) -->\n```(\w*)\n[\s\S]*?```/g;
const FILE = /<!-- file: (\S+) -->\n```yaml\n[\s\S]*?```/g;

function run(line: string): string {
  const { stdout, stderr, error } = spawnSync(process.execPath, ["dist/main.js", ...wordsIn(line)], { cwd: root, encoding: "utf8" });
  if (error) throw error;
  // A program that breaks down must not be written into the pages as one that has nothing to say.
  if (stdout === "") throw new Error(`sluice ${line} printed nothing: ${stderr}`);
  return `$ sluice ${line}\n${stdout}`;
}

function rewritten(text: string): string {
  return text
    .replace(TRANSCRIPT, (_, line: string, kind: string) => `<!-- run: sluice ${line} -->\n\`\`\`${kind}\n${run(line)}\`\`\``)
    // docs/kf.md writes a file that is there for the page alone.
    .replace(FILE, (whole: string, file: string) => (existsSync(resolve(root, file)) ? `<!-- file: ${file} -->\n\`\`\`yaml\n${readFileSync(resolve(root, file), "utf8")}\`\`\`` : whole));
}

const told = PAGES.filter((page) => new RegExp(TRANSCRIPT).test(textOf(page)) || new RegExp(FILE).test(textOf(page)));

describe("transcripts and files", () => {
  test.each(told)("of %s are what the program prints and what the files say", (page) => {
    const now = rewritten(textOf(page));
    if (process.env["UPDATE_DOCS"] === "1") writeFileSync(resolve(root, page), now);
    else expect(textOf(page)).toBe(now);
  }, 120_000);
  it("are there", () => expect(told.length).toBeGreaterThanOrEqual(3));
});

describe("commands", async () => {
  const verbs = new Map(await Promise.all(COMMANDS.map(async ({ name, load }) => [name, (await load()).options.map((option) => OPTIONS[option].flags.split(" ")[0])] as const)));
  it.each(PAGES)("of %s are verbs and flags that there are", (page) => {
    const unknown = commandsIn(page).flatMap(([verb = "", ...words]) => {
      const flags = verbs.get(verb);
      if (!flags) return [`sluice ${verb}`];
      return words.filter((word) => /^--?[a-z]/.test(word)).map((word) => word.replace(/=.*$/, "").replace(/[,.;:]$/, "")).filter((word) => ![...flags, "-o", "--output", "--help"].includes(word)).map((word) => `sluice ${verb} ${word}`);
    });
    expect(unknown).toEqual([]);
  });
  it("are in plenty", () => expect(PAGES.flatMap(commandsIn).length).toBeGreaterThan(60));
  it.each(PAGES)("of %s that stand in a block are run by some test, or say why not", (page) => {
    // Its own test runs those of docs/kf.md (test/docs/kf.test.ts).
    const shown = blocksIn(page).filter(({ kind, text }) => page !== "docs/kf.md" && (kind === "sh" || kind === "console" || /^\$ /.test(text)));
    expect(shown.filter(({ mark }) => !/^(run: sluice |e2e$|not run: .)/.test(mark)).map(({ text }) => text)).toEqual([]);
  });
});

describe("links", () => {
  it.each(PAGES)("of %s lead somewhere", (page) => {
    const links = [...textOf(page).matchAll(/\]\((?!https?:|#)([^)#\s]+)(?:#[^)]*)?\)/g)].map(([, link = ""]) => link);
    expect(links.filter((link) => !existsSync(resolve(root, dirname(page), link)))).toEqual([]);
  });
  it("of docs/README.md lead to every page", () => {
    const index = textOf("docs/README.md");
    expect(PAGES.filter((page) => page.startsWith("docs/") && page !== "docs/README.md" && !index.includes(`(${page.slice("docs/".length)})`))).toEqual([]);
  });
});
