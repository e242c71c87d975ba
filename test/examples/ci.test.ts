import { spawnSync } from "node:child_process";
import { cpSync, mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { afterAll, beforeAll, describe, expect, it } from "vitest";
import { parse } from "yaml";
import { buildProgram, type Program } from "../commands/program.js";

/** The action and the CI examples: what they name is there, and their scripts do what they say. */

interface Step {
  readonly id?: string;
  readonly uses?: string;
  readonly shell?: string;
  readonly run?: string;
  readonly env?: Readonly<Record<string, string>>;
  readonly with?: Readonly<Record<string, unknown>>;
}
interface Action {
  readonly inputs: Readonly<Record<string, { readonly default?: string }>>;
  readonly outputs: Readonly<Record<string, { readonly value: string }>>;
  readonly runs: { readonly using: string; readonly steps: readonly Step[] };
}
interface Workflow {
  readonly permissions: Readonly<Record<string, string>>;
  readonly jobs: Readonly<Record<string, { readonly steps: readonly (Step & { readonly if?: string })[] }>>;
}
interface Sarif {
  readonly runs: readonly [{ readonly results: readonly { readonly ruleId: string }[] }];
}

const root = fileURLToPath(new URL("../../", import.meta.url));
const textOf = (file: string): string => readFileSync(join(root, file), "utf8");
const action = parse(textOf("action.yml")) as Action;
const workflow = parse(textOf("examples/ci/github-actions.yaml")) as Workflow;
const gitlab = (parse(textOf("examples/ci/gitlab-ci.yaml")) as Readonly<Record<string, { readonly variables: object; readonly script: readonly string[]; readonly artifacts: { readonly paths: readonly string[]; readonly reports: object } }>>)["network policies"];
const BAD = '{"apiVersion": "v1", "kind": "Namespace", "metadata": {"name": "undeclared"}}';

const folder = mkdtempSync(join(tmpdir(), "sluice-ci-"));
let program: Program;
beforeAll(async () => {
  program = await buildProgram();
  cpSync(join(root, "examples/gitops/shop"), join(folder, "good/manifests"), { recursive: true });
  mkdirSync(join(folder, "bad/manifests"), { recursive: true });
  writeFileSync(join(folder, "bad/manifests/namespace.json"), BAD);
}, 60_000);
afterAll(async () => {
  await program.remove();
  rmSync(folder, { recursive: true, force: true });
});

const bash = (script: string, cwd: string, env: Readonly<Record<string, string>>): ReturnType<typeof spawnSync> => spawnSync("bash", ["--noprofile", "--norc", "-e", "-o", "pipefail", "-c", script], { cwd, encoding: "utf8", env: { PATH: process.env["PATH"], SLUICE: program.main, ...env } });
const resultsOf = (file: string): readonly string[] => (JSON.parse(readFileSync(file, "utf8")) as Sarif).runs[0].results.map(({ ruleId }) => ruleId);

describe("the action", () => {
  const [, build, check] = action.runs.steps;
  const runIn = (cwd: string, inputs: Readonly<Record<string, string>> = {}): ReturnType<typeof spawnSync> => {
    const given = { PATHS: "manifests/", STATE: "", PACKS: "", PROFILE: "", SARIF: "sluice.sarif", ...inputs };
    return bash(check?.run ?? "", cwd, { ...given, GITHUB_OUTPUT: join(cwd, "output"), GITHUB_STEP_SUMMARY: join(cwd, "summary") });
  };

  it("is made of steps that say their shell, with inputs handed over as variables only", () => {
    expect(action.runs.using).toBe("composite");
    for (const { uses, run, shell } of action.runs.steps) expect([uses !== undefined && /^[\w-]+\/[\w-]+@v\d+$/.test(uses), run !== undefined && shell === "bash"]).toContain(true);
    for (const { run = "" } of action.runs.steps) expect(run).not.toContain("${{");
    const used = Object.values(check?.env ?? {}).flatMap((text) => /inputs\.(\w+)/.exec(text)?.[1] ?? []);
    expect(used.sort()).toEqual(Object.keys(action.inputs).sort());
    expect(check?.env?.["SLUICE"]).toBe("${{ github.action_path }}/build/dist/sluice.mjs");
    expect(action.outputs["sarif"]?.value).toBe(`\${{ steps.${check?.id ?? ""}.outputs.sarif }}`);
  });

  it("builds by scripts that there are", () => {
    const { scripts } = JSON.parse(textOf("package.json")) as { scripts: object };
    expect(build?.run).toBe("npm ci --no-audit --no-fund && npm run --silent bundle");
    expect(scripts).toHaveProperty("bundle");
  });

  it("passes what admission would pass", () => {
    const cwd = join(folder, "good");
    const { status, stderr } = runIn(cwd, { PROFILE: "gke-dataplane-v2" });
    expect([stderr, status]).toEqual(["", 0]);
    // A note: the pods of DNS are in no file here.
    expect(resultsOf(join(cwd, "sluice.sarif"))).toEqual(["sluice/peers-select-nothing"]);
    expect(readFileSync(join(cwd, "output"), "utf8")).toBe("sarif=sluice.sarif\n");
  });

  it("fails on what would be refused, with the findings in SARIF and in the summary", () => {
    const cwd = join(folder, "bad");
    expect(runIn(cwd).status).toBe(1);
    expect(resultsOf(join(cwd, "sluice.sarif"))).toContain("baseline/declared");
    expect(readFileSync(join(cwd, "summary"), "utf8")).toContain("baseline/declared");
  });

  it("says what is wrong with its use by another code", () => {
    expect(runIn(join(folder, "bad"), { PROFILE: "no-such" }).status).toBe(2);
  });
});

describe("the workflow for GitHub", () => {
  const steps = Object.values(workflow.jobs).flatMap((job) => job.steps);
  it("gives the action inputs that it has, and uploads what it wrote, also when it failed", () => {
    const used = steps.find(({ uses = "" }) => uses.startsWith("example/sluice@"));
    expect(Object.keys(used?.with ?? {}).filter((name) => !(name in action.inputs))).toEqual([]);
    const upload = steps.find(({ uses = "" }) => uses.startsWith("github/codeql-action/upload-sarif@"));
    expect([upload?.if, upload?.with?.["sarif_file"], workflow.permissions["security-events"]]).toEqual([`always() && steps.${used?.id ?? ""}.outputs.sarif != ''`, `\${{ steps.${used?.id ?? ""}.outputs.sarif }}`, "write"]);
  });
});

describe("the job for GitLab", () => {
  it.each([["good", 0], ["bad", 1]])("on what is %s ends with %i, and leaves the files that it names", (kind, code) => {
    const cwd = join(folder, String(kind));
    const { status } = bash((gitlab?.script ?? []).join("\n"), cwd, {});
    expect(status).toBe(code);
    for (const file of [...(gitlab?.artifacts.paths ?? []), ...Object.values(gitlab?.artifacts.reports ?? {}).map(String)]) expect(readFileSync(join(cwd, file), "utf8").length).toBeGreaterThan(100);
  });
});
