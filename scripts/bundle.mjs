// `npm run bundle [FOLDER]`: the whole program in one file, as the image runs it, with what it reads beside it. Writes to build/:
//   dist/sluice.mjs      the program        policies/          the shipped packs
//   dist/console/        the console        package.json       name and version
//   THIRD-PARTY.txt      whose work is in the program, under which licences; that of the console lies beside it
import { build } from "esbuild";
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, writeFileSync } from "node:fs";
import { dirname, join, resolve } from "node:path";
import { fileURLToPath, pathToFileURL } from "node:url";
import { Ajv } from "ajv";
import standalone from "ajv/dist/standalone/index.js";

const { default: standaloneCode } = standalone;
const root = fileURLToPath(new URL("../", import.meta.url));
const out = resolve(process.argv[2] ?? join(root, "build"));

/** client-node describes each kind of the API in a class of its own, 14 MB that only its typed clients use: its configuration is all that Sluice loads. */
const leanClient = {
  name: "lean-client",
  setup(builder) {
    const resolved = { asked: true };
    builder.onResolve({ filter: /^@kubernetes\/client-node$|^[.]/ }, async ({ path, kind, importer, resolveDir, pluginData }) => {
      const isPackage = path === "@kubernetes/client-node";
      if (pluginData === resolved || !(isPackage || importer.includes("/@kubernetes/client-node/dist/"))) return undefined;
      const found = await builder.resolve(path, { kind, importer, resolveDir, pluginData: resolved });
      return { path: isPackage ? join(dirname(found.path), "config.js") : found.path, sideEffects: false };
    });
  },
};

/** The code that Ajv makes of the schema of packs, made here instead of at every start. */
const compiledAhead = {
  name: "compiled-ahead",
  setup(builder) {
    builder.onLoad({ filter: /[/\\]packs[/\\]pack-validators[.]ts$/ }, async ({ path }) => {
      const { outputFiles } = await build({ entryPoints: [path], bundle: true, platform: "node", format: "esm", packages: "external", write: false, absWorkingDir: root });
      // Where packages are found, and two runs do not meet.
      const file = join(root, "node_modules", `.pack-validators-${process.pid}.mjs`);
      writeFileSync(file, outputFiles[0].text);
      const { PACK_VALIDATORS: { options, schemas } } = await import(pathToFileURL(file).href).finally(() => rmSync(file));
      const ajv = new Ajv({ ...options, code: { ...options.code, source: true, esm: true } });
      for (const [name, schema] of Object.entries(schemas)) ajv.addSchema(schema, name);
      const code = standaloneCode(ajv, Object.fromEntries(Object.keys(schemas).map((name) => [name, name])));
      return { contents: `${code}\nexport const packValidators = () => ({ ${Object.keys(schemas).join(", ")} });`, loader: "js", resolveDir: root };
    });
  },
};

async function bundle() {
  rmSync(out, { recursive: true, force: true });
  const { metafile } = await build({
    absWorkingDir: root,
    entryPoints: ["src/main.ts"],
    outfile: join(out, "dist/sluice.mjs"),
    bundle: true,
    platform: "node",
    format: "esm",
    target: "node20.19",
    minifyWhitespace: true,
    minifySyntax: true,
    legalComments: "none",
    // CommonJS packages ask for Node's own modules by `require`, which an ECMAScript module has not.
    banner: { js: 'import { createRequire as requireFrom } from "node:module"; const require = requireFrom(import.meta.url);' },
    plugins: [leanClient, compiledAhead],
    metafile: true,
    logLevel: "warning",
  });
  for (const name of ["policies", "LICENSE"]) cpSync(join(root, name), join(out, name), { recursive: true });
  execFileSync(process.execPath, [join(root, "scripts/build-console.mjs"), join(out, "dist/console")], { stdio: "inherit" });
  const { name, version, license, type } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(out, "package.json"), `${JSON.stringify({ name, version, license, type, private: true }, null, 2)}\n`);
  writeFileSync(join(out, "THIRD-PARTY.txt"), notices(metafile));
  return metafile;
}

/** The licence texts of all packages that are in the file. */
function notices({ inputs }) {
  const folders = Object.keys(inputs).flatMap((path) => /^.*node_modules\/(?:@[^/]+\/)?[^/]+/.exec(path) ?? []);
  return [...new Set(folders)].sort().map(noticeOf).join(`\n${"-".repeat(80)}\n\n`);
}

function noticeOf(folder) {
  const { name, version, license } = JSON.parse(readFileSync(join(root, folder, "package.json"), "utf8"));
  const file = readdirSync(join(root, folder)).find((one) => /^licen[cs]e/i.test(one));
  return `${name} ${version} (${license ?? "see below"})\n\n${file === undefined ? "" : readFileSync(join(root, folder, file), "utf8")}`;
}

const { outputs } = await bundle();
const bytes = Math.max(...Object.values(outputs).map((one) => one.bytes));
console.log(`dist/sluice.mjs: ${(bytes / 1e6).toFixed(1)} MB, in ${out}`);
