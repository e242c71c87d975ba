// @ts-check
// kube-apiserver, etcd, kubectl and kube-controller-manager for the end-to-end tests:
// those of KUBEBUILDER_ASSETS, or built once from the versions in go.mod.
// Plain JavaScript, so that `node test/apiserver/binaries.mjs` can build them ahead of a test run.
import { execFile, spawn } from "node:child_process";
import { createHash } from "node:crypto";
import { once } from "node:events";
import { access, constants, mkdir, mkdtemp, readFile, rename, rm } from "node:fs/promises";
import { homedir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";

/** @typedef {{ dir: string, controllerManager: boolean }} Binaries a folder with the programs, and whether kube-controller-manager is one of them */
/** @typedef {{ missing: string }} Missing why there is no API server, and what to do */

const moduleFolder = dirname(fileURLToPath(import.meta.url));
const required = ["kube-apiserver", "etcd", "kubectl"];
const packages = [
  "go.etcd.io/etcd/server/v3",
  "k8s.io/kubernetes/cmd/kube-apiserver",
  "k8s.io/kubernetes/cmd/kube-controller-manager",
  "k8s.io/kubernetes/cmd/kubectl",
];
const progressSeconds = 30;

/**
 * The programs, built when need be: 5 minutes on two cores the first time, at once afterwards.
 * @returns {Promise<Binaries | Missing>}
 */
export async function apiServerBinaries() {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  if (assets) return fromAssets(assets);
  const plan = await buildPlan();
  if (await isComplete(plan.dir)) return { dir: plan.dir, controllerManager: true };
  const problem = await goProblem();
  if (problem) return { missing: `${problem}; install Go 1.26 or later, or set KUBEBUILDER_ASSETS to a folder with ${required.join(", ")}` };
  await build(plan);
  return { dir: plan.dir, controllerManager: true };
}

/**
 * @param {string} dir
 * @returns {Promise<Binaries | Missing>}
 */
async function fromAssets(dir) {
  const absent = await absentFrom(dir, required);
  if (absent.length > 0) return { missing: `KUBEBUILDER_ASSETS names \`${dir}\`, which lacks ${absent.join(", ")}; add them or unset it` };
  return { dir, controllerManager: (await absentFrom(dir, ["kube-controller-manager"])).length === 0 };
}

/** @param {string} dir */
async function isComplete(dir) {
  return (await absentFrom(dir, [...required, "kube-controller-manager"])).length === 0;
}

/**
 * @param {string} dir
 * @param {string[]} names
 */
async function absentFrom(dir, names) {
  const there = await Promise.all(names.map((name) => access(join(dir, name), constants.X_OK).then(() => true, () => false)));
  return names.filter((_, index) => !there[index]);
}

/** Where the build goes and with which flags; the folder's name changes with everything that changes the programs. */
async function buildPlan() {
  const modFile = await readFile(join(moduleFolder, "go.mod"), "utf8");
  const version = /^\s*k8s\.io\/kubernetes (v\S+)/m.exec(modFile)?.[1];
  if (!version) throw new Error("test/apiserver/go.mod does not name a version of k8s.io/kubernetes");
  // The server's own idea of its version comes from the linker only.
  const flags = ["-mod=readonly", "-buildvcs=false", "-trimpath", "-ldflags", `-s -w -X k8s.io/component-base/version.gitVersion=${version}`];
  const hash = createHash("sha256").update(JSON.stringify([modFile, flags, packages])).digest("hex").slice(0, 12);
  const cache = process.env["XDG_CACHE_HOME"] || join(homedir(), ".cache");
  return { flags, version, dir: join(cache, "sluice", "apiserver", `${version}-${process.platform}-${process.arch}-${hash}`) };
}

/** @returns {Promise<string | undefined>} why Go cannot build the module */
async function goProblem() {
  // Asked inside the module, so that Go itself compares (or switches) its version to the one go.mod wants.
  const { error, stdout } = await run("go", ["env", "GOVERSION"]);
  if (error) return `no usable Go (${error.message.trim().split("\n").at(-1)})`;
  const [major = 0, minor = 0] = stdout.trim().replace("go", "").split(".").map((part) => Number.parseInt(part, 10));
  return major > 1 || minor >= 26 ? undefined : `Go is ${stdout.trim()}`;
}

/**
 * @param {string} command
 * @param {string[]} args
 * @returns {Promise<{ error: Error | null, stdout: string }>}
 */
function run(command, args) {
  return new Promise((resolve) => execFile(command, args, { cwd: moduleFolder }, (error, stdout) => resolve({ error, stdout })));
}

/** @param {{ dir: string, flags: string[], version: string }} plan */
async function build(plan) {
  const parent = dirname(plan.dir);
  await mkdir(parent, { recursive: true });
  const scratch = await mkdtemp(join(parent, ".building-"));
  try {
    await goBuild(scratch, plan);
    await rename(join(scratch, "server"), join(scratch, "etcd"));
    await publish(scratch, plan.dir);
  } finally {
    await rm(scratch, { recursive: true, force: true });
  }
}

/**
 * A rename, so that nobody ever sees half a build. Losing the race to another build is as good as winning it.
 * @param {string} scratch
 * @param {string} dir
 */
async function publish(scratch, dir) {
  if (!(await isComplete(dir))) await rm(dir, { recursive: true, force: true });
  try {
    await rename(scratch, dir);
  } catch (error) {
    if (!(await isComplete(dir))) throw error;
  }
}

/**
 * @param {string} out
 * @param {{ flags: string[], version: string }} plan
 */
async function goBuild(out, plan) {
  const started = Date.now();
  const say = (/** @type {string} */ text) => process.stderr.write(`API server ${plan.version}: ${text}\n`);
  say("building with Go, about 5 minutes on two cores the first time");
  const ticker = setInterval(() => say(`still building, ${seconds(started)} s`), progressSeconds * 1000);
  const child = spawn("go", ["build", ...plan.flags, "-o", `${out}/`, ...packages], {
    cwd: moduleFolder,
    env: { ...process.env, CGO_ENABLED: "0", GOWORK: "off" },
    stdio: ["ignore", "ignore", "inherit"],
  });
  try {
    const [code, signal] = await once(child, "exit");
    if (code !== 0) throw new Error(`go build of the API server failed (${signal ?? `exit code ${code}`})`);
  } finally {
    clearInterval(ticker);
  }
  say(`built ${packages.length} programs in ${seconds(started)} s`);
}

/** @param {number} started */
function seconds(started) {
  return Math.round((Date.now() - started) / 1000);
}

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const found = await apiServerBinaries();
  if ("missing" in found) {
    process.stderr.write(`${found.missing}\n`);
    process.exitCode = 1;
  } else process.stdout.write(`${found.dir}\n`);
}
