// `npm run bundle [FOLDER]`: the whole program in one file, as the image runs it, with what it reads beside it. Writes to build/:
//   dist/sluice.mjs      the program        policies/          the shipped packs
//   dist/*.cache         what V8 made of it; it works without
//   dist/console/        the console        package.json       name and version
//   THIRD-PARTY.txt      whose work is in the program, under which licences; that of the console lies beside it
import { execFileSync } from "node:child_process";
import { cpSync, readdirSync, readFileSync, rmSync, statSync, writeFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { buildProgram } from "./program.mjs";

const root = fileURLToPath(new URL("../", import.meta.url));
const out = resolve(process.argv[2] ?? join(root, "build"));

async function bundle() {
  rmSync(out, { recursive: true, force: true });
  for (const name of ["policies", "LICENSE"]) cpSync(join(root, name), join(out, name), { recursive: true });
  execFileSync(process.execPath, [join(root, "scripts/build-console.mjs"), join(out, "dist/console")], { stdio: "inherit" });
  const { name, version, license, type } = JSON.parse(readFileSync(join(root, "package.json"), "utf8"));
  writeFileSync(join(out, "package.json"), `${JSON.stringify({ name, version, license, type, private: true }, null, 2)}\n`);
  writeFileSync(join(out, "THIRD-PARTY.txt"), notices(await buildProgram(join(out, "dist/sluice.mjs"))));
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

await bundle();
console.log(`dist/sluice.mjs: ${(statSync(join(out, "dist/sluice.mjs")).size / 1e6).toFixed(1)} MB, in ${out}`);
