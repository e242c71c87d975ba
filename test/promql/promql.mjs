// @ts-check
// What PromQL comes to: the engine of Prometheus, built once, from the version in go.mod.
import { spawn } from "node:child_process";
import { join } from "node:path";
import { text } from "node:stream/consumers";
import { fileURLToPath } from "node:url";
import { goPrograms } from "../go-programs.mjs";

/** @typedef {{ series: readonly string[], expr: string, minutes: number }} Question series as Prometheus' own tests write them, a value a minute */
/** @typedef {{ labels: Record<string, string>, values: Record<string, number> }} Answer the value at each minute that has one */

/**
 * Path of the program, or why there is none.
 * @returns {Promise<string | { missing: string }>}
 */
export async function promqlProgram() {
  const built = await goPrograms({ folder: fileURLToPath(new URL("./", import.meta.url)), module: "github.com/prometheus/prometheus", name: "promql", packages: ["."], programs: ["promql"], takes: "about a minute" });
  return "missing" in built ? built : join(built.dir, "promql");
}

/**
 * @param {string} program
 * @param {Question} question
 * @returns {Promise<Answer[]>}
 */
export async function evaluate(program, question) {
  const child = spawn(program, { stdio: ["pipe", "pipe", "pipe"] });
  child.stdin.end(JSON.stringify(question));
  const [stdout, stderr] = await Promise.all([text(child.stdout), text(child.stderr)]);
  if (stderr !== "") throw new Error(`${question.expr}: ${stderr.trim()}`);
  return JSON.parse(stdout);
}
