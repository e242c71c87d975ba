import { existsSync, readdirSync, readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import { describe, test } from "vitest";
import { parseAllDocuments } from "yaml";
import { readObjects } from "../../src/dialects/index.js";
import { isRecord, type KubeObject } from "../../src/model/kubernetes.js";
import { Snapshot } from "../../src/model/snapshot.js";
import { runRatcheted } from "./ratchet.js";

const ROOT = resolve(import.meta.dirname, "../../../shared/conformance");

/** One case of a family: a folder with a cluster and what is expected of it. */
export interface Case {
  readonly family: string;
  readonly name: string;
  readonly folder: string;
}

/** The path of a file of the conformance data; the data lies beside the project, not in it. */
export function conformanceFile(...parts: string[]): string {
  return join(ROOT, ...parts);
}

/** The cases of a family; none when the data is not there. */
export function casesOf(family: string): readonly Case[] {
  const folder = join(ROOT, family);
  if (!existsSync(folder)) return [];
  return readdirSync(folder, { withFileTypes: true })
    .filter((entry) => entry.isDirectory())
    .map(({ name }) => ({ family, name, folder: join(folder, name) }))
    .sort((a, b) => (a.name < b.name ? -1 : 1));
}

/** Runs `check` once per case under the ratchet; says so, and counts as skipped, when the data is absent. */
export function describeFamily(family: string, check: (item: Case) => void): void {
  describe(`conformance/${family}`, () => {
    const cases = casesOf(family);
    if (cases.length === 0) return void test.skip(`no cases: ${join(ROOT, family)} is absent`);
    runRatcheted(family, cases, check);
  });
}

export function readYaml(path: string): KubeObject[] {
  const documents = parseAllDocuments(readFileSync(path, "utf8"));
  return documents.flatMap((document) => flatten(document.toJS() as unknown));
}

export function readSnapshot(folder: string, file = "cluster.yaml"): Snapshot {
  return Snapshot.EMPTY.with(readObjects(readYaml(join(folder, file))).changes);
}

/** The expectation is data of a known shape, written by a converter. */
export function readExpected<T>(folder: string, file = "expected.json"): T {
  return JSON.parse(readFileSync(join(folder, file), "utf8")) as T;
}

function flatten(value: unknown): KubeObject[] {
  if (!isRecord(value)) return [];
  return value.kind === "List" && Array.isArray(value.items) ? value.items.flatMap(flatten) : [value as KubeObject];
}
