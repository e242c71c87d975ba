import { expect, test } from "vitest";
import type { Decision } from "../../src/model/decision.js";
import { encodeDecision } from "../../src/server/encode.js";
import { respond } from "../../src/server/respond.js";
import { ALLOWED, DENIED, DNS } from "./decisions.js";

const PATCHED: Decision = { ...ALLOWED, patch: [{ op: "add", path: "/metadata/labels", value: { a: "b" } }], packs: "sha256:12" };
const WARNED: Decision = { ...ALLOWED, violations: [{ ...DNS, action: "warn" }], warnings: ["w"] };

test.each([["allowed", ALLOWED], ["patched", PATCHED], ["denied", { ...DENIED, packs: "sha256:12" }], ["warned", WARNED]] satisfies [string, Decision][])("%s: the text is the answer's, whatever the uid, the second time too", (_, decision) => {
  for (const uid of ["u-1", "u-2", 'a"\\\u2028\n', ""]) {
    for (const mutating of [true, false]) {
      const { packs } = decision;
      expect(encodeDecision(decision, uid, mutating)).toBe(JSON.stringify(respond(decision, { uid, mutating, ...(packs !== undefined && { annotations: { packs } }) })));
    }
  }
});
