import { mkdir, mkdtemp, readFile, readdir, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program } from "../commands/program.js";

/**
 * One text file per scenario: a sentence, input files (`=== name`), commands (`=== $ sluice ...`), each followed by what it must
 * print (`=== stdout`, `=== stderr`, both left out when empty) and `=== exit N`. `UPDATE_GOLDEN=1` writes what is printed now.
 */
const folder = fileURLToPath(new URL(".", import.meta.url));
const update = process.env["UPDATE_GOLDEN"] === "1";

interface Section {
  readonly title: string;
  readonly body: string;
}

function parse(text: string): { readonly about: string; readonly sections: readonly Section[] } {
  const [about = "", ...rest] = text.split(/^=== /m);
  const sections = rest.map((section) => ({ title: section.slice(0, section.indexOf("\n")), body: section.slice(section.indexOf("\n") + 1) }));
  return { about, sections };
}

/** Words of a command; single quotes hold spaces. */
function words(command: string): string[] {
  return [...command.matchAll(/'([^']*)'|(\S+)/g)].map(([, quoted, plain]) => quoted ?? plain ?? "").slice(1);
}

async function play(program: Program, text: string): Promise<string> {
  const { about, sections } = parse(text);
  const place = await mkdtemp(join(tmpdir(), "sluice-golden-"));
  const written = [about];
  try {
    for (const { title, body } of sections) {
      if (title.startsWith("$ ")) written.push(await played(program, title, place));
      else if (!/^(?:stdout|stderr|exit \d+)$/.test(title)) {
        await mkdir(dirname(join(place, title)), { recursive: true });
        await writeFile(join(place, title), body);
        written.push(`=== ${title}\n${body}`);
      }
    }
  } finally {
    await rm(place, { recursive: true, force: true });
  }
  return written.join("");
}

async function played(program: Program, title: string, cwd: string): Promise<string> {
  const ran = await program.run(words(title.slice(2)), { cwd });
  // How much work a proof takes is the engine's own affair.
  const [stdout, stderr, code] = [ran.stdout.replace(/"steps": \d+/g, '"steps": N'), ran.stderr, ran.code];
  return [`=== ${title}\n`, stdout && `=== stdout\n${stdout}`, stderr && `=== stderr\n${stderr}`, `=== exit ${code}\n`].join("");
}

const scenarios = (await readdir(folder)).filter((file) => file.endsWith(".txt")).sort();

describe("golden", () => {
  let program: Program;
  beforeAll(async () => {
    program = await buildProgram();
  });
  afterAll(() => program.remove());

  it.concurrent.each(scenarios)("%s", async (file) => {
    const expected = await readFile(join(folder, file), "utf8");
    const actual = await play(program, expected);
    if (update) await writeFile(join(folder, file), actual);
    else expect(actual).toBe(expected);
  }, 120_000);

  it("has a scenario for every verb", async () => {
    const all = (await Promise.all(scenarios.map((file) => readFile(join(folder, file), "utf8")))).join("");
    const { COMMANDS } = await import("../../src/commands/index.js");
    const missing = COMMANDS.map(({ name }) => name).filter((name) => !all.includes(`=== $ sluice ${name} `));
    // It writes files with dates in them: test/commands/certs.test.ts runs it.
    // `replay` needs a recording of this version: test/commands/replay.test.ts. What `webhooks` prints lies in deploy/base: test/docs/webhooks.test.ts
    expect(missing).toEqual(["replay", "webhooks", "certs"]);
  });
});
