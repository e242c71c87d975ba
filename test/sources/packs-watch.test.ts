import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatProblem, type Problem } from "../../src/model/result.js";
import type { Knobs } from "../../src/sources/knobs.js";
import { objectPart } from "../../src/sources/pack-parts.js";
import { watchPacks, type PacksListener, type PacksWatch } from "../../src/sources/packs-watch.js";

let folder = "";
let watching: PacksWatch | undefined;
let changes = 0;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-packs-"));
  changes = 0;
});
afterEach(async () => {
  watching?.close();
  await rm(folder, { recursive: true, force: true });
});

function pack(name: string, rule: string, more = ""): string {
  return `apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: ${name}}\nspec:\n  parameters: {level: {type: string, enum: [deny, warn], default: deny, description: x}}\n${more}  rules:\n    - {id: ${rule}, check: forbid-allow-all, enforcementAction: $(params.level)}\n`;
}

const save = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

async function start(knobs: Partial<Knobs> = {}, listener: Partial<PacksListener> = {}): Promise<PacksWatch> {
  const result = await watchPacks({ packs: folder, set: [], ...knobs }, { changed: () => void changes++, ...listener });
  if (!result.ok) throw new Error(result.problems.map(formatProblem).join("\n"));
  return (watching = result.value);
}

const rules = (): string[] => watching?.inForce.loaded.packs.rules.map(({ id, entry }) => `${id}=${entry.enforcementAction}`) ?? [];
const refused = (): string[] => [...(watching?.inForce.refused ?? [])].map(([part, problems]) => `${part}: ${problems.map(formatProblem).join("; ")}`.replaceAll(`${folder}/`, ""));

/** Waits for the watch itself, not for a look that the test asks for. */
async function until(test: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !test(); tries++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(test()).toBe(true);
}

describe("packs that are followed", () => {
  it("come into force when their files change, appear and go", async () => {
    await save("a.yaml", pack("a", "one"));
    const { inForce } = await start();
    expect(rules()).toEqual(["a/one=deny"]);
    await save("a.yaml", pack("a", "two"));
    await until(() => rules().join() === "a/two=deny");
    expect(watching?.inForce.loaded.digest).not.toBe(inForce.loaded.digest);
    await save("b.yaml", pack("b", "three"));
    await until(() => rules().join() === "a/two=deny,b/three=deny");
    await rm(join(folder, "b.yaml"));
    await until(() => rules().join() === "a/two=deny");
    expect(refused()).toEqual([]);
  });

  it("say nothing when only a comment changed", async () => {
    await save("a.yaml", pack("a", "one"));
    const { inForce } = await start();
    await save("a.yaml", `# new\n${pack("a", "one")}`);
    await watching?.settle();
    expect([watching?.inForce, changes]).toEqual([inForce, 0]);
  });

  it("are swapped whole when a mounted ConfigMap swaps its `..data`", async () => {
    const version = async (name: string, rule: string): Promise<void> => {
      await mkdir(join(folder, name));
      for (const one of ["a", "b"]) await save(`${name}/${one}.yaml`, pack(one, rule));
    };
    await version("..v1", "one");
    await symlink("..v1", join(folder, "..data"));
    for (const one of ["a", "b"]) await symlink(`..data/${one}.yaml`, join(folder, `${one}.yaml`));
    const seen: string[] = [];
    await start({}, { changed: ({ loaded }) => void seen.push(loaded.packs.rules.map(({ id }) => id).join()) });
    await version("..v2", "two");
    await symlink("..v2", join(folder, "..data.new"));
    await rename(join(folder, "..data.new"), join(folder, "..data"));
    await until(() => rules().join() === "a/two=deny,b/two=deny");
    expect(seen).toEqual(["a/two,b/two"]);
  });

  it("follow overlays and the profile", async () => {
    await save("a.yaml", pack("a", "one"));
    await mkdir(join(folder, "profiles"));
    await save("profiles/mine.yaml", "dnsMode: kube-dns\n");
    await start({ profile: "mine" });
    await save("overlay.yaml", "apiVersion: sluice.dev/v1alpha1\nkind: PackOverlay\nmetadata: {name: audit}\nspec: {rules: {a/one: {enforcementAction: warn}}}\n");
    await until(() => rules().join() === "a/one=warn");
    await save("profiles/mine.yaml", "dnsMode: node-local\n");
    await until(() => watching?.inForce.loaded.packs.profile["dnsMode"] === "node-local");
    await save("profiles/mine.yaml", "dnsMode: nowhere\n");
    await until(() => refused().length > 0);
    expect(refused().join()).toMatch(/^--profile: profiles\/mine.yaml:1:\d+: dnsMode: profile switch `dnsMode` must be equal/);
    expect(watching?.inForce.loaded.packs.profile["dnsMode"]).toBe("node-local");
  });
});

