import { execFileSync, spawn, spawnSync } from "node:child_process";
import { cpSync, existsSync, mkdirSync, mkdtempSync, readdirSync, readFileSync, renameSync, rmSync, symlinkSync, writeFileSync } from "node:fs";
import { get } from "node:https";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { buildProgram, type Program } from "./commands/program.js";

/** The program in one file, and the Dockerfile that makes an image of it: no image can be built everywhere, what is in it can be run. */

const root = fileURLToPath(new URL("../", import.meta.url));

interface Sbom {
  readonly metadata: { readonly component: object };
  readonly components: readonly { readonly purl: string }[];
  readonly dependencies: readonly { readonly ref: string; readonly dependsOn: readonly string[] }[];
}
interface Step {
  readonly instruction: string;
  readonly text: string;
}

/** The stages of the Dockerfile, each a list of instructions. */
const stages: Step[][] = [];
for (const line of readFileSync(join(root, "Dockerfile"), "utf8").replace(/\\\n\s*/g, " ").split("\n").filter((one) => /^[A-Z]/.test(one))) {
  const [, instruction = "", text = ""] = /^([A-Z]+) (.*)$/.exec(line) ?? [];
  if (instruction === "FROM") stages.push([]);
  stages.at(-1)?.push({ instruction, text });
}
const [builds = [], image = []] = stages;
const of = (stage: readonly Step[], name: string): string[] => stage.filter(({ instruction }) => instruction === name).map(({ text }) => text);
const copied = of(builds, "COPY").flatMap((text) => text.split(" ").slice(0, -1));
const entry = [...(JSON.parse(of(image, "ENTRYPOINT")[0] ?? "[]") as string[]), ...(JSON.parse(of(image, "CMD")[0] ?? "[]") as string[])];

