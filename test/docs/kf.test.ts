import { readFileSync, writeFileSync } from "node:fs";
import { cp, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import type { KubeObject } from "../../src/model/kubernetes.js";
import { formatProblem } from "../../src/model/result.js";
import type { CompiledPacks } from "../../src/packs/compile.js";
import { checkOverlay, parseOverlay, type Overlay } from "../../src/packs/overlay.js";
import { judge, objectsIn, objectsInFolder, request, rulesOf, shippedPacks, snapshotOf } from "../review/world.js";
import { buildProgram, type Program } from "../commands/program.js";
import { brokenRules, DENY, spaceOf, system } from "../packs/standing.js";
import { kfTable, withTable } from "./kf-table.js";

const file = new URL("../../docs/kf.md", import.meta.url);
const document = readFileSync(file, "utf8");

it("the table is what the engine proves", () => {
  const expected = withTable(document, kfTable());
  if (process.env["UPDATE_DOCS"] === "1") writeFileSync(file, expected);
  else expect(document).toBe(expected);
});

/** One piece of YAML with the comment before it: `policy for: RULE...` or `instead for: RULE...; with: NAME=VALUE...`. */
interface Snippet {
  readonly instead: boolean;
  readonly rules: readonly string[];
  readonly settings: Readonly<Record<string, string>>;
  readonly object: KubeObject;
}

const snippets = [...document.matchAll(/<!-- (policy|instead) for: ([^;>]+?)(?:; with: ([^>]+?))? -->\n```yaml\n([\s\S]*?)```/g)].map(([, kind, rules = "", settings = "", yaml = ""]): Snippet => ({
  instead: kind === "instead",
  rules: rules.split(" ").sort(),
  settings: Object.fromEntries(settings.split(" ").filter((text) => text !== "").map((text) => text.split("=") as [string, string])),
  object: objectsIn(yaml)[0] as KubeObject,
}));
const policies = snippets.filter(({ instead }) => !instead);
const others = snippets.filter(({ instead }) => instead);

const [overlayObject] = objectsIn(/<!-- the cluster of this page -->\n```yaml\n([\s\S]*?)```/.exec(document)?.[1] ?? "");
const overlay = overlayOf(overlayObject as KubeObject);

function overlayOf(object: KubeObject): Overlay {
  const problems = checkOverlay(object, objectsInFolder("policies").filter(({ kind }) => kind === "RulePack"));
  const parsed = parseOverlay(object);
  if (!parsed.ok || problems.length > 0) throw new Error([...problems, ...(parsed.ok ? [] : parsed.problems)].map(formatProblem).join("\n"));
  return parsed.value;
}

/** The shipped packs on the page's cluster, with what an alternative says is different. */
function packsOn(settings: Readonly<Record<string, string>> = {}): CompiledPacks {
  const switches = ["dnsMode", "dataplane"];
  const own = Object.entries(settings);
  return shippedPacks(
    { ...overlay.settings, ...Object.fromEntries(own.filter(([name]) => !switches.includes(name)).map(([name, value]) => [`kf.${name}`, value])) },
    { ...overlay.profile, ...Object.fromEntries(own.filter(([name]) => switches.includes(name))) },
  );
}

const otherSpace = objectsInFolder("examples/kf-cluster").filter(({ metadata }) => (metadata.namespace ?? metadata.name) === "space-open");
const world = (...applied: readonly KubeObject[]) => snapshotOf(...system(), ...otherSpace, ...spaceOf("my-space", DENY, DENY), ...applied);
const objects = policies.map(({ object }) => object);
const packs = packsOn();

describe("the policies of the page, in a DenyAll Space", () => {
  it("are NetworkPolicies of that Space, each for other rules", () => {
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.namespace ?? ""}`)).toEqual(objects.map(() => "NetworkPolicy my-space"));
    const rules = policies.flatMap((snippet) => snippet.rules);
    expect(rules).toEqual([...new Set(rules)]);
  });
  it("without them nothing works, with all of them everything does", () => {
    expect(brokenRules(world(), packs, "my-space")).toEqual(policies.flatMap(({ rules }) => rules).sort());
    expect(brokenRules(world(...objects), packs, "my-space")).toEqual([]);
  });
  it.each(policies.map((snippet) => [snippet.object.metadata.name ?? "", snippet] as const))("without %s just its own flow breaks", (_name, { object, rules }) => {
    expect(brokenRules(world(...objects.filter((other) => other !== object)), packs, "my-space")).toEqual(rules);
    expect(rulesOf(judge(world(...objects), request("DELETE", object), packs))).toEqual(rules);
  });
  it("are admitted one by one, in the order of the page", () => {
    objects.forEach((object, i) => expect(rulesOf(judge(world(...objects.slice(0, i)), request("CREATE", object), packs)), object.metadata.name).toEqual([]));
  });
});

describe("on other clusters", () => {
  it("there are alternatives", () => expect(others.length).toBeGreaterThanOrEqual(4));
  it.each(others.map((snippet) => [`${snippet.object.metadata.name ?? ""} with ${JSON.stringify(snippet.settings)}`, snippet] as const))("%s", (_name, { object, rules, settings }) => {
    const there = packsOn(settings);
    const rest = policies.filter((snippet) => snippet.rules.join() !== rules.join()).map((snippet) => snippet.object);
    expect(rest).toHaveLength(objects.length - 1);
    // What the page says first does not do there.
    expect(brokenRules(world(...objects), there, "my-space")).toEqual(rules);
    expect(brokenRules(world(...rest, object), there, "my-space")).toEqual([]);
    expect(brokenRules(world(...rest), there, "my-space")).toEqual(rules);
  });
});

describe("the commands of the page print what it shows", () => {
  const shown = [...document.matchAll(/```console\n([\s\S]*?)```/g)].flatMap(([, block = ""]) =>
    block.split(/^\$ /m).filter((text) => text.startsWith("sluice ")).map((text) => ({ command: text.slice(0, text.indexOf("\n")), lines: text.split("\n").slice(1).filter((line) => line !== "") })),
  );
  let program: Program;
  let place: string;
  beforeAll(async () => {
    program = await buildProgram();
    place = await mkdtemp(join(tmpdir(), "sluice-kf-page-"));
    const examples = fileURLToPath(new URL("../../examples", import.meta.url));
    await symlink(examples, join(place, "examples"));
    const [, change = ""] = /<!-- file: change\.yaml -->\n```yaml\n([\s\S]*?)```/.exec(document) ?? [];
    await writeFile(join(place, "change.yaml"), change);
    await cp(join(examples, "kf-cluster"), join(place, "after"), { recursive: true });
    await cp(join(place, "change.yaml"), join(place, "after", "change.yaml"));
  });
  afterAll(async () => {
    await rm(place, { recursive: true, force: true });
    await program.remove();
  });

  it("check, diff, explain and fix", () => expect(shown.map(({ command }) => command.split(" ")[1])).toEqual(["check", "diff", "explain", "fix"]));
  it.each(shown.map(({ command, lines }) => [command, lines] as const))("%s", async (command, lines) => {
    const { stdout, stderr, code } = await program.run(command.split(" ").slice(1), { cwd: place });
    expect(code, stderr).toBeLessThan(2);
    const printed = stdout.split("\n");
    let at = 0;
    for (const line of lines) {
      const found = printed.findIndex((text, i) => i >= at && text.startsWith(line));
      expect(found, `\`${line}\` in its place of\n${stdout}`).toBeGreaterThanOrEqual(at);
      at = found + 1;
    }
  });
});