describe("what cannot be used", () => {
  it.each([
    ["no YAML", "apiVersion: [", "a.yaml:"],
    ["an unknown check", pack("a", "two").replace("forbid-allow-all", "nope"), "spec.rules[0].check"],
    ["a value of a wrong type", pack("a", "two").replace("default: deny", "default: 5"), "parameter `a.level`"],
    ["the name of another pack", pack("b", "two"), "two packs in force are named `b`"],
  ])("keeps its last good state: %s; the other files are taken over", async (_, bad, message) => {
    await save("a.yaml", pack("a", "one"));
    await save("b.yaml", pack("b", "one"));
    await start();
    await save("a.yaml", bad);
    await until(() => refused().length > 0);
    expect(refused().join()).toContain(message);
    await save("c.yaml", pack("c", "new"));
    await until(() => rules().includes("c/new=deny"));
    expect(rules()).toEqual(["a/one=deny", "b/one=deny", "c/new=deny"]);
    await save("a.yaml", pack("a", "two"));
    await until(() => refused().length === 0);
    expect(rules()).toEqual(["a/two=deny", "b/one=deny", "c/new=deny"]);
  });

  it("a pack that others need does not go", async () => {
    await save("a.yaml", pack("a", "one", "  namespaces: {guarded: {names: [shop]}}\n"));
    await save("b.yaml", pack("b", "one").replace("enforcementAction", "match: {namespaces: a/guarded}, enforcementAction"));
    await start();
    await rm(join(folder, "a.yaml"));
    await until(() => refused().length > 0);
    expect(rules()).toEqual(["a/one=deny", "b/one=deny"]);
    expect(refused().join()).toContain("`a/guarded` names nothing");
  });

  it("two files that need each other's change come into force together", async () => {
    await save("a.yaml", pack("a", "one"));
    await save("b.yaml", pack("b", "one"));
    await save("bad.yaml", pack("bad", "one"));
    await start();
    await Promise.all([
      save("bad.yaml", "kind: ["),
      save("a.yaml", pack("a", "one", "  namespaces: {guarded: {names: [shop]}}\n")),
      save("b.yaml", pack("b", "two").replace("enforcementAction", "match: {namespaces: a/guarded}, enforcementAction")),
    ]);
    await until(() => refused().length > 0);
    expect(rules()).toEqual(["a/one=deny", "b/two=deny", "bad/one=deny"]);
    expect([...(watching?.inForce.refused.keys() ?? [])]).toEqual([join(folder, "bad.yaml")]);
  });

  it("a folder that is emptied or gone leaves everything as it is", async () => {
    await save("a.yaml", pack("a", "one"));
    await start();
    await rm(join(folder, "a.yaml"));
    await until(() => refused().length > 0);
    expect([rules(), refused()]).toEqual([["a/one=deny"], [expect.stringContaining("holds no .yaml")]]);
    await rm(folder, { recursive: true });
    await until(() => refused().join().includes("no such file or folder"));
    await mkdir(folder);
    await save("a.yaml", pack("a", "back"));
    await until(() => rules().join() === "a/back=deny");
    expect(refused()).toEqual([]);
  });

  it("packs that cannot be asked yet wait, and nothing comes half-way into force", async () => {
    await save("a.yaml", pack("a", "one"));
    const missing: Problem = { code: "x", path: "", message: "Secret cannot be read" };
    await start({}, { prepare: async ({ packs }) => (packs.rules.some(({ id }) => id === "a/two") ? [missing] : []) });
    await save("a.yaml", pack("a", "two"));
    await until(() => refused().length > 0);
    expect([rules(), refused()]).toEqual([["a/one=deny"], ["the packs as they are now: Secret cannot be read"]]);
    await save("a.yaml", pack("a", "three"));
    await until(() => rules().join() === "a/three=deny");
  });

  it("packs that could not do what they say are refused by part; the others are taken over", async () => {
    await save("a.yaml", pack("a", "one"));
    await start({}, { check: ({ packs }) => (packs.rules.some(({ id }) => id === "a/two") ? [{ code: "x", path: "", message: "nothing is sent to it" }] : []) });
    await Promise.all([save("a.yaml", pack("a", "two")), save("b.yaml", pack("b", "one"))]);
    await until(() => rules().includes("b/one=deny") && refused().length > 0);
    expect([rules(), refused()]).toEqual([["a/one=deny", "b/one=deny"], ["a.yaml: nothing is sent to it"]]);
  });

  it("parts from elsewhere are taken over likewise", async () => {
    await save("a.yaml", pack("a", "one"));
    const { setMore } = await start();
    const object = (check: string) => ({ apiVersion: "sluice.dev/v1alpha1", kind: "RulePack", metadata: { name: "c", resourceVersion: "1" }, spec: { rules: [{ id: "one", check, enforcementAction: "warn" }] } });
    await setMore.call(watching, [objectPart("RulePack c", [object("forbid-allow-all")])]);
    expect(rules()).toEqual(["a/one=deny", "c/one=warn"]);
    await watching?.setMore([objectPart("RulePack c", [object("nope")])]);
    expect([rules(), refused().join()]).toEqual([["a/one=deny", "c/one=warn"], expect.stringContaining("RulePack c: spec.rules[0].check")]);
    await watching?.setMore([]);
    expect([rules(), refused()]).toEqual([["a/one=deny"], []]);
  });

  it("at the start there is no last good state", async () => {
    await save("a.yaml", "kind: [");
    expect((await watchPacks({ packs: folder, set: [] }, { changed: () => undefined })).ok).toBe(false);
  });
});