describe("the image", () => {
  const folder = mkdtempSync(join(tmpdir(), "sluice-bundle-"));
  const [context, app] = [join(folder, "context"), join(folder, "app")];
  const run = (args: readonly string[], env: Record<string, string> = {}) => spawnSync(process.execPath, [join(app, "dist/sluice.mjs"), ...args], { cwd: root, encoding: "utf8", env: { PATH: process.env["PATH"], HOME: folder, ...env } });
  let program: Program;
  beforeAll(async () => {
    // What the builder would see: the sources that are copied, and the packages that it installs.
    for (const source of copied) cpSync(join(root, source), join(context, source), { recursive: true });
    symlinkSync(join(root, "node_modules"), join(context, "node_modules"));
    program = await buildProgram();
    execFileSync(process.execPath, ["scripts/bundle.mjs", app], { cwd: context, stdio: "pipe" });
  }, 60_000);
  afterAll(async () => {
    await program.remove();
    rmSync(folder, { recursive: true, force: true });
  });

  it("copies files that are there, and that .dockerignore lets through", () => {
    const allowed = readFileSync(join(root, ".dockerignore"), "utf8").split("\n").filter((line) => line.startsWith("!")).map((line) => line.slice(1));
    expect(copied.map((source) => source.replace("./", "")).sort()).toEqual(allowed.sort());
    for (const source of copied) expect([source, existsSync(join(root, source))]).toEqual([source, true]);
  });

  it("is of two stages, neither named by a moving tag, and holds what the first one built and nothing else", () => {
    expect(stages).toHaveLength(2);
    for (const stage of stages) expect(of(stage, "FROM")[0]).toMatch(/node(js)?:?24/);
    expect(of(image, "COPY")).toEqual(["--from=build /src/build ./"]);
    expect(of(image, "ADD").concat(of(image, "RUN"))).toEqual([]);
    expect(of(builds, "RUN").join("\n")).toMatch(/npm ci .*\n.*npm run bundle\n.*node scripts\/sbom\.mjs/);
  });

  it("runs as nobody in particular, by number", () => {
    expect(of(image, "USER")).toEqual(["65532:65532"]);
  });

  it("starts the file that the bundle holds", () => {
    expect(of(image, "WORKDIR")).toEqual(["/app"]);
    const [node, file = "", ...args] = entry;
    expect(node).toBe("/nodejs/bin/node");
    expect(existsSync(file.replace(/^\/app/, app))).toBe(true);
    // Nobody's cluster: it says so, with the code that knows clusters.
    const { status, stderr } = run(args, { KUBECONFIG: "/nonexistent" });
    expect([status, stderr]).toEqual([2, expect.stringContaining("the cluster cannot be reached")]);
  });

  it("says what the built program says, without a package beside it", () => {
    expect(run(["--version"]).stdout).toBe(`${(JSON.parse(readFileSync(join(root, "package.json"), "utf8")) as { version: string }).version}\n`);
    const explained = run(["explain", "examples/lab", "--from", "shop/web", "--to", "shop/db", "--port", "5432"]);
    expect([explained.stderr, explained.stdout]).toEqual(["", expect.stringContaining("pod `shop/web` to pod `shop/db` on TCP 5432: denied")]);
    expect(run(["rules"]).stdout).toContain("kf/pod-label");
  }, 60_000);

  it("says the same of a wrong pack, though its checks are compiled ahead", () => {
    const wrong = join(folder, "wrong");
    mkdirSync(wrong, { recursive: true });
    writeFileSync(join(wrong, "pack.yaml"), "apiVersion: sluice.dev/v1alpha1\nkind: RulePack\nmetadata: {name: wrong}\nspec:\n  rules:\n  - {id: a, check: forbid-allow-all, enforcementAction: denny, wiht: {}}\n");
    const told = ["rules", "--packs", wrong];
    expect(run(told).stderr).toBe(spawnSync(process.execPath, [program.main, ...told], { cwd: root, encoding: "utf8", env: { PATH: process.env["PATH"], HOME: folder } }).stderr);
    expect(run(told).stderr).toContain("enforcementAction");
  }, 60_000);

  it("begins with the code that V8 made of it, whatever the heap may hold, and does the same without", () => {
    const told = (flags: string) => {
      const { stdout, stderr } = run(["check", "examples/lab"], { SLUICE_DEBUG: "1", NODE_OPTIONS: flags });
      return { stdout, refused: stderr.includes("the code cache is not there, or was made with other flags") };
    };
    const { stdout, refused } = told("");
    expect([stdout, refused]).toEqual([expect.stringContaining("shop"), false]);
    expect(told("--max-old-space-size=768 --max-semi-space-size=8")).toEqual({ stdout, refused: false });
    expect(told("--stack-trace-limit=5")).toEqual({ stdout, refused: true });
    const [cache = ""] = readdirSync(join(app, "dist")).filter((name) => name.endsWith(".cache"));
    renameSync(join(app, "dist", cache), join(app, cache));
    expect(told("")).toEqual({ stdout, refused: true });
    renameSync(join(app, cache), join(app, "dist", cache));
  }, 60_000);

  it("makes a certificate", () => {
    expect(run(["certs", "--cert-dir", folder])).toMatchObject({ status: 0 });
    expect(existsSync(join(folder, "tls.crt"))).toBe(true);
  }, 60_000);

  it("serves, the console too, and ends in order", async () => {
    const child = spawn(process.execPath, [join(app, "dist/sluice.mjs"), "serve", "--state", "examples/kf-cluster", "--port", "0", "--cert-dir", folder], { cwd: root });
    const exited = new Promise((resolve) => child.once("exit", resolve));
    const greeted = await new Promise<string>((resolve) => child.stdout.once("data", (chunk: Buffer) => resolve(chunk.toString())));
    const page = await new Promise<string>((resolve, reject) => {
      get(`https://127.0.0.1:${/:(\d+)\b/.exec(greeted.split("https://127.0.0.1")[1] ?? "")?.[1]}/`, { rejectUnauthorized: false, agent: false }, (response) => void text(response).then(resolve, reject)).on("error", reject);
    });
    expect(page).toContain("<script");
    child.kill("SIGTERM");
    expect([greeted, await exited]).toEqual([expect.stringContaining("with the packs baseline, kf"), 0]);
  });

  it("names every package that is in the file, with a licence that allows it", () => {
    const notices = readFileSync(join(app, "THIRD-PARTY.txt"), "utf8").split(`${"-".repeat(80)}\n\n`);
    const licences = notices.map((notice) => /^.* \((.*)\)/.exec(notice)?.[1] ?? notice.slice(0, 80));
    expect(new Set(licences)).toEqual(new Set(["MIT", "ISC", "Apache-2.0", "BSD-2-Clause", "BSD-3-Clause", "(BSD-3-Clause OR GPL-2.0)"].filter((one) => licences.includes(one))));
    for (const name of ["express", "pino", "js-yaml", "node-forge", "@kubernetes/client-node"]) expect([name, (notices.find((notice) => notice.startsWith(`${name} `)) ?? "").length > 500]).toEqual([name, true]);
  });

  it("lists exactly these packages for scanners, and those of the console", () => {
    execFileSync(process.execPath, ["scripts/sbom.mjs", app], { cwd: context, stdio: "pipe" });
    const { metadata, components, dependencies } = JSON.parse(readFileSync(join(app, "sbom.cdx.json"), "utf8")) as Sbom;
    expect(metadata.component).toMatchObject({ name: "sluice", type: "application" });
    const texts = ["THIRD-PARTY.txt", "dist/console/licenses.txt"].flatMap((file) => readFileSync(join(app, file), "utf8").split(/^-{79,80}$/m).map((text) => / \(/.exec(text) && text.trim().replace(/^(\S+) (\S+) [\s\S]*$/, "$1@$2")));
    const purls = new Set(components.map(({ purl }) => decodeURIComponent(purl.replace("pkg:npm/", ""))));
    expect([...purls].sort()).toEqual([...new Set(texts)].filter((one) => one !== null && /^\S+@\d/.test(one)).sort());
    for (const name of ["express", "preact", "cytoscape", "@codemirror/view"]) expect([name, [...purls].some((one) => one.startsWith(`${name}@`))]).toEqual([name, true]);
    for (const name of ["body-parser", "vitest", "@types/node"]) expect([name, [...purls].some((one) => one.startsWith(`${name}@`))]).toEqual([name, false]);
    expect(dependencies.find(({ ref }) => ref.startsWith("sluice@"))?.dependsOn.length).toBeGreaterThan(10);
  }, 60_000);

  it("leaves out what packages import and Sluice never calls", () => {
    const notices = readFileSync(join(app, "THIRD-PARTY.txt"), "utf8");
    for (const name of ["body-parser", "iconv-lite", "mime-db", "node-fetch", "tr46"]) expect([name, notices.includes(`\n${name} `)]).toEqual([name, false]);
  });
});
