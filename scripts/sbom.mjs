// `node scripts/sbom.mjs [FOLDER]`, after `npm run bundle`: writes sbom.cdx.json beside the program. It is npm's account of the lock file,
// of which that is kept whose licence texts the program and the console carry: the packages whose code is in them, whether the lock
// file has them for development or not.
import { execFileSync } from "node:child_process";
import { readFileSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";

const root = fileURLToPath(new URL("../", import.meta.url));
const out = resolve(process.argv[2] ?? join(root, "build"));
const { name, version } = JSON.parse(readFileSync(join(out, "package.json"), "utf8"));
const inside = new Set(["THIRD-PARTY.txt", "dist/console/licenses.txt"].flatMap(namedIn));

/** `name@version` of each text, which stands before its licences. */
function namedIn(file) {
  return [...readFileSync(join(out, file), "utf8").matchAll(/(?:^|-{79,}\n\n)(\S+) (\d\S*) \(/g)].map(([, of, its]) => `${of}@${its}`);
}

function kept({ properties = [], ...component }) {
  return { ...component, scope: "required", properties: properties.filter((property) => property.name !== "cdx:npm:package:development") };
}

const told = JSON.parse(execFileSync("npm", ["sbom", "--sbom-format", "cyclonedx", "--sbom-type", "application", "--package-lock-only"], { cwd: root, encoding: "utf8", maxBuffer: 64 * 1024 * 1024, stdio: ["ignore", "pipe", "ignore"] }));
const components = told.components.filter((component) => inside.has(component["bom-ref"])).map(kept);
const missing = [...inside].filter((one) => !components.some((component) => component["bom-ref"] === one));
if (missing.length > 0) throw new Error(`the lock file does not know ${missing.join(", ")}`);
const refs = new Set([told.metadata.component["bom-ref"], ...components.map((component) => component["bom-ref"])]);
const dependencies = told.dependencies.filter(({ ref }) => refs.has(ref)).map(({ ref, dependsOn = [] }) => ({ ref, dependsOn: dependsOn.filter((one) => refs.has(one)) }));
const component = { ...told.metadata.component, name, version };
writeFileSync(join(out, "sbom.cdx.json"), `${JSON.stringify({ ...told, metadata: { ...told.metadata, component }, components, dependencies }, null, 2)}\n`);
console.log(`sbom.cdx.json: ${components.length} packages, in ${out}`);
