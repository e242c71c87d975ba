// The last step of `npm run build`: `dist/main.js`, the program. The modules that the compiler wrote beside it are for bench/.
import { fileURLToPath } from "node:url";
import { buildProgram } from "./program.mjs";

await buildProgram(fileURLToPath(new URL("../dist/main.js", import.meta.url)));
