import { spawn } from "node:child_process";
import { mkdtemp, rm, symlink } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = fileURLToPath(new URL("../../", import.meta.url));

export interface Ran {
  readonly stdout: string;
  readonly stderr: string;
  readonly code: number | null;
}

export interface RunOptions {
  readonly cwd?: string;
  readonly input?: string;
  readonly env?: Readonly<Record<string, string>>;
}

/** The command line as users run it: a process of its own, built from the sources as they are now. */
export interface Program {
  run(args: readonly string[], options?: RunOptions): Promise<Ran>;
  readonly main: string;
  remove(): Promise<void>;
}

/** One chunk per verb, loaded as lazily as the published files are; packages stay outside. */
export async function buildProgram(): Promise<Program> {
  const folder = await mkdtemp(join(tmpdir(), "sluice-program-"));
  for (const name of ["node_modules", "package.json", "policies"]) await symlink(join(root, name), join(folder, name));
  await build({
    entryPoints: [join(root, "src", "main.ts")],
    outdir: join(folder, "dist"),
    bundle: true,
    splitting: true,
    packages: "external",
    format: "esm",
    platform: "node",
    target: "node20",
    logLevel: "error",
  });
  const main = join(folder, "dist", "main.js");
  return { main, run: (args, options) => execute(main, args, options), remove: () => rm(folder, { recursive: true, force: true }) };
}

function execute(main: string, args: readonly string[], { cwd = root, input, env }: RunOptions = {}): Promise<Ran> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [main, ...args], { cwd, env: { PATH: process.env["PATH"], HOME: "/nonexistent", ...env } });
    const text = { stdout: "", stderr: "" };
    for (const name of ["stdout", "stderr"] as const) child[name].setEncoding("utf8").on("data", (chunk: string) => (text[name] += chunk));
    child.on("error", reject).on("close", (code) => resolve({ ...text, code }));
    child.stdin.on("error", () => undefined).end(input ?? "");
  });
}
