import { readdirSync } from "node:fs";
import { Ajv } from "ajv";
import { describe, expect, it } from "vitest";
import { CHECKS } from "../../src/rules/index.js";

/** What holds for every check. */

it("there is one file for each, named like its id, and the list is sorted", () => {
  const files = readdirSync(new URL("../../src/rules", import.meta.url)).map((file) => file.replace(".ts", "")).filter((name) => !/^(?!forbid-).*-selector$|^index$|^rule$/.test(name)).sort();
  expect(CHECKS.map(({ id }) => id)).toEqual(files);
});

describe.each(CHECKS.map((check) => [check.id, check] as const))("%s", (_id, check) => {
  const accepts = new Ajv({ strict: false }).compile(check.schema);
  it("says what it takes, and takes nothing else", () => {
    expect(check.schema).toMatchObject({ type: "object", additionalProperties: false });
    expect(accepts({ nobodyKnows: 1 })).toBe(false);
    expect(accepts([])).toBe(false);
  });
  it("every field that it needs is one that it knows", () => {
    const { required = [], properties = {} } = check.schema as { required?: readonly string[]; properties?: object };
    expect(Object.keys(properties)).toEqual(expect.arrayContaining([...required]));
  });
});
