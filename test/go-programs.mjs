// @ts-check
// Programs built with Go, once: into a folder of the user's cache whose name changes with everything that changes them.
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, constants, mkdir, mkdtemp, readFile, readdir, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";

/**
 * @typedef {object} Wanted
 * @property {string} folder of the module, with a slash at its end
 * @property {string} module that gives the version
 * @property {string} name what people call it
 * @property {string} [title] how it is spoken of; the name when absent
 * @property {readonly string[]} packages
 * @property {readonly string[]} programs what is there in the end
 * @property {Readonly<Record<string, string>>} [renamed] names that Go gives, and what they become
 * @property {(version: string) => string} [ldflags]
 * @property {string} takes about how long, in words
 */

/** @typedef {{ missing: string }} Missing why it is not there */

const progressSeconds = 30;

/**
 * The folder of the programs, built when need be.
 * @param {Wanted} wanted
 * @returns {Promise<{ dir: string } | Missing>}
 */
export async function goPrograms(wanted) {
  const plan = await buildPlan(wanted);
  if (await isComplete(plan)) return { dir: plan.dir };
  const problem = await goProblem(wanted.folder);
  if (problem) return { missing: `${problem}; install Go 1.26 or later` };
  await build(plan);
  return { dir: plan.dir };
}

/**
 * @param {string} dir
 * @param {readonly string[]} names
 */
export async function absentFrom(dir, names) {
  const there = await Promise.all(names.map((name) => access(join(dir, name), constants.X_OK).then(() => true, () => false)));
  return names.filter((_, index) => !there[index]);
}

/** @typedef {Wanted & { dir: string, flags: string[], version: string }} Plan */

/** @param {Plan} plan */
async function isComplete({ dir, programs }) {
  return (await absentFrom(dir, programs)).length === 0;
}

/**
 * @param {Wanted} wanted
 * @returns {Promise<Plan>}
 */
async function buildPlan(wanted) {
  const { folder, module, name, packages, ldflags = () => "" } = wanted;
  const modFile = await readFile(join(folder, "go.mod"), "utf8");
  const version = modFile.split("\n").map((line) => line.trim().split(" ")).find(([first]) => first === module)?.[1];
  if (!version) throw new Error(`${folder}go.mod does not name a version of ${module}`);
  const flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", `-s -w ${ldflags(version)}`.trimEnd()];
  const hash = createHash("sha256").update(JSON.stringify([modFile, flags, packages, ...(await sourcesIn(folder))])).digest("hex").slice(0, 12);
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return { ...wanted, flags, version, dir: join(cache, "sluice", name, `${version}-${process.platform}-${process.arch}-${hash}`) };
}

/**
 * Programs of our own beside go.mod.
 * @param {string} folder
 */
async function sourcesIn(folder) {
  const names = (await readdir(folder)).filter((name) => name.endsWith(".go")).sort();
  return Promise.all(names.map((name) => readFile(join(folder, name), "utf8")));
}

/**
 * @param {string} folder
 * @returns {Promise<string | undefined>} why Go cannot build the module
 */
export async function goProblem(folder) {
  // Asked inside the module, so that Go itself compares (or switches) its version to the one go.mod wants.
  const { error, stdout } = await run(folder, "go", ["env", "GOVERSION"]);
  if (error) return `no usable Go (${error.message.trim().split("\n").at(-1)})`;
  const [major = 0, minor = 0] = stdout.trim().replace("go", "").split(".").map((part) => Number.parseInt(part, 10));
  return major > 1 || minor >= 26 ? undefined : `Go is ${stdout.trim()}`;
}

/**
 * @param {string} cwd
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ error: Error | null, stdout: string }>}
 */
function run(cwd, command, args) {
  return new Promise((resolve) => execFile(command, args, { cwd }, (error, stdout) => resolve({ error, stdout })));
}

/** @param {Plan} plan */
async function build(plan) {
  const parent = dirname(plan.dir);
  await mkdir(parent, { recursive: true });
  const scratch = await mkdtemp(join(parent, ".building-"));
  try {
    await goBuild(scratch, plan);
    for (const [from, to] of Object.entries(plan.renamed ?? {})) await rename(join(scratch, from), join(scratch, to));
    await publish(scratch, plan);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * A rename, so that nobody ever sees half a build. Losing the race to another build is as good as winning it.
 * @param {string} scratch
 * @param {Plan} plan
 */
async function publish(scratch, plan) {
  if (!(await isComplete(plan))) await rm(plan.dir, { recursive: true, force: true });
  try {
    await rename(scratch, plan.dir);
  } catch (error) {
    if (!(await isComplete(plan))) throw error;
  }
}

/**
 * @param {string} out
 * @param {Plan} plan
 */
async function goBuild(out, { folder, name, title = name, version, flags, packages, takes }) {
  const started = Date.now();
  const say = (/** @type {string} */ text) => process.stderr.write(`${title} ${version}: ${text}\n`);
  say(`building with Go, ${takes} on two cores the first time`);
  const ticker = setInterval(() => say(`still building, ${seconds(started)} s`), progressSeconds * 1000);
  const child = spawn("go", ["build", ...flags, "-o", `${out}/`, ...packages], {
    cwd: folder,
    env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    const [code, signal] = await once(child, "exit");
    if (code !== 0) throw new Error(`go build of ${title} failed (${signal ?? `exit code ${code}`})`);
  } finally {
    clearInterval(ticker);
  }
  say(`built ${packages.length} programs in ${seconds(started)} s`);
}

/** @param {number} started */
function seconds(started) {
  return Math.round((Date.now() - started) / 1000);
}
