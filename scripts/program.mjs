// The program in one file, of src/ and the packages: `dist/main.js` of `npm run build`, `build/dist/sluice.mjs` of `npm run bundle`.
// Node takes twice as long to find, read and link some 600 modules as to run what a start needs of them.
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { createHash } from "node:crypto";
import { mkdirSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";
import { codeCacheOf } from "./code-cache-name.mjs";

const { default: standaloneCode } = standalone;
const root = fileURLToPath(new URL("../", import.meta.url));

/** Writes the program, and beside it the code that V8 makes of it. Resolves with esbuild's account of what is in it. */
export async function buildProgram(outfile) {
  const { metafile, outputFiles } = await build({
    absWorkingDir: root,
    entryPoints: ["src/main.ts"],
    bundle: true,
    platform: "node",
    // A script and not a module: only of scripts V8 takes code that was made before.
    format: "cjs",
    define: { "import.meta.url": "programUrl" },
    supported: { "dynamic-import": false },
    target: "node20.19",
    // Of ECMAScript modules esbuild leaves out what nobody imports.
    mainFields: ["module", "main"],
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    plugins: [leftOut, compiledAhead],
    metafile: true,
    write: false,
    logLevel: "warning",
  });
  const program = `(function (require, programUrl) {${outputFiles[0].text.replace(/^#!.*/, "")}\n})`;
  await writeProgram(outfile, program);
  return metafile;
}

/** One file that works alone, and a cache that makes it start sooner. */
async function writeProgram(outfile, program) {
  const digest = createHash("sha256").update(program).digest("hex").slice(0, 16);
  mkdirSync(dirname(outfile), { recursive: true });
  for (const name of readdirSync(dirname(outfile))) if (name.endsWith(".cache")) rmSync(join(dirname(outfile), name));
  await build({
    entryPoints: [join(root, "scripts/launch.mjs")],
    outfile,
    // `dist/main.js` stands where the compiler wrote the same module alone.
    allowOverwrite: true,
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    minify: true,
    define: { PROGRAM: JSON.stringify(program), DIGEST: JSON.stringify(digest) },
    logLevel: "warning",
  });
  execFileSync(process.execPath, [join(root, "scripts/code-cache.mjs"), outfile, codeCacheOf(outfile, digest)], { input: program, stdio: ["pipe", "inherit", "pipe"] });
}

/**
 * What packages import and Sluice never calls, by what stands for it. client-node describes each kind of the API in a class of its own, 14 MB that
 * only its typed clients use: its configuration is all that Sluice loads. Bodies are read by our own reader, so express needs none of its own, and
 * files have the types that we know. Of node-forge certificates are used, not TLS and SSH in JavaScript.
 */
const LEFT_OUT = [
  { of: "@kubernetes/client-node/dist/config.js", paths: ["./gen/index.js"], contents: "export let createConfiguration, ServerConfiguration;" },
  { of: "@kubernetes/client-node/dist/config.js", paths: ["node-fetch"], contents: "export const { Headers } = globalThis;" },
  { of: "express/lib/express.js", paths: ["body-parser"], contents: "module.exports = {};" },
  { of: "mime-types/index.js", paths: ["mime-db"], contents: "module.exports = {};" },
  { of: "node-forge/lib/index.js", paths: ["./tls", "./aesCipherSuites", "./ssh", "./ed25519", "./pkcs7", "./kem", "./log"], contents: "" },
  { of: "prom-client/lib/metrics/processCpuTotal.js", paths: ["@opentelemetry/api"], contents: "module.exports = {};" },
];

const leftOut = {
  name: "left-out",
  setup(builder) {
    const resolved = { asked: true };
    builder.onResolve({ filter: /^@kubernetes\/client-node$/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      if (pluginData === resolved) return undefined;
      const found = await builder.resolve(path, { kind, importer, resolveDir, pluginData: resolved });
      return { path: join(dirname(found.path), "config.js") };
    });
    builder.onResolve({ filter: /^/ }, ({ path, importer }) => {
      const entry = LEFT_OUT.find((one) => one.paths.includes(path) && importer.endsWith(`/node_modules/${one.of}`));
      return entry && { path: `${entry.of}:${path}`, namespace: "left-out", pluginData: entry };
    });
    builder.onLoad({ filter: /^/, namespace: "left-out" }, ({ pluginData }) => ({ contents: pluginData.contents }));
  },
};

/** The code that Ajv makes of the schemas that every start needs, made here. */
const compiledAhead = {
  name: "compiled-ahead",
  setup(builder) {
    builder.onLoad({ filter: /[/\\]packs[/\\]pack-validators[.]ts$/ }, async ({ path }) => {
      const { outputFiles } = await build({ entryPoints: [path], bundle: true, platform: "node", format: "esm", packages: "external", write: false, absWorkingDir: root });
      // Where packages are found, and two runs do not meet.
      const file = join(root, "node_modules", `.pack-validators-${process.pid}.mjs`);
      writeFileSync(file, outputFiles[0].text);
      const { COMPILED_AHEAD: { options, schemas } } = await import(pathToFileURL(file).href).finally(() => rmSync(file));
      const ajv = new Ajv({ ...options, code: { source: true, esm: true, optimize: 2 } });
      for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(schema(), name);
      const code = standaloneCode(ajv, Object.fromEntries(Object.keys(schemas).map((name) => [name, name])));
      return { contents: `${code}\nconst compiled = { ${Object.keys(schemas).join(", ")} };\nexport const packValidator = (name) => compiled[name];`, loader: "js", resolveDir: root };
    });
  },
};
