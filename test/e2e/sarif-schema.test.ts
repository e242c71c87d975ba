import { spawnSync } from "node:child_process";
import { readFileSync } from "node:fs";
import { join, resolve } from "node:path";
import Ajv from "ajv-draft-04";
import addFormats from "ajv-formats";
import { describe, expect, it } from "vitest";
import { FINDINGS_REPORTS } from "../../src/reports/index.js";
import { BAD, NONE, OPTIONS, SOME } from "../reports/findings.js";

/** The schema lies in a Go module that test/schemas pins; no npm package under a permissive licence holds it. */
const cwd = resolve(import.meta.dirname, "../schemas");
const { status, stdout } = spawnSync("go", ["mod", "download", "-json", "github.com/securego/gosec/v2"], { cwd, encoding: "utf8", timeout: 100_000 });
const isThere = status === 0;

describe.skipIf(!isThere && process.env["CI"] !== "true")("sarif, by the schema that OASIS published (needs go)", () => {
  it.each([["nothing", NONE], ["findings", SOME], ["hostile text", BAD]] as const)("%s", (_, found) => {
    expect(isThere, "go >= 1.26 on the PATH, and the module proxy").toBe(true);
    const validate = compiledSchema();
    validate(JSON.parse(FINDINGS_REPORTS.sarif(found, OPTIONS)));
    expect(validate.errors ?? []).toEqual([]);
  });

  it("refuses what is no SARIF", () => {
    const validate = compiledSchema();
    const log = JSON.parse(FINDINGS_REPORTS.sarif(SOME, OPTIONS)) as { runs: { results: { level: string }[] }[] };
    for (const { results } of log.runs) for (const result of results) result.level = "bad";
    expect(validate(log)).toBe(false);
  });
});

function compiledSchema(): ReturnType<InstanceType<typeof Ajv.default>["compile"]> {
  const { Dir } = JSON.parse(stdout) as { Dir: string };
  const ajv = new Ajv.default({ strict: false, allErrors: true });
  addFormats.default(ajv);
  return ajv.compile(JSON.parse(readFileSync(join(Dir, "report/sarif/testdata/sarif-schema-2.1.0.json"), "utf8")) as object);
}
