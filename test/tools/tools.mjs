// @ts-check
// helm for the tests of the chart, built once, from the version in go.mod; and the published definitions of kinds that Sluice's manifests use.
import { execFile } from "node:child_process";
import { readFile } from "node:fs/promises";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { goPrograms, goProblem } from "../go-programs.mjs";

const folder = fileURLToPath(new URL("./", import.meta.url));

/**
 * Path of helm, or why there is none.
 * @returns {Promise<string | { missing: string }>}
 */
export async function helmProgram() {
  const built = await goPrograms({ folder, module: "helm.sh/helm/v4", name: "helm", packages: ["helm.sh/helm/v4/cmd/helm"], programs: ["helm"], takes: "about 2 minutes" });
  return "missing" in built ? built : join(built.dir, "helm");
}

/**
 * Why published definitions cannot be had, or nothing.
 * @returns {Promise<string | undefined>}
 */
export const definitionsMissing = () => goProblem(folder);

const PUBLISHED = [
  ["github.com/cert-manager/cert-manager@v1.21.2", "deploy/crds", ["cert-manager.io_certificates.yaml", "cert-manager.io_issuers.yaml"]],
  ["github.com/prometheus-operator/prometheus-operator@v0.85.0", "example/prometheus-operator-crd", ["monitoring.coreos.com_servicemonitors.yaml", "monitoring.coreos.com_prometheusrules.yaml"]],
];

const FLUX = [
  ["github.com/fluxcd/kustomize-controller@v1.9.6", "config/crd/bases", ["kustomize.toolkit.fluxcd.io_kustomizations.yaml"]],
  ["github.com/fluxcd/source-controller@v1.7.0", "config/crd/bases", ["source.toolkit.fluxcd.io_gitrepositories.yaml"]],
];

/** The definitions of cert-manager's and the Prometheus Operator's kinds, as YAML texts. */
export const publishedDefinitions = () => definitionsOf(PUBLISHED);

/** Those of Flux' kinds. */
export const fluxDefinitions = () => definitionsOf(FLUX);

/**
 * @param {readonly (string | string[])[][]} published module, folder, files
 * @returns {Promise<string[]>}
 */
async function definitionsOf(published) {
  const read = published.map(async ([module, path, files]) => {
    const dir = await moduleFolder(String(module));
    return Promise.all([...(files ?? [])].map((file) => readFile(join(dir, String(path), file), "utf8")));
  });
  return (await Promise.all(read)).flat();
}

/**
 * @param {string} module
 * @returns {Promise<string>}
 */
function moduleFolder(module) {
  return new Promise((resolve, reject) => {
    execFile("go", ["mod", "download", "-json", module], { cwd: folder, env: { ...process.env, GOWORK: "off" } }, (error, stdout, stderr) => {
      const { Dir, Error: problem } = stdout === "" ? { Dir: "", Error: stderr } : JSON.parse(stdout);
      if (error || !Dir) reject(new Error(`go mod download ${module}: ${problem ?? stderr}`));
      else resolve(Dir);
    });
  });
}
