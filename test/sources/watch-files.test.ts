import { mkdir, mkdtemp, rename, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatProblem } from "../../src/model/result.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { watchState, type StateWatch } from "../../src/sources/watch-files.js";

let folder = "";
let watching: StateWatch | undefined;
const told: string[] = [];
let now: Snapshot;

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-watch-"));
  told.length = 0;
});
afterEach(async () => {
  watching?.close();
  await rm(folder, { recursive: true, force: true });
});

function pod(name: string, app = name, namespace = "shop"): string {
  return `apiVersion: v1\nkind: Pod\nmetadata: {name: ${name}, namespace: ${namespace}, labels: {app: ${app}}}\nspec: {containers: []}\n---\n`;
}

const save = (name: string, text: string): Promise<void> => writeFile(join(folder, name), text);

async function start(paths: readonly string[] = [folder]): Promise<StateWatch> {
  watching = await watchState(paths, {
    changed: (changes) => {
      now = now.with(changes);
    },
    broken: (problems) => told.push(...problems.map((problem) => formatProblem(problem).replace(`${folder}/`, ""))),
  });
  now = Snapshot.EMPTY.with(watching.changes);
  return watching;
}

const labels = (name: string, namespace = "shop"): unknown => now.pod(namespace, name)?.labels;

/** Waits for the folder watch itself, not for a look that the test asks for. */
async function until(test: () => boolean): Promise<void> {
  for (let tries = 0; tries < 200 && !test(); tries++) await new Promise((resolve) => setTimeout(resolve, 25));
  expect(test()).toBe(true);
}

describe("a state in files", () => {
  it("is read at once, and follows new, changed and deleted files by itself", async () => {
    await save("a.yaml", pod("a"));
    await start();
    expect(labels("a")).toEqual({ app: "a" });
    await save("b.yaml", pod("b"));
    await until(() => now.pod("shop", "b") !== undefined);
    await save("a.yaml", pod("a", "changed"));
    await until(() => now.pod("shop", "a")?.labels["app"] === "changed");
    await rm(join(folder, "b.yaml"));
    await until(() => now.pod("shop", "b") === undefined);
  });

  it("follows new folders, and files replaced by a rename or by the links of a mounted ConfigMap", async () => {
    await mkdir(join(folder, "..one"));
    await save("..one/a.yaml", pod("a"));
    await symlink("..one", join(folder, "..data"));
    await symlink("..data/a.yaml", join(folder, "a.yaml"));
    await start();
    expect(labels("a")).toEqual({ app: "a" });
    await mkdir(join(folder, "..two"));
    await save("..two/a.yaml", pod("a", "two"));
    await symlink("..two", join(folder, "..new"));
    await rename(join(folder, "..new"), join(folder, "..data"));
    await until(() => now.pod("shop", "a")?.labels["app"] === "two");
    await mkdir(join(folder, "deep"));
    await save("deep/d.yaml", pod("d"));
    await until(() => now.pod("shop", "d") !== undefined);
    await save("deep/d.yaml", pod("d", "again"));
    await until(() => now.pod("shop", "d")?.labels["app"] === "again");
  });

  it("lets a file win for its objects only when its content changes", async () => {
    await save("a.yaml", pod("a"));
    await save("b.yaml", pod("b"));
    const watch = await start();
    const admitted = now.pod("shop", "a");
    if (!admitted) throw new Error("no pod");
    now = now.with([{ put: { fact: "pod", value: { ...admitted, labels: { app: "admitted" } } } }]);
    await save("b.yaml", pod("b", "new"));
    await watch.settle();
    expect([labels("a"), labels("b")]).toEqual([{ app: "admitted" }, { app: "new" }]);
    await save("a.yaml", pod("a"));
    await watch.settle();
    expect(labels("a")).toEqual({ app: "admitted" });
    await save("a.yaml", pod("a", "file"));
    await watch.settle();
    expect(labels("a")).toEqual({ app: "file" });
  });

  it("keeps the last good content of a broken file, and says what is wrong once", async () => {
    await save("a.yaml", pod("a"));
    const watch = await start();
    await save("a.yaml", "a: [");
    await watch.settle();
    await watch.settle();
    expect(labels("a")).toEqual({ app: "a" });
    expect(told).toEqual([expect.stringMatching(/^a\.yaml:\d+:\d+: not valid YAML/)]);
    await save("a.yaml", pod("a", "mended"));
    await watch.settle();
    expect(labels("a")).toEqual({ app: "mended" });
  });

  it("keeps what another file still says, also when a Namespace goes", async () => {
    await save("namespace.yaml", "apiVersion: v1\nkind: Namespace\nmetadata: {name: shop, labels: {zone: a}}\n");
    await save("a.yaml", pod("a"));
    await save("copy.yaml", pod("a"));
    const watch = await start();
    expect(now.namespace("shop").labels).toMatchObject({ zone: "a" });
    await rm(join(folder, "namespace.yaml"));
    await rm(join(folder, "copy.yaml"));
    await watch.settle();
    expect(now.namespace("shop").labels).not.toHaveProperty("zone");
    expect(labels("a")).toEqual({ app: "a" });
  });

  it("takes away every kind of object that a file no longer has", async () => {
    const node = "apiVersion: v1\nkind: Node\nmetadata: {name: n}\n---\n";
    const policy = "apiVersion: networking.k8s.io/v1\nkind: NetworkPolicy\nmetadata: {name: p, namespace: shop}\nspec: {podSelector: {}}\n---\n";
    const service = "apiVersion: v1\nkind: Service\nmetadata: {name: s, namespace: shop}\nspec: {}\n---\n";
    await save("a.yaml", node + policy + service + pod("a"));
    const watch = await start();
    const counts = (): number[] => [now.nodes.size, [...now.policies()].length, now.objectsOf("", "Service").size, [...now.pods()].length];
    expect(counts()).toEqual([1, 1, 1, 1]);
    await save("a.yaml", "# nothing is left\n");
    await watch.settle();
    expect(counts()).toEqual([0, 0, 0, 0]);
  });

  it("starts without a folder that is not there yet, and says so", async () => {
    const { errors } = await start([join(folder, "later")]);
    expect(errors.map(({ message }) => message)).toEqual(["no such file or folder"]);
    await mkdir(join(folder, "later"));
    await save("later/a.yaml", pod("a"));
    await until(() => now.pod("shop", "a") !== undefined);
  });

  it("follows a single file", async () => {
    await save("a.yaml", pod("a"));
    await save("b.yaml", pod("b"));
    await start([join(folder, "a.yaml")]);
    await save("a.yaml", pod("a", "changed"));
    await until(() => now.pod("shop", "a")?.labels["app"] === "changed");
    expect(labels("b")).toBeUndefined();
  });
});
