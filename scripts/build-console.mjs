// Bundles src/console into dist/console, or the folder that is named: index.html, and files whose names say their content. Nothing in them comes from elsewhere.
import { mkdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { basename, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";

const root = dirname(dirname(fileURLToPath(import.meta.url)));
const outdir = resolve(process.argv[2] ?? join(root, "dist/console"));
rmSync(outdir, { recursive: true, force: true });
mkdirSync(outdir, { recursive: true });

const { metafile } = await build({
  absWorkingDir: root,
  entryPoints: ["src/console/main.tsx", "src/console/styles.css"],
  outdir,
  entryNames: "[name]-[hash]",
  chunkNames: "[name]-[hash]",
  bundle: true,
  splitting: true,
  format: "esm",
  target: "es2022",
  jsx: "automatic",
  jsxImportSource: "preact",
  tsconfig: "src/console/tsconfig.json",
  minify: true,
  legalComments: "none",
  metafile: true,
  logLevel: "warning",
});

const fileOf = (entry) => {
  const found = Object.entries(metafile.outputs).find(([, { entryPoint }]) => entryPoint === entry);
  return basename(found[0]);
};
const page = readFileSync(join(root, "src/console/index.html"), "utf8");
writeFileSync(join(outdir, "index.html"), page.replace("main.js", fileOf("src/console/main.tsx")).replace("styles.css", fileOf("src/console/styles.css")));
writeFileSync(join(outdir, "licenses.txt"), licences(Object.keys(metafile.inputs)));

/** The licences of what is bundled ask to be told. */
function licences(inputs) {
  const packages = new Set(inputs.flatMap((path) => /(?:^|\/)node_modules\/((?:@[^/]+\/)?[^/]+)/.exec(path)?.[1] ?? []));
  return [...packages].sort().map((name) => {
    const { version, license } = JSON.parse(readFileSync(join(root, "node_modules", name, "package.json"), "utf8"));
    const text = ["LICENSE", "LICENSE.md", "LICENSE.txt", "license"].map((file) => readOr(join(root, "node_modules", name, file), "")).find((found) => found !== "") ?? "";
    return `${name} ${version} (${license})\n\n${text.trim()}\n`;
  }).join(`\n${"-".repeat(79)}\n\n`);
}

function readOr(file, fallback) {
  try {
    return readFileSync(file, "utf8");
  } catch {
    return fallback;
  }
}
