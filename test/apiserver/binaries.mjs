// @ts-check
// kube-apiserver, etcd, kubectl and kube-controller-manager for the end-to-end tests:
// those of KUBEBUILDER_ASSETS, or built once from the versions in go.mod.
// Plain JavaScript, so that `node test/apiserver/binaries.mjs` can build them ahead of a test run.
import { fileURLToPath } from "node:url";
import { absentFrom, goPrograms } from "../go-programs.mjs";

/** @typedef {{ dir: string, controllerManager: boolean }} Binaries a folder with the programs, and whether kube-controller-manager is one of them */
/** @typedef {{ missing: string }} Missing why there is no API server, and what to do */

const required = ["kube-apiserver", "etcd", "kubectl"];

/**
 * The programs, built when need be: 5 minutes on two cores the first time, at once afterwards.
 * @returns {Promise<Binaries | Missing>}
 */
export async function apiServerBinaries() {
  const assets = process.env["KUBEBUILDER_ASSETS"];
  if (assets) return fromAssets(assets);
  const built = await goPrograms({
    folder: fileURLToPath(new URL("./", import.meta.url)),
    module: "k8s.io/kubernetes",
    name: "apiserver",
    title: "API server",
    packages: ["go.etcd.io/etcd/server/v3", "k8s.io/kubernetes/cmd/kube-apiserver", "k8s.io/kubernetes/cmd/kube-controller-manager", "k8s.io/kubernetes/cmd/kubectl"],
    programs: [...required, "kube-controller-manager"],
    renamed: { server: "etcd" },
    // The server's own idea of its version comes from the linker only.
    ldflags: (version) => `-X k8s.io/component-base/version.gitVersion=${version}`,
    takes: "about 5 minutes",
  });
  if ("missing" in built) return { missing: `${built.missing}, or set KUBEBUILDER_ASSETS to a folder with ${required.join(", ")}` };
  return { ...built, controllerManager: true };
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

if (process.argv[1] && fileURLToPath(import.meta.url) === process.argv[1]) {
  const found = await apiServerBinaries();
  if ("missing" in found) {
    process.stderr.write(`${found.missing}\n`);
    process.exitCode = 1;
  } else process.stdout.write(`${found.dir}\n`);
}
