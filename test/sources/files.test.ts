import { mkdir, mkdtemp, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { afterEach, beforeEach, describe, expect, it } from "vitest";
import { formatProblem, type Result } from "../../src/model/result.js";
import { loadManifests, loadState, type LoadedState } from "../../src/sources/files.js";

let folder = "";

beforeEach(async () => {
  folder = await mkdtemp(join(tmpdir(), "sluice-files-"));
});
afterEach(() => rm(folder, { recursive: true, force: true }));

async function write(files: Readonly<Record<string, string>>): Promise<void> {
  for (const [name, text] of Object.entries(files)) {
    await mkdir(dirname(join(folder, name)), { recursive: true });
    await writeFile(join(folder, name), text);
  }
}

function problemsOf(result: Result<unknown>): string[] {
  return result.ok ? [] : result.problems.map((problem) => formatProblem(problem).replace(`${folder}/`, ""));
}

function stateOf(result: Result<LoadedState>): LoadedState {
  if (!result.ok) throw new Error(problemsOf(result).join("\n"));
  return result.value;
}

const POD = "apiVersion: v1\nkind: Pod\nmetadata: {name: web, namespace: shop, labels: {app: web}}\nspec: {containers: [{name: c, image: i}]}\n";

describe("what is read", () => {
  it("reads folders in depth, in a stable order, without hidden entries and other files", async () => {
    await write({ "b.yml": POD.replace("web", "b"), "a/x.yaml": POD.replace("web", "a"), ".git/c.yaml": "{", "notes.txt": "{", "node_modules/m/d.yaml": "{", "c.json": '{"apiVersion":"v1","kind":"Node","metadata":{"name":"n"}}' });
    const { objects } = stateOf(await loadState([folder]));
    expect(objects.map(({ metadata }) => metadata.name)).toEqual(["a", "b", "n"]);
  });

  it("reads a file once, however many ways lead to it", async () => {
    await write({ "a.yaml": POD });
    await symlink(folder, join(folder, "loop"));
    expect(stateOf(await loadState([folder, join(folder, "a.yaml")])).objects).toHaveLength(1);
  });

  it("reads many documents, Lists, typed lists whose items have no kind, and JSON lists", async () => {
    await write({
      "many.yaml": `# a comment\n---\n---\n${POD}---\napiVersion: v1\nkind: List\nitems:\n- ${POD.replace("web", "l").trim().replaceAll("\n", "\n  ")}\n...\n`,
      "namespaces.json": '{"apiVersion":"v1","kind":"NamespaceList","items":[{"metadata":{"name":"shop"}}]}',
      "empty.yaml": "apiVersion: v1\nkind: List\nitems: null\n---\n# nothing\n",
      "array.json": '[{"apiVersion":"v1","kind":"Node","metadata":{"name":"n1"}}]',
    });
    const { objects } = stateOf(await loadState([folder]));
    expect(objects.map(({ kind, metadata }) => `${kind} ${metadata.name}`).sort()).toEqual(["Namespace shop", "Node n1", "Pod l", "Pod web"]);
  });

  it("reads JSON documents one per line and one after another", async () => {
    const node = (name: string): object => ({ apiVersion: "v1", kind: "Node", metadata: { name } });
    await write({ "lines.json": `${JSON.stringify(node("a"))}\n${JSON.stringify(node("b"))}\n`, "pretty.json": `${JSON.stringify(node("c"), null, 2)}\n${JSON.stringify(node("d"), null, 2)}` });
    expect(stateOf(await loadState([folder])).objects.map(({ metadata }) => metadata.name)).toEqual(["a", "b", "c", "d"]);
  });

  it("knows Namespaces and Pods that lost their kind", async () => {
    await write({ "a.yaml": "metadata: {name: shop}\nspec: {finalizers: [kubernetes]}\n---\nmetadata: {name: other}\nstatus: {phase: Active}\n---\nmetadata: {name: web, namespace: shop}\nspec: {containers: []}\n" });
    const { objects, snapshot } = stateOf(await loadState([join(folder, "a.yaml")]));
    expect(objects.map(({ kind }) => kind)).toEqual(["Namespace", "Namespace", "Pod"]);
    expect(snapshot.pod("shop", "web")?.labels).toEqual({});
  });
});

describe("values as kubectl reads them", () => {
  it.each([
    ["yes", true], ["Off", false], ["y", "y"], ["n", "n"], ["010", 8], ["0o10", 8], ["0x1F", 31], ["1_000", 1000], ["1:30", "1:30"],
    ["2024-01-01", "2024-01-01"], ["~", null], ["-5", -5], ["1e3", 1000], ['"yes"', "yes"], ["08", 8], ["0", 0], ["-", "-"],
  ])("%s", async (text, value) => {
    await write({ "a.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\ndata:\n  x: ${text === "-" ? '"-"' : text}\n` });
    const [object] = stateOf(await loadState([folder])).objects;
    expect(object?.["data"]).toEqual({ x: value });
  });

  it("follows anchors and merge keys", async () => {
    await write({ "a.yaml": "apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nbase: &b {x: 1}\ndata: {<<: *b, y: 2}\n" });
    expect(stateOf(await loadState([folder])).objects[0]?.["data"]).toEqual({ x: 1, y: 2 });
  });

  it("refuses documents that grow without bound through their aliases", async () => {
    const levels = Array.from({ length: 9 }, (_, i) => `l${i + 1}: &l${i + 1} [${Array(10).fill(`*l${i}`).join(", ")}]`);
    await write({ "a.yaml": `apiVersion: v1\nkind: ConfigMap\nmetadata: {name: c}\nl0: &l0 [x]\n${levels.join("\n")}\n` });
    expect(problemsOf(await loadState([folder]))).toEqual(["a.yaml:1: the document has more than 1000000 values once its aliases are written out"]);
  });
});

describe("what cannot be read", () => {
  it.each([
    ["duplicate key", "a: 1\nb: 2\na: 3\n", "a.yaml:3:1: `a` is given twice; the API server would keep only one of them"],
    ["tab", "spec:\n\ta: 1\n", "a.yaml:2:1: a tab is used for indentation; YAML wants spaces"],
    ["template", "kind: Pod\nmetadata:\n  name: {{ .Values.x }}\n", "a.yaml:3:9: this is a template, not YAML yet; render it first (`helm template`) and pass the result"],
    ["second document", `${POD}---\na: }\n`, /^a\.yaml:6:\d+: not valid YAML: /],
    ["plain text", "hello\n", "a.yaml:1:1: is not a Kubernetes object but a plain value"],
    ["no kind", "spec: {}\n", "a.yaml:1:1: has no `kind` and `apiVersion`, so it is no Kubernetes object"],
    ["metadata", "apiVersion: v1\nkind: Pod\nmetadata: [1]\n", "a.yaml:1:1: `metadata` is not an object"],
    ["item", "apiVersion: v1\nkind: List\nitems:\n- apiVersion: v1\n  kind: Node\n  metadata: {name: n}\n- 7\n", "a.yaml:7:3: is not a Kubernetes object but a plain value"],
    ["alias within itself", "a: &x [*x]\n", /^a\.yaml:1: /],
    ["deep nesting", `a: ${"[".repeat(5000)}`, /^a\.yaml:1:\d+: not valid YAML: /],
  ])("%s", async (_, text, problem) => {
    await write({ "a.yaml": text });
    const problems = problemsOf(await loadManifests([join(folder, "a.yaml")]));
    expect(problems).toEqual([typeof problem === "string" ? problem : expect.stringMatching(problem)]);
  });

  it("names what was meant where a field of the policy is indented into its rules", async () => {
    await write({ "a.yaml": "spec:\n  ingress:\n    - from:\n      - podSelector: {}\n    policyTypes: [Ingress]\n" });
    expect(problemsOf(await loadManifests([folder]))).toEqual([
      "a.yaml:5:5: `policyTypes` stands beside the list items of `ingress`, where only items may stand; indent it by 2 less, to stand beside `ingress`",
    ]);
  });

  it("names what was meant where a list's item lost its indentation", async () => {
    await write({ "a.yaml": "spec:\n  ingress:\n    - from:\n      - podSelector: {}\n    ports:\n    - port: 443\n" });
    expect(problemsOf(await loadManifests([folder]))).toEqual([
      "a.yaml:5:5: `ports` stands beside the list items of `ingress` instead of inside one; indent it by 2 more spaces so that it belongs to the item that begins on line 3",
    ]);
  });

  it.each([
    ["broken", '{"a": 1,\n "b": tru}', /^a\.json:2:\d+: not valid JSON: unexpected token/],
    ["cut off", '{"a": {"b": 1}', /^a\.json:1:15: not valid JSON: /],
    ["second of two", '{"apiVersion":"v1","kind":"Node","metadata":{"name":"a"}}\n{"b" 1}\n', /^a\.json:2:6: not valid JSON: expected ':'/],
  ])("JSON: %s", async (_, text, problem) => {
    await write({ "a.json": text });
    expect(problemsOf(await loadManifests([join(folder, "a.json")]))).toEqual([expect.stringMatching(problem)]);
  });

  it("tells of every file at once, and of files that are missing, empty or no text", async () => {
    await write({ "a.yaml": "a: [", "b.yaml": "a: [" });
    await writeFile(join(folder, "c.yaml"), Buffer.from([0xff, 0xfe, 0x00]));
    await mkdir(join(folder, "empty"));
    const problems = problemsOf(await loadManifests([folder, join(folder, "gone"), join(folder, "empty")]));
    expect(problems).toEqual([
      "gone: no such file or folder", "empty: holds no .yaml, .yml or .json file",
      expect.stringMatching(/^a\.yaml:\d+:/), expect.stringMatching(/^b\.yaml:\d+:/), "c.yaml: is not UTF-8 text",
    ]);
  });

  it("only warns about other files that happen to lie in a folder", async () => {
    await write({ "values.yaml": "replicas: 3\n", "pod.yaml": POD });
    const { warnings, objects } = stateOf(await loadState([folder]));
    expect(objects).toHaveLength(1);
    expect(warnings.map(({ message }) => message)).toEqual(["has no `kind` and `apiVersion`, so it is no Kubernetes object"]);
  });
});

it("warns of an object that is given twice with different content, and takes the later one", async () => {
  await write({ "a.yaml": POD, "b.yaml": POD, "c.yaml": `# again\n${POD.replace("app: web", "app: other")}` });
  const { warnings, snapshot } = stateOf(await loadState([folder]));
  expect(warnings.map((problem) => formatProblem(problem).replaceAll(`${folder}/`, ""))).toEqual([
    "c.yaml:2:1: Pod `web` is given twice with different content; this one counts, not the one at b.yaml:1",
  ]);
  expect(snapshot.pod("shop", "web")?.labels).toEqual({ app: "other" });
});

describe("places", () => {
  const POLICY = `# first\napiVersion: v1\nkind: List\nitems:\n- apiVersion: networking.k8s.io/v1\n  kind: NetworkPolicy\n  metadata:\n    name: p\n    labels:\n      "kf.dev/x": a\n  spec:\n    podSelector: {}\n    ingress:\n    - from: []\n      ports:\n      - port: 99999\n`;

  it("adds file, line and column to what the dialects find", async () => {
    await write({ "a.yaml": `${POD}---\n${POLICY}` });
    const { warnings } = stateOf(await loadState([folder]));
    expect(warnings.map((problem) => [problem.path, problem.place?.line, problem.place?.column])).toEqual([["spec.ingress[0].ports[0].port", 21, 9]]);
  });

  it.each([
    ["", 5, 3], ["metadata.name", 8, 5], ["metadata.labels[kf.dev/x]", 10, 7], ['metadata.labels["kf.dev/x"]', 10, 7],
    ["spec.ingress[0].ports", 15, 7], ["spec.ingress[7].ports", 13, 5], ["spec.nothing.here", 11, 3],
  ])("%s", async (path, line, column) => {
    await write({ "a.yaml": POLICY });
    const { objects, locate } = stateOf(await loadState([folder]));
    expect(objects[0] && locate(objects[0], path)).toEqual({ file: join(folder, "a.yaml"), line, column });
  });

  it("finds an object by its name where it was copied, and nothing for a stranger", async () => {
    await write({ "a.yaml": POLICY });
    const { locate } = stateOf(await loadState([folder]));
    const policy = { apiVersion: "networking.k8s.io/v1", kind: "NetworkPolicy", metadata: { name: "p", namespace: "default" } };
    expect(locate(policy, "spec")?.line).toBe(11);
    expect(locate({ ...policy, metadata: { name: "q" } })).toBeUndefined();
  });

  it("works in JSON too", async () => {
    await write({ "a.json": '{\n\t"apiVersion": "v1",\n\t"kind": "Node",\n\t"metadata": {\n\t\t"name": "n"\n\t}\n}' });
    const { objects, locate } = stateOf(await loadState([folder]));
    expect(objects[0] && locate(objects[0], "metadata.name")).toMatchObject({ line: 5, column: 3 });
  });
});
